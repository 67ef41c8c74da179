# Show what the services wrote, or the newest log of a task (operation.sh).
#
# Parameters: APP_NAME, LOG_PATH, DEPLOYMENT_PATH. Arguments: [SERVICE|all|TASK] [LINES|all] [SINCE] [follow]; the last 100
# lines, or all SINCE, when not said. SINCE is how long ago (10m), or a time; it is not for a task's log.
# Output:     lines on stdout, `SLOT/SERVICE | ` or `SERVICE | ` before each when there is more than one container.
# Exit codes: 0; 1 there is nothing of that name, or what is deployed may not be read.

logs() {
  require_readable
  LOGS_SINCE=${3:-}
  case $LOGS_SINCE in *[!0-9smhTZ:.+-]*) refuse 2 "not a time: $LOGS_SINCE" "10m, 2h30m, or a time like 2026-01-31T12:00:00Z" ;; esac
  LOGS_LINES=${2:-}
  [ -n "$LOGS_LINES" ] || LOGS_LINES=$([ -n "$LOGS_SINCE" ] && echo all || echo 100)
  case $LOGS_LINES in all) ;; *[!0-9]*) refuse 2 "not a number of lines: $LOGS_LINES" ;; esac
  case ${1:-all} in
  *[!a-z-]*) refuse 2 "not a service or a task: $1" ;;
  esac
  is_task "${1:-all}" || { logs_containers && logs_choose "${1:-all}"; }
  if [ "${4:-}" = follow ]; then logs_follow "${1:-all}"; else logs_once "${1:-all}"; fi
}

# is_task NAME: one that changes this host, and leaves a log.
is_task() {
  case $1 in
  deploy | up | push-config | ship-images | rollback | restart | down | prune | maintenance | backup | restore | resolve-migration | install-docker) ;;
  *) return 1 ;;
  esac
}

logs_once() {
  if is_task "$1"; then
    logs_newest "$1"
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

# logs_newest TASK: sets LOGS_NEWEST.
logs_newest() {
  [ ! -d "$LOG_PATH" ] || [ -r "$LOG_PATH" ] || refuse 1 "$LOG_PATH may not be read by $(our_name)" "the same with sudo"
  # shellcheck disable=SC2012 # our own names
  LOGS_NEWEST=$(ls -t "$LOG_PATH"/*Z-"$1"-*.log "$DEPLOYMENT_PATH"/logs/*Z-"$1"-*.log 2>/dev/null | head -n 1)
  [ -n "$LOGS_NEWEST" ] || {
    logs_next=$(logs_there)
    refuse 1 "there is no log of $1 in $LOG_PATH or $DEPLOYMENT_PATH/logs" "${logs_next:-$(next_deployment)}"
  }
}

# logs_there: the command that shows those of tasks, with the tasks that have left one; nothing when none has.
logs_there() {
  # shellcheck disable=SC2012
  there=$(ls "$LOG_PATH" "$DEPLOYMENT_PATH/logs" 2>/dev/null | sed -n 's/^[0-9]*T[0-9]*Z-\([a-z-]*[a-z]\)-.*\.log$/\1/p' | sort -u | tr '\n' ' ')
  [ -z "$there" ] || printf 'fab -H HOST logs --service TASK, one of: %s\n' "${there% }"
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
  [ -n "$LOGS_CONTAINERS" ] || refuse 1 "no container of $APP_NAME is here: nothing runs" "$(next_deployment && logs_there)"
}

# logs_choose all|SERVICE: sets LOGS_CHOSEN, the lines of LOGS_CONTAINERS that are asked for.
logs_choose() {
  LOGS_CHOSEN=$LOGS_CONTAINERS
  [ "$1" != all ] || return 0
  LOGS_CHOSEN=$(printf '%s\n' "$LOGS_CONTAINERS" | grep -e "[ /]$1\$") || refuse 1 "there is no container of service $1 here" \
    "one of: $(printf '%s\n' "$LOGS_CONTAINERS" | sed 's,.*[ /],,' | sort -u | tr '\n' ' ')all, or a task: deploy, rollback …"
}

# logs_follow all|SERVICE|TASK: a look each second, until whoever follows is gone: the input ends then. Nothing is left running,
# as a `docker logs --follow` would be, and containers of the next slot are found.
logs_follow() {
  exec 3<&0
  (cat <&3 && kill "$$") >/dev/null 2>&1 9>&- &
  LOGS_STAMPS='' logs_shown='' logs_task=none
  ! is_task "$1" || logs_task=$1
  while :; do
    case $1 in
    "$logs_task") logs_grown "$1" ;;
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

# logs_grown TASK: what its newest log has more than at the last look.
logs_grown() {
  logs_newest "$1"
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
