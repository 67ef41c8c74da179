# Have database and edge as the release wants them. A service whose fingerprint is the running one's is not touched.
#
# Parameters: APP_NAME, POSTGRES_DB, HEALTH_TIMEOUT; the release's .env: DATABASE_FINGERPRINT, EDGE_FINGERPRINT.
# Output:     FAILED_SERVICE and FAILED_REASON are set when it fails.
# Exit codes: a function returns 1.

# told SERVICE COMMAND...: run it; what it says goes to the log; when it fails, its last line is the reason.
told() {
  told_service=$1 told_code=0
  shift
  told_output=$("$@" 2>&1) || told_code=$?
  if [ $told_code != 0 ] || is_verbose; then
    printf '%s\n' "$told_output" | say_lines "  $told_service: "
  fi
  [ $told_code != 0 ] || return 0
  FAILED_SERVICE=$told_service
  FAILED_REASON=$(printf '%s\n' "$told_output" | sed '/^[[:space:]]*$/d' | tail -n 1)
  return 1
}

# env_value RELEASE KEY: from the release's .env, whose values stand in single quotes.
env_value() {
  env_found=$(value_of "$(release_path "$1")/.env" "$2")
  env_found=${env_found#\'}
  printf '%s\n' "${env_found%\'}"
}

# platform_lines: SERVICE FINGERPRINT STATE of what is there.
platform_lines() { containers_of platform '{{.Label "service"}} {{.Label "fingerprint"}} {{.State}}'; }

# is_as_wanted LINES SERVICE FINGERPRINT
is_as_wanted() { printf '%s\n' "$1" | grep -qxF -e "$2 $3 running"; }

platform_key() { if [ "$1" = edge ]; then echo EDGE_FINGERPRINT; else echo DATABASE_FINGERPRINT; fi; }

# platform_ensure RELEASE: J_PLATFORM names the services that were touched, so that they can be put back.
platform_ensure() {
  platform_found=$(platform_lines) || return 1
  for platform_service in database edge; do
    platform_mark=$(env_value "$1" "$(platform_key "$platform_service")")
    is_as_wanted "$platform_found" "$platform_service" "$platform_mark" || platform_put "$1" "$platform_service" || return 1
  done
  [ -f "$DEPLOYMENT_PATH/identity" ] || identity_write "$(container_of platform database)"
}

# platform_put RELEASE SERVICE
platform_put() {
  say "$2: starting (new, or changed)"
  J_PLATFORM="${J_PLATFORM:+$J_PLATFORM }$2"
  journal_write "$J_PHASE" || return 1
  [ "$2" != edge ] || [ "${ASSETS_FRESH:-no}" = no ] || assets_fill "$1" || return 1
  told "$2" compose_platform "$1" up -d --no-deps --no-build --pull never "$2" || return 1
  [ "$2" != database ] || database_wait
}

# database_wait: until it answers a query; ends early when its container has died.
database_wait() {
  backoff_start
  while :; do
    database_id=$(container_of platform database) || return 1
    if [ -n "$database_id" ] && database_ask "$database_id" 'select 1' >/dev/null 2>&1; then
      return 0
    fi
    container_fault platform database && return 1
    backoff || {
      FAILED_SERVICE=database FAILED_REASON="no answer within $HEALTH_TIMEOUT s"
      return 1
    }
  done
}

# database_ask CONTAINER SQL: as the superuser, by peer authentication inside the container.
database_ask() { engine exec "$1" psql -X -A -t -q -d "$POSTGRES_DB" -c "$2"; }
