# What the tests of scripts/host share: three shells, a bundle, a host of files. Loaded by each *.bats file.

ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
# A host's sh is one of three. Every day a test runs under two of them, in turn; with FULL=1 under all.
ALL_SHELLS='dash busybox bash'
case ${FULL:+all}$((${BATS_TEST_NUMBER:-0} % 3)) in
0) SHELLS='dash busybox' ;;
1) SHELLS='busybox bash' ;;
2) SHELLS='bash dash' ;;
*) SHELLS=$ALL_SHELLS ;;
esac

# fresh: a new host of files for this test; nothing of it is outside $BATS_TEST_TMPDIR.
fresh() {
  local home=$BATS_TEST_TMPDIR/host
  # A child of what a test has just ended may write for a moment more.
  for _ in $(seq 50); do rm -rf "$home" 2>/dev/null && break || sleep 0.1; done
  mkdir -p "$home"/{bin,containers,images,incoming,volumes,networks}
  export FAKE=$home FAKE_PATH=$home/opt/app LOGS=$home/log
  : >"$FAKE/calls"
  # Compose gets a cleared environment: the fake engine's own parameters are in its command.
  printf '#!/bin/sh\nPATH=${PATH#"%s:"} FAKE=%s FAKE_PATH=%s FAKE_ROOT=%s exec %s "$@"\n' "$(links)" "$FAKE" "$FAKE_PATH" "$ROOT" "$BATS_TEST_DIRNAME/fake/docker" >"$FAKE/bin/docker"
  chmod +x "$FAKE/bin/docker"
  bundle >"$home/bundle"
  sed '$d' "$home/bundle" >"$home/functions"
}

bundle() { while read -r name; do cat "$ROOT/scripts/host/$name"; done <"$ROOT/scripts/host/ORDER"; }

# links: where the links to fake/shim are; not in the host of files, so that a copy of it is small.
links() { printf '%s/crash/links' "$BATS_TEST_TMPDIR"; }

# as SHELL COMMAND...: with the fake engine; under busybox also with busybox's own tools; with SHIMMED, before all of them the shim.
as() {
  local tools=${SHIMMED:+$(links):}$FAKE/bin shell=$1
  shift
  case $shell in
  busybox)
    mkdir -p "$BATS_RUN_TMPDIR/applets"
    [ -e "$BATS_RUN_TMPDIR/applets/sh" ] || busybox --install -s "$BATS_RUN_TMPDIR/applets"
    # ps is only the fake engine's own.
    rm -f "$BATS_RUN_TMPDIR/applets/ps"
    PATH=$tools:$BATS_RUN_TMPDIR/applets:$PATH busybox sh "$@"
    ;;
  *) PATH=$tools:$PATH "$shell" "$@" ;;
  esac
}

parameters() {
  cat <<END
APP_NAME='app'
DEPLOYMENT_PATH='$FAKE_PATH'
LOG_PATH='$LOGS'
HTTP_PORT='${PORT:-58123}'
HTTPS_PORT='58124'
ENABLE_HTTPS='${HTTPS:-false}'
CERT_PATH='${CERT_AT:-}'
SERVER_NAMES='${NAMES_WANTED:-}'
POSTGRES_USER='apiuser'
POSTGRES_DB='app'
API_USER_UID='1001'
API_USER_GID='1001'
DATA_PATH='${DATA_AT:-}'
SOCKET_PATH='${SOCKET_AT:-}'
DATA_VOLUME='app_data'
SOCKET_VOLUME='app_socket'
ASSETS_VOLUME='app_assets'
CERTS_VOLUME='app_certs'
TASK='deploy'
OPERATOR='it'\''s me'
MIGRATE_TIMEOUT='${MIGRATE:-20}'
HEALTH_TIMEOUT='${TIMEOUT:-3}'
HEALTH_RETRIES='2'
TRIAL_ANSWERS='2'
DRAIN_SECONDS='1'
VERBOSE='${VERBOSE:-}'
KEEP_RELEASES='${KEEP:-5}'
END
}

