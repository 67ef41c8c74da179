# Try a new database or edge beside the one that serves, before that one is replaced: what cannot start takes nothing away.
#
# A trial is a Compose project of its own, APP_NAME_trial, of the new release's own files: same image, settings, limits and mounts,
# but no published port, and throw-away volumes in the place of the database's data and socket. Its label, slot=trial, keeps it
# apart from all that is counted or served. With nothing to lose (first deployment, or the service does not run) there is none.
#
# Parameters: APP_NAME, DEPLOYMENT_PATH, HEALTH_TIMEOUT, HEALTH_RETRIES, ENABLE_HTTPS.
# Output:     none.
# Exit codes: a function returns 1, with `blame` (failure.sh); what was tried then stays for the report, and `undo` removes it.

# How often in a row a trial has to answer.
TRIAL_ANSWERS=${TRIAL_ANSWERS:-5}

# trial_ensure RELEASE: every service that will be replaced, before the first is.
trial_ensure() {
  platform_find || return 1
  for trial_service in database edge; do
    is_due "$1" "$trial_service" || continue
    [ "$trial_service" != edge ] || ports_check || return 1
    has_to_lose || continue
    [ "$trial_service" != database ] || database_check "$1" || return 1 # what must not get the data is refused for that reason
    say "$trial_service: trying the new one beside the one that serves"
    trial_remove || return 1
    { trial_volumes_make && "trial_$trial_service" "$1"; } || {
      trial_blame "$trial_service"
      return
    }
    trial_remove || return 1
  done
}

# has_to_lose: after `is_due`: something is served, and another one than is wanted runs, and can be reached.
has_to_lose() {
  [ "$(served_slot)" != none ] && [ "$FOUND_STATE" = running ] && [ -n "$FOUND_NETWORKS" ] && [ "$FOUND_MARK" != "$due_mark" ]
}

# trial_blame SERVICE: after `blame`.
trial_blame() {
  [ -n "$FAILED_REASON" ] || FAILED_SERVICE=$1 FAILED_REASON="Docker did not answer"
  blame "$FAILED_SERVICE" "$FAILED_REASON (in a trial; the $1 that serves was not touched)" "$FAILED_NEXT"
}

# trial_database RELEASE: it makes a cluster, and is ready on its socket.
trial_database() {
  if grep -q '^  cluster:' "$(release_path "$1")/platform.yml"; then
    trial_start "$1" cluster database || return 1
    trial_end || return 1
  fi
  trial_start "$1" database database || return 1
  platform_wait trial database "$TRIAL_ANSWERS"
}

# trial_edge RELEASE: it answers, and passes on to the release that is served.
trial_edge() {
  trial_start "$1" edge edge || return 1
  platform_wait trial edge "$TRIAL_ANSWERS" || return 1
  trial_release=$(active_value release) trial_url=http://127.0.0.1:80$(check_path /health) trial_try=1
  [ "$ENABLE_HTTPS" != true ] || trial_url=https://127.0.0.1:443${trial_url#*:80}
  backoff_start
  while :; do
    trial_said=$(request_release "container:$platform_id" "$trial_release" "$trial_url") && [ "$trial_said" = "$trial_release" ] && return 0
    tried "$trial_url in its container, $trial_try times" "$(last_said "$trial_said")"
    ! container_fault trial edge || return 1
    { [ $trial_try -lt "$HEALTH_RETRIES" ] && backoff; } || break
    trial_try=$((trial_try + 1))
  done
  trial_edge_blame
}

# trial_edge_blame: where the edge that serves gets no answer of the release either, that is not the new one's fault.
trial_edge_blame() {
  if serving_answers; then
    blame edge "the new edge does not answer with release $trial_release"
  else
    warn "edge: release $trial_release does not answer, neither through the edge that serves nor through the new one"
  fi
}

# trial_volumes_make: for an edge too, which mounts neither: Compose wants all external volumes of its files.
trial_volumes_make() {
  for trial_volume in data socket; do
    told "$trial_service" engine volume create --label "app=$APP_NAME" --label slot=trial "${APP_NAME}_trial_$trial_volume" || return 1
  done
}

# trial_start RELEASE COMPOSE_SERVICE SERVICE
trial_start() {
  told "$3" trial_compose "$1" run -d -T --no-deps --label slot=trial --label "service=$3" "$2"
}

trial_compose() (
  COMPOSE_DATA=${APP_NAME}_trial_data COMPOSE_SOCKET=${APP_NAME}_trial_socket
  compose_project "${APP_NAME}_trial" "$@"
)

# trial_end: until the one-shot that makes the cluster has ended, and well; then it is removed.
trial_end() {
  trial_id=$(containers_of trial) || return 1
  backoff_start
  while :; do
    case $(engine inspect --format '{{.State.Status}} {{.State.ExitCode}}' "$trial_id") in
    'exited 0') break ;;
    'created '* | 'running '*) ;;
    *)
      container_fault trial database || blame database "its container is gone"
      database_refusal "$trial_id" 20
      return 1
      ;;
    esac
    backoff || {
      blame database "not ready within $HEALTH_TIMEOUT s"
      return
    }
  done
  engine rm -f -v "$trial_id" >/dev/null
}

# trial_remove: whatever a trial has left.
trial_remove() {
  trial_ids=$(containers_of trial) || return 1
  # shellcheck disable=SC2086 # one argument an id
  [ -z "$trial_ids" ] || engine rm -f -v $trial_ids >/dev/null || return 1
  trial_networks=$(engine network ls -q --filter "label=com.docker.compose.project=${APP_NAME}_trial") || return 1
  # shellcheck disable=SC2086
  [ -z "$trial_networks" ] || engine network rm $trial_networks >/dev/null || return 1
  trial_volumes=$(engine volume ls -q --filter "label=app=$APP_NAME" --filter label=slot=trial) || return 1
  # shellcheck disable=SC2086
  [ -z "$trial_volumes" ] || engine volume rm $trial_volumes >/dev/null
}
