# Take the application off this host: both slots, then edge and database. The data stays, unless volumes are asked for.
#
# Parameters: APP_NAME, DEPLOYMENT_PATH, the volumes. Argument: `volumes` removes the volumes too, with all data.
# Output:     removed=SERVICE|VOLUME (repeated).
# Exit codes: 0 nothing of it runs any more; 1 something could not be removed.

down() {
  deployment_path_make
  lock_take
  recover 9>&-
  down_all "${1:-no}" 9>&-
}

# The link goes first: what is half removed must not look like a slot that serves.
down_all() {
  if [ -d "$DEPLOYMENT_PATH/slots" ]; then switch_to none; fi
  for down_slot in blue green platform; do
    down_ids=$(containers_of "$down_slot" '{{.ID}} {{.Label "service"}}')
    [ -n "$down_ids" ] || continue
    # shellcheck disable=SC2046 # one argument an id
    engine stop $(printf '%s\n' "$down_ids" | sed 's/ .*//') >/dev/null
    # shellcheck disable=SC2046
    engine rm -f -v $(printf '%s\n' "$down_ids" | sed 's/ .*//') >/dev/null
    printf '%s\n' "$down_ids" | sed 's/^[^ ]* /removed=/'
  done
  down_networks
  down_state
  [ "$1" != volumes ] || down_volumes
}

down_networks() {
  for down_project in "$APP_NAME-blue" "$APP_NAME-green" "$APP_NAME"; do
    for down_network in $(engine network ls -q --filter "label=com.docker.compose.project=$down_project"); do
      engine network rm "$down_network" >/dev/null
    done
  done
}

# Releases stay, and can be activated again: the one that served is `retired`.
down_state() {
  down_release=$(active_value release)
  rm -f "$DEPLOYMENT_PATH/active" "$DEPLOYMENT_PATH/current" "$DEPLOYMENT_PATH/previous"
  [ -z "$down_release" ] || state_change "$down_release" retired
}

down_volumes() {
  VOLUMES=$(engine volume ls -q)
  volume_names | while IFS= read -r down_volume; do
    case $down_volume in
    /*) say "$down_volume is a directory of the host and stays" ;;
    *)
      is_volume "$down_volume" || continue
      engine volume rm "$down_volume" >/dev/null
      fact removed "$down_volume"
      ;;
    esac
  done
  rm -f "$DEPLOYMENT_PATH/identity" "$DEPLOYMENT_PATH/cache/assets"
}
