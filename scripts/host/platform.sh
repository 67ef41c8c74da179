# Have database and edge as the release wants them. A service whose fingerprint is the running one's is not touched.
#
# Parameters: APP_NAME, POSTGRES_DB, HEALTH_TIMEOUT; the release's .env: DATABASE_FINGERPRINT, EDGE_FINGERPRINT.
# Output:     none.
# Exit codes: a function returns 1, with `blame` (failure.sh).

# Seconds beyond HEALTH_TIMEOUT that the engine may take to replace a container.
PLATFORM_PATIENCE=${PLATFORM_PATIENCE:-120}

# platform_find: what is there of the platform, for the functions below. A recreation that was cut off leaves two of one service: the
# one that runs comes first.
platform_find() {
  platform_found=$(containers_of platform '{{.Label "service"}} {{.State}} {{.Label "fingerprint"}} {{.Networks}}') || return 1
  platform_found=$(printf '%s\n' "$platform_found" | sort -k2,2r)
}

# platform_look SERVICE: sets FOUND_STATE, FOUND_MARK, FOUND_NETWORKS, and PLATFORM_FAULT: why what is there cannot stay,
# whatever a release wants; empty where it can. All such reasons are here: a plan tells what this says (facts).
platform_look() {
  while read -r found_service FOUND_STATE FOUND_MARK FOUND_NETWORKS; do [ "$found_service" != "$1" ] || break; done <<END
$platform_found
END
  case $FOUND_STATE in
  '') PLATFORM_FAULT='it has no container' ;;
  running) platform_look_running "$1" ;;
  restarting) PLATFORM_FAULT='it ends and is started over and over' ;;
  *) PLATFORM_FAULT="its container is $FOUND_STATE" ;;
  esac
}

# platform_look_running SERVICE: a server on data that this host does not know as its own (the first deployment was cut off, or
# somebody has removed the identity) is started anew; an edge without a network is healthy inside, and its published port is closed.
platform_look_running() {
  PLATFORM_FAULT=
  if [ -z "$FOUND_NETWORKS" ]; then
    PLATFORM_FAULT='it has lost its network'
  elif [ "$1" = database ] && [ ! -f "$DEPLOYMENT_PATH/identity" ]; then
    PLATFORM_FAULT="which data is this host's is not recorded: $DEPLOYMENT_PATH/identity is gone"
  fi
}

# fault_facts: fault=SERVICE REASON, repeated.
fault_facts() {
  faults 2>/dev/null | while read -r fault_line; do fact fault "$fault_line"; done
}

# faults: SERVICE REASON of what cannot stay as it is, of the platform and of the slot that serves.
faults() {
  platform_found=
  ! command -v docker >/dev/null || platform_find || return 0
  for platform_service in database edge; do
    platform_look "$platform_service"
    [ -z "$PLATFORM_FAULT" ] || printf '%s %s\n' "$platform_service" "$PLATFORM_FAULT"
  done
  slots_astray | while read -r astray_service astray_id; do
    printf '%s it looks at another directory than %s, which a copy has replaced\n' "$astray_service" "$DEPLOYMENT_PATH/slots"
  done
}

# platform_wake: what somebody has paused goes on as it is; to be replaced, it would have to hear its stop signal.
platform_wake() {
  wake_ids=$(containers_of platform '{{.State}} {{.ID}}' | sed -n 's/^paused //p') || return 1
  [ -n "$wake_ids" ] || return 0
  say "what was paused of database and edge goes on"
  # shellcheck disable=SC2086 # one argument an id
  told platform engine unpause $wake_ids
}

platform_key() { if [ "$1" = edge ]; then echo EDGE_FINGERPRINT; else echo DATABASE_FINGERPRINT; fi; }

# platform_ensure RELEASE [SERVICES]: J_PLATFORM names the services that were touched, so that they can be put back.
platform_ensure() {
  platform_find || return 1
  for platform_service in ${2:-database edge}; do
    ! is_due "$1" "$platform_service" || platform_put "$1" "$platform_service" || return 1
    [ "$platform_service" != database ] || database_own || return 1
  done
}

