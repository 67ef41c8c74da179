# What the tests of scripts/host share: three shells, a bundle, a host of files. Loaded by each *.bats file.

ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
SHELLS='dash busybox bash'

# fresh: a new host of files for this test; nothing of it is outside $BATS_TEST_TMPDIR.
fresh() {
  local home=$BATS_TEST_TMPDIR/host
  rm -rf "$home" && mkdir -p "$home"/{bin,containers,images,incoming,volumes,networks}
  export FAKE=$home FAKE_PATH=$home/opt/app LOGS=$home/log
  : >"$FAKE/calls"
  # Compose gets a cleared environment: the fake engine's own parameters are in its command.
  printf '#!/bin/sh\nFAKE=%s FAKE_PATH=%s exec %s "$@"\n' "$FAKE" "$FAKE_PATH" "$BATS_TEST_DIRNAME/fake/docker" >"$FAKE/bin/docker"
  chmod +x "$FAKE/bin/docker"
  bundle >"$home/bundle"
  sed '$d' "$home/bundle" >"$home/functions"
}

bundle() { while read -r name; do cat "$ROOT/scripts/host/$name"; done <"$ROOT/scripts/host/ORDER"; }

# as SHELL COMMAND...: with the fake engine; under busybox also with busybox's own tools.
as() {
  local tools=$FAKE/bin shell=$1
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
HTTP_PORT='58123'
HTTPS_PORT='58124'
ENABLE_HTTPS='false'
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
  parameters >"$FAKE/parameters"
  as "$shell" -c "set -eu; LC_ALL=C; . '$FAKE/functions'; . '$FAKE/parameters'; privilege_find; parameters_complete; $*"
}

# release NAME [MIGRATIONS]: a release directory in $FAKE/push, and its images in the engine.
release() {
  local directory=$FAKE/push/$1
  mkdir -p "$directory/bin"
  cp "$FAKE/bundle" "$directory/bin/host.sh"
  echo 'services: {}' >"$directory/docker-compose.yml"
  printf 'services:\n  database: {}\n  cluster: {}\n  edge: {}\n' >"$directory/platform.yml"
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