# host SHELL COMMAND...: as the workstation sends it, on standard input; what follows the script comes from the file $DATA.
host() {
  local shell=$1
  shift
  { parameters && cat "$FAKE/bundle" && [ -z "${DATA:-}" ] || { sleep 0.5 && cat "$DATA"; }; } | as "$shell" -s "$@"
}

# within SHELL TEXT: with all functions known and the parameters set.
within() {
  local shell=$1
  shift
  parameters >"$FAKE/parameters.$BASHPID" && mv "$FAKE/parameters.$BASHPID" "$FAKE/parameters" # whole for others that run now
  as "$shell" -c "set -eu; LC_ALL=C; . '$FAKE/functions'; . '$FAKE/parameters'; privilege_find; parameters_complete; $*"
}

# release NAME [MIGRATIONS]: a release directory in $FAKE/push, and its images in the engine. SECRETS: names of its values that are files.
release() {
  local directory=$FAKE/push/$1
  mkdir -p "$directory/bin"
  cp "$FAKE/bundle" "$directory/bin/host.sh"
  echo 'services: {}' >"$directory/docker-compose.yml"
  printf 'services:\n  database: {}\n  cluster: {}\n  edge: {}\n' >"$directory/platform.yml"
  [ "${HTTPS:-false}" = false ] || echo 'services: {}' >"$directory/https.yml"
  echo '{}' | tee "$directory/app.env.json" >"$directory/release.json"
  printf "RELEASE='%s'\nDATABASE_FINGERPRINT='%s'\nEDGE_FINGERPRINT='%s'\n" "$1" "${DATABASE:-d}" "${EDGE:-e}" >"$directory/.env"
  {
    printf 'schema=1\nrelease=%s\napp=app\nconfiguration_hash=h\nmigrations=%s\n' "$1" "${2:-}"
    for service in frontend backend database edge; do
      printf 'image.%s=app/%s:c-%s\nlayers.%s=sha256:a,sha256:%s\n' "$service" "$service" "$1" "$service" "$1"
      printf 'sha256:a,sha256:%s\n' "$1" >"$FAKE/images/app+$service:c-$1"
    done
    parameters | sed -n "s/^\([A-Z_]*\)='\(.*\)'$/\1=\2/p" | grep -v -e OPERATOR -e TASK -e VERBOSE
  } >"$directory/release.facts"
  if [ -n "${SECRETS:-}" ]; then
    mkdir -p "$FAKE/values"
    for name in $SECRETS; do echo "$name of $1" >"$FAKE/values/$name"; done
    # shellcheck disable=SC2086 # names
    tar -cf "$directory/app.files.tar" -C "$FAKE/values" $SECRETS
    chmod 600 "$directory/app.files.tar"
  fi
  chmod 600 "$directory/.env" "$directory/app.env.json" "$directory/release.facts"
  (cd "$directory" && find . -type f ! -name SHA256SUMS | sort | xargs sha256sum >SHA256SUMS)
}

# pushed NAME [MIGRATIONS]: the same, in place on the host.
pushed() {
  release "$@"
  mkdir -p "$FAKE_PATH/releases"
  cp -r "$FAKE/push/$1" "$FAKE_PATH/releases/$1"
  printf 'schema=1\nstatus=pending\nseq=\nslot=\n' >"$FAKE_PATH/releases/$1.state"
}

# activated SHELL NAME: pushed and activated in the fake engine.
activated() {
  pushed "$2"
  host "$1" activate "$2"
}

# never COMMAND...: fails when it succeeds. A failing `! command` ends no test, nor does `a && b` where a fails: one line each.
never() { ! "$@"; }

serving() { readlink "$FAKE_PATH/slots/active"; }
status_of() { sed -n 's/^status=//p' "$FAKE_PATH/releases/$1.state"; }
containers() { ls "$FAKE/containers" | tr '\n' ' '; }

