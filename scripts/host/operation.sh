# Write down what a changing task does on this host: a log from its start to its end, also when it fails or is killed.
#
# A line is `TIME [STEP] HOST: MESSAGE`, the time in ISO 8601 and UTC. All that the task says goes through one writer, a process
# that outlives a kill of the task: it stamps what has no stamp (Docker's own words), and passes everything on to whoever
# started the task, without stamps unless VERBOSE. Lines of the steps `capture` and `log` are for the log alone. The activation
# has a writer of its own (activate.sh), and the parts of a task that come in another conversation write into the same log.
#
# Parameters: LOG_PATH, DEPLOYMENT_PATH, TASK, OPERATOR, LOG_RELEASE (the release that the task is about, where it is known).
# Output:     LOG_FILE; the lines, on stderr.
# Exit codes: none of its own: a task goes on without a log, but for an activation (follow.sh).

# What tells the writer's orders from lines: it is in no message.
OPERATION_MARK=$(printf '\037')

# log_open: a new log with its first line, in LOG_FILE; else 1. Where the user cannot make LOG_PATH, logs are beside the releases. Two in one second do not
# share one.
log_open() {
  log_directory=$LOG_PATH
  if ! { [ -d "$log_directory" ] || ensure_directory "$log_directory" 0750; } 2>/dev/null || [ ! -w "$log_directory" ]; then
    log_directory=$DEPLOYMENT_PATH/logs
    say "$LOG_PATH cannot be written by $(our_name): logs are in $log_directory"
    ensure_directory "$log_directory" 0750
  fi
  log_release=${LOG_RELEASE:-}
  is_release_name "$log_release" || log_release=$(active_value release)
  until LOG_STEM=$log_directory/$(date -u +%Y%m%dT%H%M%SZ)-$TASK && set -- "$LOG_STEM"-*.log && [ ! -e "$1" ]; do
    sleep 0.2
  done
  LOG_FILE=$LOG_STEM-${log_release:-none}.log
  (operation_line log "$TASK by $(one_line "$OPERATOR")" >"$LOG_FILE") 2>/dev/null || {
    rm -f "$LOG_FILE"
    LOG_FILE=''
    return 1
  }
  chmod 0640 "$LOG_FILE"
  own "$LOG_FILE"
}

# log_name RELEASE: now that the task knows what it is about.
log_name() {
  [ "$LOG_FILE" != "$LOG_STEM-$1.log" ] || return 0
  mv -T "$LOG_FILE" "$LOG_STEM-$1.log"
  LOG_FILE=$LOG_STEM-$1.log
  lock_write
}

# operation_begin: under the lock. A full disk must not keep `prune` from making room.
operation_begin() {
  rm -f "$DEPLOYMENT_PATH"/.talk.* 9>&-
  log_open 9>&- || {
    warn "no log can be begun in $log_directory: no space or no inodes are left there; this task leaves none"
    return 0
  }
  lock_write 9>&-
  operation_talk
  trap 'operation_end $?' EXIT
}

operation_end() { record "$TASK ended with exit code $1"; }

# operation_join STEP: a part of the task that holds the lock.
operation_join() {
  STEP=$1
  LOG_FILE=$(lock_log)
  [ ! -w "$LOG_FILE" ] || operation_talk
}

# operation_talk: from now on all that is said goes through the writer. It never has the lock: hence not to be called within a
# `9>&-`, which a shell undoes by a copy that a child inherits.
operation_talk() {
  operation_pipe=$DEPLOYMENT_PATH/.talk.$$
  rm -f "$operation_pipe" 9>&-
  mkfifo -m 0600 "$operation_pipe" 9>&- || return 0
  exec 5>>"$LOG_FILE" # here: the writer starts when it likes, and the log may have another name by then
  (exec 9>&- && operation_write) <"$operation_pipe" &
  OPERATION_WRITER=$!
  exec 5>&- 2>"$operation_pipe"
  rm -f "$operation_pipe" 9>&-
  STAMPED=yes
}

# operation_write: onto descriptor 5, until its input ends, or it is told to stop. What cannot be written is lost, and holds nobody up.
operation_write() {
  trap '' HUP INT TERM PIPE
  written_step=${STEP:-$TASK} written_shown=${OPERATION_CLIENT:-yes}
  while IFS= read -r written || [ -n "$written" ]; do
    case $written in
    "${OPERATION_MARK}stop") return 0 ;;
    "${OPERATION_MARK}follow")
      written_shown=no
      operation_line log "following the activation" >&5 || :
      continue
      ;;
    "$OPERATION_MARK"*)
      operation_show "${written#"$OPERATION_MARK"}"
      continue
      ;;
    [0-9][0-9][0-9][0-9]-??-??T??:??:??Z\ \[*\]\ *)
      case $written in
      *Z\ \[capture\]\ * | *Z\ \[log\]\ *) ;;
      *) written_step=${written#*\[} && written_step=${written_step%%\]*} ;;
      esac
      ;;
    *) written=$(operation_line "$written_step" "$written") ;;
    esac
    { printf '%s\n' "$written" >&5; } 2>/dev/null || :
    [ "$written_shown" = no ] || operation_show "$written"
  done
}

# operation_line STEP MESSAGE
operation_line() {
  [ -n "${HOST_NAME:-}" ] || read -r HOST_NAME </proc/sys/kernel/hostname || HOST_NAME=$(uname -n)
  printf '%s [%s] %s: %s\n' "$(now)" "$1" "$HOST_NAME" "$2"
}

# operation_show LINE: to whoever started the task. A release of before has other lines in its activation: `TIME MESSAGE`, and
# `TIME : MESSAGE` for the log alone.
operation_show() {
  case $1 in
  ????-??-??T??:??:??Z\ \[capture\]\ * | ????-??-??T??:??:??Z\ \[log\]\ * | ????-??-??T??:??:??Z\ :\ *) return 0 ;;
  ????-??-??T??:??:??Z\ \[*\]\ *) shown=${1#*\] } && shown=${shown#*: } ;;
  ????-??-??T??:??:??Z\ *) shown=${1#* } ;;
  *) shown=$1 ;;
  esac
  ! is_verbose || shown=$1
  printf '%s\n' "$shown" >&2 || :
}

# operation_stop: all that was said is in the log when this returns, and nothing more can be said.
operation_stop() {
  [ -n "${OPERATION_WRITER:-}" ] || return 0
  printf '%sstop\n' "$OPERATION_MARK" >&2 || :
  wait "$OPERATION_WRITER" || :
  exec 2>/dev/null
}

# operation_follow: from now on lines go into the log alone, and those of the log that are after LOG_SIZE are for whoever follows.
operation_follow() {
  LOG_SIZE=0
  [ -n "${OPERATION_WRITER:-}" ] || return 0
  printf '%sfollow\n' "$OPERATION_MARK" >&2
  operation_looks=0 # where nothing more can be written, it is not waited for
  until tail -n 1 "$LOG_FILE" 2>/dev/null | grep -q '\[log\] .*following the activation$' || [ $operation_looks = 100 ]; do
    operation_looks=$((operation_looks + 1))
    sleep 0.05
  done
  LOG_SIZE=$(stat -c %s "$LOG_FILE")
}
