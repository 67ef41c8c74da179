# Make a release the one that serves: one transaction, in a session of its own, that ends with the old or the new one serving.
#
# Standard input is the lock's descriptor (see lock.sh); standard output and error are the log file.
# Phases: started, migrated, slot-up, switched, committed (journal.sh); a failure before `committed` is undone (recover.sh).
#
# Parameters: those of the release's own release.facts; TASK, OPERATOR, VERBOSE, ACTIVATION_LOG.
# Output:     DEPLOYMENT_PATH/activation.result, key=value: exit, result=active|failed, release, previous, slot, seq, serving (time),
#             step=NAME MILLISECONDS (repeated), failed.service, failed.reason, failed.step, log.
# Exit codes: 0 active; 1 failed, and the old release serves.

activation() {
  exec 9<&0 </dev/null
  STAMPED=yes
  activation_transact "$1" 9>&-
}

activation_transact() {
  J_RELEASE=$1
  STEP=begin STEPS='' COMMITTED=no SERVING='' FAILED_SERVICE='' FAILED_REASON=''
  trap 'activation_end $?' EXIT
  trap '' HUP PIPE
  trap 'exit 130' INT
  trap 'exit 143' TERM
  step begin activation_begin
  step check activation_check "$1"
  step volumes activation_volumes
  step platform platform_ensure "$1"
  step migrate activation_migrate "$1"
  step start activation_start "$1"
  step health activation_health "$1"
  step switch activation_switch "$1"
  step verify public_wait "$1"
  step commit activation_commit
  step retire retire "$J_FROM"
  step prune prune
}

# step NAME COMMAND...: a failing command ends the script, and the trap undoes.
step() {
  STEP=$1
  shift
  read_clock
  step_began=$CLOCK
  "$@"
  step_took
}

step_took() {
  read_clock
  STEPS="${STEPS}step=$STEP $((CLOCK - step_began))
"
}

activation_begin() {
  J_FROM=$(served_slot) J_STARTED=$(now) J_SEQ=$(next_seq) J_TASK=$TASK J_OPERATOR=$(one_line "$OPERATOR")
  J_LOG=${ACTIVATION_LOG:-} J_PLATFORM='' J_SESSION=$$
  J_TO=$(other_slot "$J_FROM")
  [ "$J_FROM" != none ] || J_TO=blue
  J_PREVIOUS=$(active_value release)
  [ "$J_PREVIOUS" != "$J_RELEASE" ] || J_PREVIOUS=$(active_value previous)
  say "release $J_RELEASE: activating into slot $J_TO (serving now: $(serving_now))"
  journal_write started
}

serving_now() { if [ "$J_FROM" = none ]; then printf 'nothing\n'; else printf '%s, %s\n' "$(active_value release)" "$J_FROM"; fi; }

activation_check() {
  (cd "$(release_path "$1")" && sha256sum -c SHA256SUMS >/dev/null 2>&1) || {
    FAILED_REASON="release $1 is incomplete or was edited: its SHA256SUMS do not match"
    say "$FAILED_REASON"
    return 1
  }
  identity_check || return 1
  images_check "$1"
}

activation_volumes() {
  volumes_ensure "$J_RELEASE" || return 1
  slots_ensure || return 1
  slot_remove "$J_TO"
}

activation_migrate() {
  migrate "$1" "$J_TO" || return 1
  journal_write migrated
}

# The slot and, beside it, this release's assets: neither waits for the other.
activation_start() {
  assets_fill "$1" "$J_TO" >"$DEPLOYMENT_PATH/.assets.log" 2>&1 &
  assets_pid=$! start_code=0 assets_code=0
  slot_up "$1" "$J_TO" || start_code=$?
  wait "$assets_pid" || assets_code=$?
  say_lines '  ' <"$DEPLOYMENT_PATH/.assets.log"
  rm -f "$DEPLOYMENT_PATH/.assets.log"
  [ "$start_code" = 0 ] || return 1
  [ "$assets_code" = 0 ] || {
    FAILED_SERVICE=assets FAILED_REASON="the new release's assets could not be put beside the old ones"
    return 1
  }
}

activation_health() {
  slot_wait "$J_TO" "$1" || return 1
  say "slot $J_TO is healthy"
  journal_write slot-up
}

activation_switch() {
  switch_to "$J_TO" || return 1
  SERVING=$(now)
  journal_write switched || return 1
  say "serving: release $1 from slot $J_TO"
}

activation_commit() {
  commit || return 1
  COMMITTED=yes
  say "committed"
}

# activation_end CODE: the one way out.
activation_end() {
  trap - EXIT
  trap '' HUP INT TERM PIPE
  set +e
  if [ "$COMMITTED" = yes ]; then
    activation_succeeded "$1"
  else
    activation_failed "$1"
  fi
}

activation_succeeded() {
  if [ "$1" = 0 ]; then
    journal_remove
  else
    warn "release $J_RELEASE serves, but step $STEP did not end well; the next task on this host finishes it"
  fi
  activation_result 0 active
  exit 0
}

activation_failed() {
  step_took
  [ -n "$FAILED_REASON" ] || FAILED_REASON="step $STEP ended with exit code $1"
  say "FAILED in step $STEP${FAILED_SERVICE:+, service $FAILED_SERVICE}: $FAILED_REASON"
  failure_capture "$J_TO"
  [ -z "$FAILED_SERVICE" ] || failure_show "$J_TO" "$FAILED_SERVICE"
  if undo; then
    say "put back: $(serving_text)"
  else
    warn "not everything could be put back; the next task on this host tries again"
  fi
  prune
  activation_result 1 failed
  exit 1
}

# activation_result CODE active|failed
activation_result() {
  {
    printf 'exit=%s\n' "$1"
    fact result "$2"
    fact release "$J_RELEASE"
    fact previous "$J_PREVIOUS"
    fact slot "$(served_slot)"
    fact seq "$J_SEQ"
    fact serving "$SERVING"
    printf '%s' "$STEPS"
    [ "$2" = active ] || {
      fact failed.step "$STEP"
      fact failed.service "$FAILED_SERVICE"
      fact failed.reason "$FAILED_REASON"
    }
    fact log "$J_LOG"
  } | replace "$DEPLOYMENT_PATH/activation.result"
}
