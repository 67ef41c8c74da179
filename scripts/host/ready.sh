# Wait until a database or an edge is ready, and know early when it will not be: of the platform, or of a trial (trial.sh).
#
# Parameters: HEALTH_TIMEOUT (seconds), HEALTH_RETRIES.
# Output:     none.
# Exit codes: a function returns 1, with `blame` (failure.sh).

# platform_ask CONTAINER SERVICE: whether it is ready for the application, as its own check says; one that hangs is not.
platform_ask() {
  case $2 in
  database) engine_within 10 exec "$1" ready 2>&1 ;;
  edge) engine_within 10 exec "$1" probe 2>&1 ;;
  esac
}

# platform_wait SLOT SERVICE ANSWERS: until it was ready so many times in a row; ends early when its container has died, and after
# HEALTH_RETRIES failures in a row once it was ready. Before anything else is begun: what cannot start is put back at once.
platform_wait() {
  platform_tries=0 platform_answered=no platform_ready=0 platform_bad=0
  backoff_start
  while :; do
    platform_id=$(container_of "$1" "$2") || return 1
    platform_tries=$((platform_tries + 1)) platform_said=
    if [ -n "$platform_id" ] && platform_said=$(platform_ask "$platform_id" "$2"); then
      [ "$platform_answered" = yes ] || BACKOFF_WAIT=200
      platform_answered=yes platform_bad=0 platform_ready=$((platform_ready + 1))
      [ $platform_ready -lt "$3" ] || return 0
    else
      platform_failed "$1" "$2" || return 1
    fi
    backoff || {
      blame "$2" "not ready within $HEALTH_TIMEOUT s"
      return
    }
  done
}

# platform_failed SLOT SERVICE: one look found it not ready. Returns 1, with `blame`, when there is no use in another.
platform_failed() {
  platform_ready=0
  tried "whether it is ready, $platform_tries times" "$(last_said "$platform_said")"
  if container_fault "$1" "$2"; then
    [ "$2" != database ] || database_refusal "$(containers_of "$1" '{{.Label "service"}} {{.ID}}' | sed -n 's/^database //p' | head -n 1)" 20
    return 1
  fi
  [ "$platform_answered" = yes ] || return 0
  platform_bad=$((platform_bad + 1))
  [ $platform_bad -lt "$HEALTH_RETRIES" ] || blame "$2" "$HEALTH_RETRIES failures in a row after it had answered"
}
