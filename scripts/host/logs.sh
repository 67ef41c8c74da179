# Show what the services wrote, or the newest deployment log.
#
# Parameters: APP_NAME, LOG_PATH. Arguments: [SERVICE|all|deploy] [LINES]; 100 lines when not said.
# Output:     lines on stdout, `SERVICE | ` before each when there is more than one service.
# Exit codes: 0; 1 there is nothing of that name.

logs() {
  LOGS_LINES=${2:-100}
  case $LOGS_LINES in '' | *[!0-9]*) refuse 2 "not a number of lines: $LOGS_LINES" ;; esac
  case ${1:-all} in
  deploy) logs_deployment ;;
  all | '') logs_services ;;
  *[!a-z-]*) refuse 2 "not a service: $1" ;;
  *) logs_service "$1" ;;
  esac
}

logs_deployment() {
  # shellcheck disable=SC2010,SC2012 # our own names
  logs_newest=$(ls -t "$LOG_PATH"/*.log "$DEPLOYMENT_PATH"/logs/*.log 2>/dev/null | grep -v -e '-install-docker' | head -n 1)
  [ -n "$logs_newest" ] || refuse 1 "there is no deployment log in $LOG_PATH"
  say "$logs_newest"
  tail -n "$LOGS_LINES" "$logs_newest"
}

logs_containers() {
  for logs_slot in "$(served_slot)" platform; do
    [ "$logs_slot" = none ] || containers_of "$logs_slot" '{{.ID}} {{.Label "service"}}'
  done
}

logs_services() {
  logs_containers | while read -r logs_id logs_name; do
    engine_quietly logs --timestamps --tail "$LOGS_LINES" "$logs_id" 2>&1 | sed "s/^/$logs_name | /"
  done
}

logs_service() {
  logs_id=$(logs_containers | sed -n "s/ $1\$//p" | head -n 1)
  [ -n "$logs_id" ] || refuse 1 "there is no container of service $1 here"
  engine_quietly logs --timestamps --tail "$LOGS_LINES" "$logs_id" 2>&1
}
