# Take the application off this host: both slots, then edge and database. The data stays, unless volumes are asked for.
#
# Parameters: APP_NAME, DEPLOYMENT_PATH, the volumes. Argument: `volumes` removes the volumes too, with all data.
# Output:     removed=SERVICE|VOLUME, kept=DIRECTORY (repeated).
# Exit codes: 0 nothing of it runs any more; 1 something could not be removed.

# The link goes first: what is half removed must not look like a slot that serves.
down_all() {
  if [ -d "$DEPLOYMENT_PATH/slots" ]; then switch_to none; fi
  trial_remove
  for down_slot in blue green platform; do
    down_ids=$(containers_of "$down_slot" '{{.ID}} {{.Label "service"}}')
    [ -n "$down_ids" ] || continue
    # shellcheck disable=SC2046 # one argument an id
    engine stop $(printf '%s\n' "$down_ids" | sed 's/ .*//') >/dev/null
    # shellcheck disable=SC2046
    engine rm -f -v $(printf '%s\n' "$down_ids" | sed 's/ .*//') >/dev/null
    printf '%s\n' "$down_ids" | sed 's/^[^ ]* /removed=/'
  done
  secrets_remove blue
  secrets_remove green
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

# Releases stay, and can be activated again: the one that served is `retired`. `active` goes last: as long as it is there, `down`
# has something to end, and nobody takes this host for one that has never had a release.
down_state() {
  down_release=$(active_value release)
  rm -f "$DEPLOYMENT_PATH/current" "$DEPLOYMENT_PATH/previous"
  [ -z "$down_release" ] || state_change "$down_release" retired
  rm -f "$DEPLOYMENT_PATH/active"
}

# The identity goes first: without it, what is left of the volumes serves again, and nothing of them is missed.
down_volumes() {
  VOLUMES=$(engine volume ls -q)
  rm -rf "$DEPLOYMENT_PATH/identity" "$DEPLOYMENT_PATH/cache/assets" "$(certificate_record)" "$(certificate_staged)"
  volume_names | while IFS= read -r down_volume; do
    is_volume "$down_volume" || continue
    down_directory=$(volume_directory "$down_volume")
    engine volume rm "$down_volume" >/dev/null
    fact removed "$down_volume"
    [ -z "$down_directory" ] || down_kept "$down_directory"
  done
}

# down_kept DIRECTORY: a volume on DATA_PATH or SOCKET_PATH is only a name for it; the directory is its owner's.
down_kept() {
  down_inside=$(ls -A "$1" 2>/dev/null) && [ -z "$down_inside" ] && return 0
  fact kept "$1"
  say "the files in $1 stay: the directory is yours, and is never emptied or removed here"
  say "  next, if they may go, on the host: sudo find $1 -mindepth 1 -delete"
}