# is_due RELEASE SERVICE: it cannot stay, or another one is wanted. What it has found is for its caller, too.
is_due() {
  due_mark=$(env_value "$1" "$(platform_key "$2")")
  platform_look "$2"
  [ -n "$PLATFORM_FAULT" ] || { [ "$FOUND_MARK" != "$due_mark" ] && ! is_left_alone "$2"; }
}

# database_own: the server that runs has this host's data; on a host that has had none, its data is this host's from now on.
database_own() {
  own_id=$(container_of platform database) || return 1
  database_here "$own_id" || return 1
  identity_write "$own_id" || blame database "the running server does not say which data it has" "fab -H HOST logs --service database"
}

# is_left_alone SERVICE: going back, or starting anew, never touches a database that runs.
is_left_alone() { case ${J_TASK:-}-$1 in rollback-database | restart-database) ;; *) return 1 ;; esac }

# platform_put RELEASE SERVICE: after `is_due`. Compose would leave alone what runs and cannot stay; what has ended is started again, and
# keeps its log.
platform_put() {
  say "$2: starting (${PLATFORM_FAULT:-another one is wanted})"
  platform_force=
  case $FOUND_STATE in '' | created | exited) ;; *) [ -z "$PLATFORM_FAULT" ] || platform_force=--force-recreate ;; esac
  J_PLATFORM="${J_PLATFORM:+$J_PLATFORM }$2"
  journal_write "$J_PHASE" || return 1
  if [ "$2" = database ]; then
    database_check "$1" || return 1
    database_make "$1" || return 1
  fi
  # shellcheck disable=SC2086 # an option or nothing
  told "$2" platform_up "$1" $platform_force "$2" || return 1
  platform_wait platform "$2" 1
}

# platform_up RELEASE [OPTION] SERVICE: an engine that hangs does not hold the host up: what was there is put back. The stop of the
# old database may take 90 s of it (stop_grace_period).
platform_up() (
  up_release=$1 COMPOSE_WITHIN=$((HEALTH_TIMEOUT + PLATFORM_PATIENCE)) up_code=0
  shift
  compose_platform "$up_release" up -d --no-deps --no-build --pull never "$@" || up_code=$?
  case $up_code in 124 | 143) printf 'its container was not replaced within %s s\n' "$COMPOSE_WITHIN" ;; esac
  return $up_code
)

# database_make RELEASE: the cluster, on a host that has had no database: no start of the server ever makes one. Killed at any moment,
# it is run again; where there is a cluster already, it changes nothing.
database_make() {
  [ ! -f "$DEPLOYMENT_PATH/identity" ] || return 0
  grep -q '^  cluster:' "$(release_path "$1")/platform.yml" || return 0 # a release of before: its image makes it at its start
  make_left=$(containers_of platform '{{.Label "service"}} {{.ID}}' | sed -n 's/^cluster //p')
  # shellcheck disable=SC2086 # one argument an id
  [ -z "$make_left" ] || engine rm -f $make_left >/dev/null || return 1
  say "database: this host has had none: making one"
  make_said=$(compose_platform "$1" --profile cluster run --rm --no-deps -T cluster 2>&1) && return 0
  printf '%s\n' "$make_said" | say_lines '  database: '
  blame database "no cluster could be made: $(printf '%s\n' "$make_said" | tail -n 1)" || true
  database_refused "$make_said" || true
  return 1
}

