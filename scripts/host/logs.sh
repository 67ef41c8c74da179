# Begin a deployment log; show the newest, or what the services wrote.
#
# Parameters: APP_NAME, LOG_PATH, DEPLOYMENT_PATH. Arguments: [SERVICE|all|deploy] [LINES|all] [SINCE] [follow]; the last 100
# lines, or all SINCE, when not said. SINCE is how long ago (10m), or a time; it is not for a deployment's log.
# Output:     lines on stdout, `SLOT/SERVICE | ` or `SERVICE | ` before each when there is more than one container.
# Exit codes: 0; 1 there is nothing of that name, or what is deployed may not be read.

# log_open NAME: a new log, in LOG_FILE; where the user cannot make LOG_PATH, logs are beside the releases.
log_open() {
  log_directory=$LOG_PATH
  if ! { [ -d "$log_directory" ] || ensure_directory "$log_directory" 0750; } 2>/dev/null || [ ! -w "$log_directory" ]; then
    log_directory=$DEPLOYMENT_PATH/logs
    say "$LOG_PATH cannot be written by $(id -un 2>/dev/null || id -u): logs are in $log_directory"
    ensure_directory "$log_directory" 0750
  fi
  LOG_FILE=$log_directory/$(date -u +%Y%m%dT%H%M%SZ)-$1.log
  (: >"$LOG_FILE") 2>/dev/null ||
    refuse 1 "no log can be begun in $log_directory: no space or no inodes are left there, so nothing was started" "on the host: df -h $log_directory; df -i $log_directory"
  chmod 0640 "$LOG_FILE"
  own "$LOG_FILE"
}

logs() {
  require_readable
  LOGS_SINCE=${3:-}
  case $LOGS_SINCE in *[!0-9smhTZ:.+-]*) refuse 2 "not a time: $LOGS_SINCE" "10m, 2h30m, or a time like 2026-01-31T12:00:00Z" ;; esac
  LOGS_LINES=${2:-}
  [ -n "$LOGS_LINES" ] || LOGS_LINES=$([ -n "$LOGS_SINCE" ] && echo all || echo 100)
  case $LOGS_LINES in all) ;; *[!0-9]*) refuse 2 "not a number of lines: $LOGS_LINES" ;; esac
  case ${1:-all} in
  deploy) ;;
  *[!a-z-]*) refuse 2 "not a service: $1" ;;
  *) logs_containers && logs_choose "$1" ;;
  esac
  if [ "${4:-}" = follow ]; then logs_follow "$1"; else logs_once "${1:-all}"; fi
}

logs_once() {
  if [ "$1" = deploy ]; then
    logs_newest
    say "$LOGS_NEWEST"
    logs_last <"$LOGS_NEWEST"
    return
  fi
  printf '%s\n' "$LOGS_CHOSEN" | while read -r logs_id logs_name; do
    case $LOGS_CHOSEN in *"
"*) logs_name="$logs_name | " ;; *) logs_name='' ;; esac
    engine_quietly logs --timestamps --tail "$LOGS_LINES" ${LOGS_SINCE:+--since "$LOGS_SINCE"} "$logs_id" 2>&1 | sed "s,^,$logs_name,"
  done
}

logs_last() { if [ "$LOGS_LINES" = all ]; then cat; else tail -n "$LOGS_LINES"; fi; }

