# Keep what is needed to understand a failure, before what failed is removed: state and logs of every container, in the log file.
#
# `docker inspect` also holds the environment, with the application's secrets: only named parts of it are written.
#
# Parameters: APP_NAME.
# Output:     lines of the log.
# Exit codes: none: a failing report never hides the first error.

# failure_capture SLOT: everything of the slot and the platform to the log; the failed service's last lines at the end.
failure_capture() {
  for failure_slot in "$1" platform; do
    containers_of "$failure_slot" '{{.ID}} {{.Label "service"}}' 2>/dev/null | while read -r failure_id failure_service; do
      say "--- $failure_service ($failure_slot) $(printf '%.12s' "$failure_id")"
      engine inspect --format 'image {{.Config.Image}}
restarts {{.RestartCount}}
state {{json .State}}
mounts {{json .Mounts}}
limits memory {{.HostConfig.Memory}} pids {{json .HostConfig.PidsLimit}}
networks {{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}' "$failure_id" 2>&1 | say_lines '  inspect: '
      engine logs --timestamps --tail 1000 "$failure_id" 2>&1 | say_lines '  log: '
    done
  done
}

# failure_show SLOT SERVICE: the last lines of the one that failed.
failure_show() {
  failure_id=$(containers_of "$1" '{{.ID}} {{.Label "service"}}' 2>/dev/null | sed -n "s/ $2\$//p" | head -n 1)
  [ -n "$failure_id" ] || failure_id=$(containers_of platform '{{.ID}} {{.Label "service"}}' 2>/dev/null | sed -n "s/ $2\$//p" | head -n 1)
  [ -n "$failure_id" ] || return 0
  say "last lines of $2:"
  engine logs --tail 20 "$failure_id" 2>&1 | say_lines '  | '
}