# database_look RELEASE: the image's major version, its C library, and the cluster's PG_VERSION and system identifier where there is
# one; closed=UID:GID MODE and ours=UID:GID where the database's user may not look.
database_look() {
  # shellcheck disable=SC2016 # the container's variable
  engine run --rm --pull never --network none --read-only --cap-drop ALL --label "app=$APP_NAME" \
    --mount "type=volume,source=$DATA_VOLUME,target=/var/lib/postgresql/data,readonly,volume-nocopy" --entrypoint /bin/sh \
    "$(env_value "$1" DATABASE_IMAGE)" -c \
    'postgres --version | sed "s/^[^0-9]*\([0-9]*\).*/\1/"; ls /lib/ld-musl-* "$PGDATA/PG_VERSION" 2>/dev/null || :
    for place in "${PGDATA%/*}" "$PGDATA"; do [ ! -e "$place" ] || { [ -r "$place" ] && [ -x "$place" ]; } ||
      printf "closed=%s\nours=%s\n" "$(stat -c "%u:%g %a" "$place")" "$(id -u):$(id -g)"; done
    LC_ALL=C pg_controldata 2>/dev/null | sed -n "s/^Database system identifier: */system=/p"'
}

# database_check RELEASE: before the running server is touched: another major version or C library must not get this data, and in
# the place of data that is gone no new, empty database is made.
database_check() {
  check_major=$(value_of "$DEPLOYMENT_PATH/identity" postgres_major) check_flavour=$(value_of "$DEPLOYMENT_PATH/identity" postgres_flavour)
  [ -n "$check_major" ] || return 0
  check_new=$(database_look "$1") || {
    blame database "the image $(env_value "$1" DATABASE_IMAGE) could not be asked for its version on the data volume $DATA_VOLUME${DATA_PATH:+ (directory $DATA_PATH)}"
    return 1
  }
  case $check_new in
  *closed=*)
    check_ours=$(printf '%s\n' "$check_new" | sed -n 's/^ours=//p' | head -n 1)
    blame database "the data is there, but belongs to $(printf '%s\n' "$check_new" | sed -n 's/^closed=//p' | head -n 1), as after a copy made by root: the database runs as $check_ours and may not read it" \
      "on the host, as root: chown -R $check_ours ${DATA_PATH:-$(engine volume inspect --format '{{.Mountpoint}}' "$DATA_VOLUME")}; then fab -H HOST up"
    return 1
    ;;
  *PG_VERSION*) ;;
  *)
    blame database "the data volume $DATA_VOLUME${DATA_PATH:+ (directory $DATA_PATH)} is empty; this host had a database, and a new one will not be made in its place" \
      "$(database_next)"
    return 1
    ;;
  esac
  check_new_flavour=$(server_flavour "$check_new")
  check_system=$(printf '%s\n' "$check_new" | sed -n 's/^system=//p')
  check_new=$(printf '%s\n' "$check_new" | head -n 1)
  if [ "$check_new/$check_new_flavour" = "$check_major/$check_flavour" ]; then
    database_check_system "$check_system"
    return
  fi
  blame database "the data is PostgreSQL $check_major's ($check_flavour), the new image is $check_new ($check_new_flavour): not started" \
    "set POSTGRES_IMAGE back to major $check_major ($check_flavour); to change, dump with the old image and restore into a fresh volume"
}

# database_check_system FOUND: a volume of the right name may hold another database.
database_check_system() {
  check_known=$(value_of "$DEPLOYMENT_PATH/identity" postgres_system)
  [ -n "$check_known" ] && [ "$1" != "$check_known" ] || return 0
  blame database "the data volume $DATA_VOLUME${DATA_PATH:+ (directory $DATA_PATH)} holds another database than this host's (system identifier $1, not $check_known)" \
    "bring the right data back, then fab -H HOST up; or, if what is there now is to be used: rm $DEPLOYMENT_PATH/identity, then fab -H HOST up"
}

# database_refusal CONTAINER LINES: what the image has refused, in so many last lines of the log, is the reason, and its remedy the
# next step; not that its container ended. Returns 1, with `blame`, where it has.
database_refusal() {
  refusal_log=$(engine_quietly logs --tail "$2" "$1" 2>&1) || return 0
  database_refused "$refusal_log"
}

# database_refused TEXT
database_refused() {
  refused_said=$(printf '%s\n' "$1" | sed -n 's/^database: \(refused: .*\)/\1/p' | tail -n 1)
  [ -z "$refused_said" ] || blame database "$refused_said" "$(printf '%s\n' "$1" | sed -n 's/^database: remedy: //p' | tail -n 1)"
}
