# Ask the activation in progress to undo what it has done: a person's Ctrl-C. After the switch it finishes.
#
# Parameters: DEPLOYMENT_PATH.
# Output:     cancelled=yes|no (no: nothing to undo, or it finishes).
# Exit codes: 0; 1 it may not be told.

# cancel: the journal is written at once, but not before the activation is started: hence more than one look.
cancel() {
  cancel_looks=0
  until cancel_pid=$(value_of "$DEPLOYMENT_PATH/activation" session) && [ -n "$cancel_pid" ]; do
    cancel_looks=$((cancel_looks + 1))
    [ $cancel_looks -lt 10 ] && [ ! -f "$DEPLOYMENT_PATH/activation.result" ] || {
      fact cancelled no
      return 0
    }
    sleep 0.1
  done
  case $(value_of "$DEPLOYMENT_PATH/activation" phase) in
  switched | committed)
    say "release $(value_of "$DEPLOYMENT_PATH/activation" release) is served already: the host finishes"
    fact cancelled no
    return 0
    ;;
  esac
  # A pid of before a reboot may be somebody else's.
  case $(tr '\0' ' ' <"/proc/$cancel_pid/cmdline" 2>/dev/null) in
  *'host.sh activation '*) ;;
  *)
    fact cancelled no
    return 0
    ;;
  esac
  kill -TERM "$cancel_pid" 2>/dev/null ||
    refuse 1 "$(our_name) may not end process $cancel_pid of $(value_of "$DEPLOYMENT_PATH/activation" operator)" "the same as root, or as the user who began it"
  fact cancelled yes
}
