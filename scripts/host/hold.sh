# Hold the lock for a workstation: take it, put right what was cut off, tell the facts, wait for one order, and obey it.
#
# Parameters: all. Argument: TASK. Standard input, after `ready`: ping (again and again), then one of activate RELEASE | rollback [RELEASE] | down [volumes] |
#             prune | backup | restore NAME | restore-forget | resolve-migration NAME rolled-back|applied |
#             maintenance on [MESSAGE]|off | renew-certs | release.
# Output:     locked=yes; recovered=... (recover.sh); the facts; facts.end=yes; ready; pong; results.
# Exit codes: 0 released, or 60 s of silence; 1 cannot; 4 locked by another; else the command's own.

hold() {
  TASK=$(printf '%s' "${1:-$TASK}" | tr -cd 'a-z0-9-')
  deployment_path_make
  lock_take
  fact locked yes
  operation_begin
  hold_prepare 9>&-
  printf 'ready\n'
  while hold_listen; do
    [ "$HOLD_LINE" != ping ] || { printf 'pong\n' && continue; }
    hold_obey
    return 0
  done
}

hold_prepare() {
  own_leftovers
  recover
  stray_check
  facts
  fact facts.end yes
}

# hold_listen: sets HOLD_LINE. The end of the input is the client's end. timeout exits 124, busybox's 143.
# The subshell itself gives up the lock too: bash keeps one around the command, and it would outlive a killed holder.
hold_listen() {
  HOLD_LINE=$(exec 9>&- && timeout 60 head -n 1) || {
    say "no word from the workstation for 60 s: the lock is given back"
    return 1
  }
  [ -n "$HOLD_LINE" ] || record "the workstation ended before it said that all is done: it failed, was interrupted, or is gone"
  [ -n "$HOLD_LINE" ] && [ "$HOLD_LINE" != release ]
}

hold_obey() {
  case $HOLD_LINE in
  'activate '*) activate "${HOLD_LINE#activate }" ;;
  rollback) rollback '' ;;
  'rollback '*) rollback "${HOLD_LINE#rollback }" ;;
  prune) prune_failed_too 9>&- ;;
  backup) backup 9>&- ;;
  restore-forget) restore_forget 9>&- ;;
  'restore '*) restore "${HOLD_LINE#restore }" 9>&- ;;
  'resolve-migration '*)
    hold_words=${HOLD_LINE#resolve-migration }
    resolve_migration "${hold_words% *}" "${hold_words##* }" 9>&-
    ;;
  'maintenance on') maintenance on '' 9>&- ;;
  'maintenance on '*) maintenance on "${HOLD_LINE#maintenance on }" 9>&- ;;
  'maintenance off') maintenance off 9>&- ;;
  renew-certs) renew_certs 9>&- ;;
  down) down_all no 9>&- ;;
  'down volumes') down_all volumes 9>&- ;;
  *) refuse 2 "hold: not a command: $HOLD_LINE" ;;
  esac
}