# logs_newest: sets LOGS_NEWEST, the log of the newest deployment.
logs_newest() {
  [ ! -d "$LOG_PATH" ] || [ -r "$LOG_PATH" ] || refuse 1 "$LOG_PATH may not be read by $(id -un 2>/dev/null || id -u)" "the same with sudo"
  # shellcheck disable=SC2010,SC2012 # our own names
  LOGS_NEWEST=$(ls -t "$LOG_PATH"/*.log "$DEPLOYMENT_PATH"/logs/*.log 2>/dev/null | grep -v -e '-install-docker' | head -n 1)
  [ -n "$LOGS_NEWEST" ] || refuse 1 "there is no deployment log in $LOG_PATH or $DEPLOYMENT_PATH/logs" "$(next_deployment)"
}

# logs_containers: sets LOGS_CONTAINERS: ID SLOT/SERVICE, or SERVICE of the platform, of all there are, a line each. Ends with exit
# code 1 when there is nothing.
logs_containers() {
  LOGS_CONTAINERS=$(
    exec 2>/dev/null
    containers_of blue '{{.ID}} {{.Label "slot"}}/{{.Label "service"}}' || exit 1
    containers_of green '{{.ID}} {{.Label "slot"}}/{{.Label "service"}}' || exit 1
    containers_of platform '{{.ID}} {{.Label "service"}}'
  ) || engine_refuse
  [ -n "$LOGS_CONTAINERS" ] || refuse 1 "no container of $APP_NAME is here: nothing is deployed" "$(next_deployment)"
}

# logs_choose all|SERVICE: sets LOGS_CHOSEN, the lines of LOGS_CONTAINERS that are asked for.
logs_choose() {
  LOGS_CHOSEN=$LOGS_CONTAINERS
  [ "$1" != all ] || return 0
  LOGS_CHOSEN=$(printf '%s\n' "$LOGS_CONTAINERS" | grep -e "[ /]$1\$") || refuse 1 "there is no container of service $1 here" \
    "one of: $(printf '%s\n' "$LOGS_CONTAINERS" | sed 's,.*[ /],,' | sort -u | tr '\n' ' ')all deploy"
}

# logs_follow all|SERVICE|deploy: a look each second, until whoever follows is gone: the input ends then. Nothing is left running,
# as a `docker logs --follow` would be, and containers of the next slot are found.
logs_follow() {
  exec 3<&0
  (cat <&3 && kill "$$") >/dev/null 2>&1 9>&- &
  LOGS_STAMPS='' logs_shown=''
  while :; do
    case $1 in
    deploy) logs_grown ;;
    *) logs_written && logs_again "$1" ;;
    esac
    LOGS_LINES=all LOGS_SINCE=
    sleep 1
  done
}

# logs_written: what the chosen containers have written since the last look at each.
logs_written() {
  while read -r logs_id logs_name; do
    logs_stamp=$(printf '%s\n' "$LOGS_STAMPS" | sed -n "s/^$logs_id //p")
    logs_since=${logs_stamp:-$LOGS_SINCE} logs_until=$(date -u +%Y-%m-%dT%H:%M:%S.000000000Z)
    logs_text=$(engine_quietly logs --timestamps --tail "$LOGS_LINES" ${logs_since:+--since "$logs_since"} "$logs_id" 2>&1) || continue
    logs_text=$(printf '%s\n' "$logs_text" | sed -e "/^${logs_stamp:-none} /d" -e '/^$/d')
    if [ -n "$logs_text" ]; then
      printf '%s\n' "$logs_text" | sed "s,^,$logs_name | ,"
      logs_until=$(printf '%s\n' "$logs_text" | sed -n '$s/ .*//p')
    elif [ -n "$logs_stamp" ]; then
      continue
    fi
    LOGS_STAMPS=$(printf '%s\n' "$LOGS_STAMPS" | sed "/^$logs_id /d" && printf '%s %s\n' "$logs_id" "$logs_until")
  done <<END
$LOGS_CHOSEN
END
}

# logs_again all|SERVICE: those that are there now; where there is none, or no engine, the last ones: more may come.
logs_again() {
  logs_found=$(logs_containers 2>/dev/null && logs_choose "$1" 2>/dev/null && printf '%s\n' "$LOGS_CHOSEN") || return 0
  LOGS_CHOSEN=$logs_found
}

# logs_grown: what the newest deployment's log has more than at the last look.
logs_grown() {
  logs_newest
  if [ "$LOGS_NEWEST" != "$logs_shown" ]; then
    say "$LOGS_NEWEST"
    logs_shown=$LOGS_NEWEST logs_size=$(stat -c %s "$LOGS_NEWEST")
    head -c "$logs_size" "$LOGS_NEWEST" | logs_last
    return
  fi
  logs_grows=$(stat -c %s "$LOGS_NEWEST")
  tail -c +$((logs_size + 1)) "$LOGS_NEWEST" | head -c $((logs_grows - logs_size))
  logs_size=$logs_grows
}
