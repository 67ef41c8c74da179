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
  [ "$2" != database ] || database_check "$1" || return 1
  told "$2" compose_platform "$1" up -d --no-deps --no-build --pull never "$2" || return 1
  [ "$2" != database ] || database_wait
}

# database_check RELEASE: before the running server is touched: another major version or C library must not get this data.
database_check() {
  check_major=$(value_of "$DEPLOYMENT_PATH/identity" postgres_major) check_flavour=$(value_of "$DEPLOYMENT_PATH/identity" postgres_flavour)
  [ -n "$check_major" ] || return 0
  check_new=$(engine run --rm --pull never --network none --read-only --cap-drop ALL --label "app=$APP_NAME" --entrypoint /bin/sh \
    "$(env_value "$1" DATABASE_IMAGE)" -c 'postgres --version | sed "s/^[^0-9]*\([0-9]*\).*/\1/"; ls /lib/ld-musl-* 2>/dev/null || :') || return 1
  case $check_new in *ld-musl*) check_new_flavour=musl ;; *) check_new_flavour=glibc ;; esac
  check_new=$(printf '%s\n' "$check_new" | head -n 1)
  [ "$check_new/$check_new_flavour" != "$check_major/$check_flavour" ] || return 0
  FAILED_SERVICE=database
  FAILED_REASON="the data is PostgreSQL $check_major's ($check_flavour), the new image is $check_new ($check_new_flavour): not started"
  say "$FAILED_REASON"
  say "  next: set POSTGRES_IMAGE back to major $check_major ($check_flavour); to change, dump with the old image and restore into a fresh volume"
  return 1
}

# database_wait: until it is ready for the application; ends early when its container has died.
database_wait() {
  backoff_start
  while :; do
    database_id=$(container_of platform database) || return 1
    if [ -n "$database_id" ] && engine exec "$database_id" ready >/dev/null 2>&1; then
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
database_ask() { engine exec "$1" psql -X -A -t -q -U postgres -d "$POSTGRES_DB" -c "$2"; }
