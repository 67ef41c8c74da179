# Start an activation in a session of its own, and follow it; losing whoever follows changes nothing.
#
# Parameters: DEPLOYMENT_PATH, LOG_PATH, APP_NAME, TASK, OPERATOR, VERBOSE. The lock is held, on descriptor 9.
# Output:     the log's lines on stderr as they come; the result's lines on stdout (activate.sh).
# Exit codes: the activation's; when it is gone without a result 0 if it had committed, else 1; 130 left by a second Ctrl-C.

# activate RELEASE
activate() {
  is_release_name "$1" || refuse 2 "not a release name: $1"
  [ -f "$(release_path "$1")/bin/host.sh" ] || refuse 1 "there is no release $1 on this host" "fab -H HOST push-config"
  ! is_journal || refuse 1 "an earlier activation could not be undone yet, see above; nothing was changed" "mend what it names, then try again"
  [ -n "${LOG_FILE:-}" ] || log_open 9>&- ||
    refuse 1 "no log can be begun in $log_directory: no space or no inodes are left there, so nothing was started" "on the host: df -h $log_directory; df -i $log_directory"
  log_name "$1" 9>&-
  ACTIVATION_LOG=$LOG_FILE
  rm -f "$DEPLOYMENT_PATH/activation.result"
  operation_follow 9>&-
  launch "$1"
  follow "$1"
}

# launch RELEASE: sets ACTIVATION_PID, and ACTIVATION_UNIT where systemd runs it: a child of ours would die at logout under
# KillUserProcesses. A unit does not inherit a descriptor, so the lock goes over as standard input.
launch() {
  launch_script=$(release_path "$1")/bin/host.sh
  ACTIVATION_UNIT=
  if can_launch_unit; then
    ACTIVATION_UNIT=$APP_NAME-activation-$$
    systemd-run --quiet --collect --pipe --unit="$ACTIVATION_UNIT" --description="activation of $APP_NAME $1" \
      --setenv=PATH="$PATH" --setenv=HOME="${HOME:-/root}" --setenv=TASK="$TASK" --setenv=OPERATOR="$OPERATOR" \
      --setenv=VERBOSE="${VERBOSE:-}" --setenv=ACTIVATION_LOG="$ACTIVATION_LOG" \
      /bin/sh "$launch_script" activation "$1" <&9 >>"$ACTIVATION_LOG" 2>&1 9>&- &
  else
    TASK=$TASK OPERATOR=$OPERATOR VERBOSE=${VERBOSE:-} ACTIVATION_LOG=$ACTIVATION_LOG \
      setsid sh "$launch_script" activation "$1" <&9 >>"$ACTIVATION_LOG" 2>&1 9>&- &
  fi
  ACTIVATION_PID=$!
}

can_launch_unit() {
  [ "$OUR_UID" = 0 ] && [ -d /run/systemd/system ] && command -v systemd-run >/dev/null 2>&1 || return 1
  launch_help=$(systemd-run --help 2>/dev/null 9>&-) || return 1
  case $launch_help in *--pipe*) ;; *) return 1 ;; esac
  case $launch_help in *--collect*) return 0 ;; *) return 1 ;; esac
}

# follow RELEASE: stat and sleep a tenth of a second, until there is a result or nobody who could write one.
follow() {
  trap follow_interrupted INT
  follow_shown=$LOG_SIZE
  while [ ! -f "$DEPLOYMENT_PATH/activation.result" ] && is_activation_alive; do
    follow_log 9>&-
    sleep 0.1 9>&- || : # Ctrl-C ends it
  done
  follow_log 9>&-
  [ -f "$DEPLOYMENT_PATH/activation.result" ] || follow_lost "$1"
  sed '/^exit=/d' "$DEPLOYMENT_PATH/activation.result" 9>&-
  exit "$(value_of "$DEPLOYMENT_PATH/activation.result" exit)"
}

# A person's first Ctrl-C asks for the way back, and is followed to its end; the second leaves the host to itself.
follow_interrupted() {
  trap 'follow_leave' INT
  say "interrupted: undoing it; Ctrl-C again leaves at once"
  (cancel 9>&- >/dev/null) || :
}

follow_leave() {
  printf '%s%s\n' "${OPERATION_WRITER:+$OPERATION_MARK}" "left: this host goes on by itself; host.sh status shows how it stands" >&2
  exit 130
}

is_activation_alive() {
  kill -0 "$ACTIVATION_PID" 2>/dev/null ||
    { [ -n "$ACTIVATION_UNIT" ] && systemctl is-active --quiet "$ACTIVATION_UNIT" 9>&- </dev/null; }
}

# Whole lines that were written since the last look; the writer shows them, and does not write them again.
follow_log() {
  follow_size=$(stat -c %s "$ACTIVATION_LOG" 2>/dev/null) || return 0
  [ "$follow_size" -gt "$follow_shown" ] || return 0
  follow_text=$(tail -c +$((follow_shown + 1)) "$ACTIVATION_LOG" | head -c $((follow_size - follow_shown)) && printf x)
  follow_rest=${follow_text##*"
"}
  follow_text=${follow_text%"$follow_rest"}
  [ -n "$follow_text" ] || return 0
  printf '%s' "$follow_text" | sed "s/^/${OPERATION_WRITER:+$OPERATION_MARK}/" >&2
  follow_shown=$((follow_size - ${#follow_rest} + 1))
}

# Committed is committed: it serves and was verified, and only the tidying up was cut off.
follow_lost() {
  if [ "$(active_value release)" = "$1" ] && [ "$(value_of "$DEPLOYMENT_PATH/activation" phase)" = committed ]; then
    say "release $1 serves; the activation was cut off while it removed the old slot, and the next task on this host does that"
    fact result active
    fact release "$1"
    fact slot "$(served_slot)"
    fact log "$ACTIVATION_LOG"
    exit 0
  fi
  say "the activation of release $1 ended without a result; the next task on this host finishes or undoes it"
  fact result failed
  fact release "$1"
  fact slot "$(served_slot)"
  follow_full=$(J_LOG=$ACTIVATION_LOG && failure_disks)
  fact failed.reason "the activation ended without a result, in phase $(value_of "$DEPLOYMENT_PATH/activation" phase)${follow_full:+: $follow_full}"
  fact log "$ACTIVATION_LOG"
  exit 1
}
