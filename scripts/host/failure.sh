# Keep what is needed to understand a failure, before what failed is removed: state and logs of every container, in the log file.
#
# `docker inspect` also holds the environment, with the application's secrets: only named parts of it are written.
#
# Parameters: APP_NAME.
# Output:     lines of the log.
# Exit codes: none: a failing report never hides the first error.

# failure_capture SLOT: everything of the slot and the platform, to the log only.
failure_capture() {
  for failure_slot in "$1" platform; do
    containers_of "$failure_slot" '{{.ID}} {{.Label "service"}}' 2>/dev/null | while read -r failure_id failure_service; do
      printf -- '--- %s (%s) %.12s\n' "$failure_service" "$failure_slot" "$failure_id" | note
      # shellcheck disable=SC2016 # the template's own variables
      engine_quietly inspect --format 'image {{.Config.Image}}
restarts {{.RestartCount}}
state {{json .State}}
mounts {{json .Mounts}}
limits memory {{.HostConfig.Memory}} pids {{json .HostConfig.PidsLimit}}
networks {{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}' "$failure_id" 2>&1 | sed "s/^/$failure_service inspect: /" | note
      engine_quietly logs --timestamps --tail 500 "$failure_id" 2>&1 | sed "s/^/$failure_service: /" | note
    done
  done
}

# failure_show SLOT SERVICE: the last lines of the one that failed.
failure_show() {
  failure_id=$(containers_of "$1" '{{.ID}} {{.Label "service"}}' 2>/dev/null | sed -n "s/ $2\$//p" | head -n 1)
  [ -n "$failure_id" ] || failure_id=$(containers_of platform '{{.ID}} {{.Label "service"}}' 2>/dev/null | sed -n "s/ $2\$//p" | head -n 1)
  [ -n "$failure_id" ] || return 0
  say "last lines of $2:"
  engine_quietly logs --tail 20 "$failure_id" 2>&1 | say_lines '  | '
}