# unsettled RELEASE...: what is wrong, a line each; nothing when one of these serves, alone, all that is recorded says so, and
# nothing is left over.
unsettled() {
  local slot release
  slot=$(serving) release=$(sed -n 's/^release=//p' "$FAKE_PATH/active" 2>/dev/null)
  case " $* " in *" $release "*) ;; *) echo "active names '$release'" ;; esac
  [ "$(containers)" = "$slot-backend $slot-frontend platform-database platform-edge " ] || echo "containers: $(containers)"
  grep -qx "release=$release" "$FAKE/containers/$slot-frontend" 2>/dev/null || echo "slot $slot is not of $release"
  grep -qx "slot=$slot" "$FAKE_PATH/active" 2>/dev/null || echo "active names another slot"
  [ "$(readlink "$FAKE_PATH/current")" = "releases/$release" ] || echo "current is $(readlink "$FAKE_PATH/current")"
  [ "$(grep -lx status=active "$FAKE_PATH"/releases/*.state)" = "$FAKE_PATH/releases/$release.state" ] ||
    echo "active by their states: $(grep -lx status=active "$FAKE_PATH"/releases/*.state)"
  [ "$(cd "$FAKE/networks" && echo *)" = "app-$slot" ] || echo "networks: $(ls "$FAKE/networks")"
  grep -qx "fingerprint=$(sed -n "s/^EDGE_FINGERPRINT='\(.*\)'/\1/p" "$FAKE_PATH/releases/$release/.env")" "$FAKE/containers/platform-edge" ||
    echo "the edge is not that of $release"
  secrets_faults "$slot" "$release"
  history_faults
  left_over
}

# secrets_faults SLOT RELEASE: exactly the serving slot has the values that are files, and exactly those of its release.
secrets_faults() {
  local tar=$FAKE_PATH/releases/$2/app.files.tar wanted=
  [ ! -e "$tar" ] || wanted=app_secrets_$1
  [ "$(cd "$FAKE/volumes" && ls -d app_secrets_* 2>/dev/null)" = "$wanted" ] || echo "volumes of secrets: $(ls "$FAKE/volumes")"
  [ -z "$wanted" ] || [ "$(cat "$FAKE/filled/$wanted")" = "$(tar -tf "$tar")" ] || echo "$wanted has other files than release $2"
}

# history_faults: the history is in order, its lines are whole, and the last that became active is what `active` names.
history_faults() {
  local file=$FAKE_PATH/history.jsonl
  [ -e "$file" ] || return 0
  sed -n 's/^{"seq":\([0-9]*\),.*}$/\1/p' "$file" | sort -C -n -u || echo "history: not in order"
  ! grep -v '^{"seq":[0-9]*,.*}$' "$file" || echo "history: a torn line"
  [ ! -e "$FAKE_PATH/active" ] || grep '"result":"active"' "$file" | tail -n 1 |
    grep -q "\"release\":\"$(sed -n 's/^release=//p' "$FAKE_PATH/active")\"" || echo "history: another release became active last"
}

# left_over: what nobody will use any more.
left_over() {
  local file
  [ ! -e "$FAKE_PATH/activation" ] || echo "the journal is still there"
  find "$FAKE_PATH" "$LOGS" \( -name '.*.new' -o -name '.*.old' -o -name '.*.part' -o -name .assets.log -o -name '.migrate.*' -o -name restoring \) 2>/dev/null
  (cd "$FAKE_PATH" && ls -A) | grep -vx -e lock -e active -e identity -e activation.result -e releases -e slots -e current -e previous \
    -e backups -e history.jsonl -e cache -e certificate -e '.reserve.[123]' || true
  for file in "$FAKE_PATH"/releases/*.state; do [ ! -e "$file" ] || [ -d "${file%.state}" ] || echo "$file without its release"; done
  for file in "$FAKE_PATH"/backups/*.facts; do [ ! -e "$file" ] || [ -e "${file%.facts}.dump" ] || echo "$file without its dump"; done
  for file in "$FAKE_PATH"/backups/*.dump; do [ ! -e "$file" ] || [ -e "${file%.dump}.facts" ] || echo "$file without its facts"; done
}
