# Wait until a slot is healthy, and know early when it will not be.
#
# Parameters: HEALTH_TIMEOUT (seconds), HEALTH_RETRIES.
# Output:     FAILED_SERVICE and FAILED_REASON when it fails.
# Exit codes: a function returns 1.

# Exponential backoff from 0.2 s, factor 1.5, at most 3 s between tries; `backoff` returns 1 when HEALTH_TIMEOUT has passed.
backoff_start() {
  read_clock
  BACKOFF_END=$((CLOCK + HEALTH_TIMEOUT * 1000)) BACKOFF_WAIT=200
}

backoff() {
  read_clock
  [ "$CLOCK" -lt "$BACKOFF_END" ] || return 1
  sleep "$((BACKOFF_WAIT / 1000)).$(printf '%03d' $((BACKOFF_WAIT % 1000)))"
  BACKOFF_WAIT=$((BACKOFF_WAIT * 3 / 2))
  [ $BACKOFF_WAIT -le 3000 ] || BACKOFF_WAIT=3000
}

# container_fault SLOT [SERVICE]: true when a container of it has died, restarts, or is gone. One call of the engine each.
container_fault() {
  fault_ids=$(containers_of "$1") || return 1
  # shellcheck disable=SC2086 # one argument an id
  fault_lines=$([ -z "$fault_ids" ] || engine inspect --format \
    '{{index .Config.Labels "service"}} {{.State.Status}} {{.RestartCount}} {{.State.ExitCode}} {{.State.OOMKilled}} {{.State.Error}}' \
    $fault_ids) || return 1
  while read -r fault_service fault_state fault_restarts fault_code fault_oom fault_error; do
    [ "${2:-$fault_service}" = "$fault_service" ] || continue
    case $fault_state-$fault_restarts in
    - | running-0 | created-0) continue ;;
    esac
    FAILED_SERVICE=$fault_service
    FAILED_REASON="its container $(fault_text)"
    return 0
  done <<END
$fault_lines
END
  return 1
}

fault_text() {
  if [ "$fault_oom" = true ]; then
    printf 'was killed: it used more memory than its limit'
  else
    case $fault_state in
    exited | dead) printf 'ended with exit code %s' "$fault_code" ;;
    *) printf 'ended' ;;
    esac
  fi
  [ "$fault_restarts" = 0 ] || printf ', and was started again (%s times)' "$fault_restarts"
  [ -z "$fault_error" ] || printf ' (%s)' "$fault_error"
}

# probe SLOT PATH|release: through the slot's own socket.
probe() {
  [ -n "${PROBED:-}" ] || PROBED=$(container_of "$1" frontend)
  [ -n "$PROBED" ] || return 1
  engine_quietly exec "$PROBED" /usr/local/bin/probe "$2" 2>&1
}

# slot_wait SLOT RELEASE: healthy, and it is the release it should be. Before its first answer it has HEALTH_TIMEOUT; once it
# has answered, HEALTH_RETRIES failures in a row are enough.
slot_wait() {
  PROBED='' slot_answered=no slot_failures=0
  backoff_start
  while :; do
    [ -n "$PROBED" ] || PROBED=$(container_of "$1" frontend)
    if slot_said=$(probe "$1" /health); then
      slot_answered=yes
      slot_smoke "$1" "$2" && return 0
    fi
    container_fault "$1" && return 1
    [ $slot_answered = no ] || slot_failures=$((slot_failures + 1))
    if [ $slot_failures -ge "$HEALTH_RETRIES" ]; then
      slot_blame "$1" "$slot_failures failures in a row after it had answered"
      return 1
    fi
    backoff || {
      slot_blame "$1" "not healthy within $HEALTH_TIMEOUT s"
      return 1
    }
  done
}

# slot_smoke SLOT RELEASE: the page, and the release's name. `probe release` asks for the page and fails when there is none.
slot_smoke() {
  slot_said=$(probe "$1" release) || return 1
  [ "$slot_said" = "$2" ]
}

# slot_blame SLOT WHAT: the backend when the page comes and /health does not, else the frontend.
slot_blame() {
  if probe "$1" release >/dev/null; then FAILED_SERVICE=backend; else FAILED_SERVICE=frontend; fi
  FAILED_REASON="$2${slot_said:+; the last answer: $(one_line "$slot_said" | tail -c 300)}"
}
