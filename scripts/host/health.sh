# Wait until a slot is healthy, and know early when it will not be.
#
# Parameters: HEALTH_TIMEOUT (seconds), HEALTH_RETRIES.
# Output:     none.
# Exit codes: a function returns 1, with `blame` (failure.sh).

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

# SERVICE STATE RESTARTS EXIT_CODE OOM_KILLED ERROR of a container.
STATES_FORMAT='{{index .Config.Labels "service"}} {{.State.Status}} {{.RestartCount}} {{.State.ExitCode}} {{.State.OOMKilled}} {{.State.Error}}'

# container_states ID...: a line each.
container_states() { engine inspect --format "$STATES_FORMAT" "$@"; }

# container_fault SLOT [SERVICE]: true when a container of it has died, restarts, or is gone. One call of the engine each.
container_fault() {
  fault_ids=$(containers_of "$1") || return 1
  # shellcheck disable=SC2086 # one argument an id
  fault_lines=$([ -z "$fault_ids" ] || container_states $fault_ids) || return 1
  while read -r fault_service fault_state fault_restarts fault_code fault_oom fault_error; do
    [ "${2:-$fault_service}" = "$fault_service" ] || continue
    is_fault || continue
    blame "$fault_service" "its container $(fault_text)" || return 0
  done <<END
$fault_lines
END
  return 1
}

# is_fault, fault_text: of the line that was read into the fault_ variables.
is_fault() {
  case $fault_state-$fault_restarts in
  - | running-0 | created-0) return 1 ;;
  esac
}

fault_text() {
  if [ "$fault_oom" = true ]; then
    printf 'was killed: it used more memory than its limit'
  else
    case $fault_state/$fault_restarts/$fault_code in
    restarting/[1-9]*/0) fault_before ;; # the code of a run that has just begun
    exited/* | dead/* | restarting/*) printf 'ended with exit code %s' "$fault_code" ;;
    *) fault_before ;;
    esac
  fi
  [ "$fault_restarts" = 0 ] || printf ' (restarts: %s)' "$fault_restarts"
  [ -z "$fault_error" ] || printf ' (%s)' "$fault_error"
}

# fault_before: how one ended that runs again, as the engine's events have it: its state tells of this run only.
fault_before() {
  sleep 1 # `--until 0s` ends with the last whole second
  fault_events=$(timeout 20 docker events --since "${J_STARTED:-1m}" --until 0s --filter "label=app=$APP_NAME" --filter "label=service=$fault_service" \
    --filter event=die --filter event=oom --format '{{.Action}} {{.Actor.Attributes.exitCode}}' 2>/dev/null </dev/null 9>&- | tail -n 2) || fault_events=
  case $fault_events in
  *oom*) printf 'was killed: it used more memory than its limit' ;;
  *'die '*) printf 'ended with exit code %s' "${fault_events##*die }" ;;
  *) printf 'ended' ;;
  esac
}

# probe SLOT PATH|release: through the slot's own socket. Where the engine could not run it, which says nothing of the slot, once more.
probe() {
  [ -n "${PROBED:-}" ] || PROBED=$(container_of "$1" frontend)
  [ -n "$PROBED" ] || return 1
  probe_code=0
  probe_said=$(engine_quietly exec "$PROBED" /usr/local/bin/probe "$2" 2>&1) || probe_code=$?
  case $probe_code-$probe_said in
  0-*) printf '%s\n' "$probe_said" ;;
  *'OCI runtime exec failed'*) engine_quietly exec "$PROBED" /usr/local/bin/probe "$2" 2>&1 ;;
  *) printf '%s\n' "$probe_said" && return "$probe_code" ;;
  esac
}

# slot_wait SLOT RELEASE: healthy twice in a row, and it is the release it should be. Before its first answer it has HEALTH_TIMEOUT;
# once it has answered, HEALTH_RETRIES failures in a row are enough.
slot_wait() {
  PROBED='' slot_release=$2 slot_answered=no slot_healthy=0 slot_failures=0 slot_tries=0
  backoff_start
  while :; do
    [ -n "$PROBED" ] || PROBED=$(container_of "$1" frontend)
    slot_tries=$((slot_tries + 1))
    slot_asked=/health
    if slot_said=$(probe "$1" /health); then
      slot_answered=yes
      slot_smoke "$1" "$2" && slot_healthy=$((slot_healthy + 1)) && {
        [ $slot_healthy -lt 2 ] || return 0
        continue # at once: what answers only once is seen before it is served
      }
    fi
    slot_healthy=0
    if container_fault "$1"; then
      slot_tell "$1"
      return 1
    fi
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
  slot_asked="the page"
  slot_said=$(probe "$1" release) || return 1
  [ "$slot_said" = "$2" ]
}

# slot_blame SLOT WHAT: the backend when the page comes and /health does not, else the frontend.
slot_blame() {
  slot_service=frontend slot_last=$slot_said slot_before=$slot_asked
  if slot_smoke "$1" "$slot_release"; then
    slot_service=backend slot_said=$slot_last slot_asked=$slot_before
  fi
  blame "$slot_service" "$2" || slot_tell "$1"
}

# slot_tell SLOT: what was tried, and what came back; of the backend what it says itself, which the probe leaves out.
slot_tell() {
  read_clock
  tell_id=$(container_of "$1" backend) || tell_id=
  if [ "$FAILED_SERVICE" = backend ] && [ -n "$tell_id" ]; then
    tell_said=$(engine_quietly exec "$tell_id" request "http://127.0.0.1:$(release_value "$J_RELEASE" BACKEND_PORT)/health" 2>&1) || true # what it says of a failure is what is wanted
    case $tell_said in '' | 'Error response'*) ;; *) slot_said=$tell_said ;; esac
  fi
  tried "$slot_asked through slot $1, $slot_tries times in $(((CLOCK - BACKOFF_END) / 1000 + HEALTH_TIMEOUT)) s" "$(last_said "${slot_said:-}")"
  return 1
}

# last_said TEXT: the end of it, on one line.
last_said() { one_line "$1" | tail -c 300; }
