# Make a release the one that serves: one transaction, in a session of its own, that ends with the old or the new one serving.
#
# Standard input is the lock's descriptor (see lock.sh); standard output and error are the log file, through a writer of its own
# (operation.sh).
# Phases: started, migrated, slot-up, switched, committed (journal.sh); a failure before `committed` is undone (recover.sh).
#
# Parameters: those of the release's own release.facts; TASK, OPERATOR, VERBOSE, ACTIVATION_LOG.
# Output:     DEPLOYMENT_PATH/activation.result, key=value: exit, result=active|failed, release, previous, slot, seq, serving (time),
#             step=NAME MILLISECONDS (repeated), of a failure the lines of failure_result (failure.sh), log.
# Exit codes: 0 active; 1 failed, and the old release serves.

activation() {
  exec 9<&0 </dev/null
  LOG_FILE=${ACTIVATION_LOG:-/dev/null} OPERATION_CLIENT=no STEP=begin STAMPED=yes
  operation_talk
  exec >&2
  activation_transact "$1" 9>&-
}

activation_transact() {
  J_RELEASE=$1
  STEP=begin STEPS='' COMMITTED=no SERVING='' FAILED_SERVICE='' FAILED_REASON='' FAILED_NEXT=''
  J_PREVIOUS='' J_TO='' J_SEQ='' J_LOG=${ACTIVATION_LOG:-} J_TASK=$TASK J_STARTED=$(now) J_PLATFORM='' J_FROM=none J_OPERATOR=$OPERATOR J_PHASE=started J_SESSION=$$
  trap 'activation_end $?' EXIT
  trap '' HUP PIPE
  trap 'exit 130' INT
  trap 'exit 143' TERM
  step begin activation_begin
  step check activation_check "$1"
  step volumes activation_volumes
  ! is_https_wanted || step certificates certificates_ensure "$1"
  step trial trial_ensure "$1"
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
  STEP=$1 FAILED_TRIED='' FAILED_ANSWER=''
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
  J_FROM=$(served_slot) J_SEQ=$(next_seq) J_OPERATOR=$(one_line "$OPERATOR")
  J_TO=$(other_slot "$J_FROM")
  [ "$J_FROM" != none ] || J_TO=blue
  J_PREVIOUS=$(active_value release)
  [ "$J_PREVIOUS" != "$J_RELEASE" ] || J_PREVIOUS=$(active_value previous)
  [ -n "$J_PREVIOUS" ] || J_PREVIOUS=$(served_last "$J_RELEASE") # `down` keeps no record of it
  failure_reserve
  say "release $J_RELEASE: activating into slot $J_TO (serving now: $(serving_now))"
  journal_write started
}

serving_now() { if [ "$J_FROM" = none ]; then printf 'nothing\n'; else printf '%s, %s\n' "$(active_value release)" "$J_FROM"; fi; }

activation_check() {
  is_release_whole "$1" || {
    blame '' "release $1 is incomplete or was edited: its SHA256SUMS or the modes of its secrets do not match" \
      "fab -H HOST deploy, which writes a new one in its place"
    return 1
  }
  identity_check || return 1
  images_check "$1"
}

activation_volumes() {
  volumes_ensure "$J_RELEASE" || return 1
  identity_adopt || return 1
  slots_ensure || return 1
  platform_wake || return 1
  slots_follow || return 1
  slot_remove "$J_TO" || return 1
  [ "$J_FROM" != none ] || secrets_remove "$(other_slot "$J_TO")" || return 1 # of a `down` that was cut off
  secrets_fill "$J_RELEASE" "$J_TO"
}

activation_migrate() {
  migrate "$1" "$J_TO" || return 1
  journal_write migrated
}

# The slot and, beside it, this release's assets: neither waits for the other.
activation_start() {
  rm -f "$DEPLOYMENT_PATH/.assets.log" # one that was cut off may be another user's
  activation_assets "$1" >"$DEPLOYMENT_PATH/.assets.log" 2>&1 &
  assets_pid=$! start_code=0 assets_code=0
  slot_up "$1" "$J_TO" || start_code=$?
  wait "$assets_pid" || assets_code=$?
  say_lines '  ' <"$DEPLOYMENT_PATH/.assets.log"
  rm -f "$DEPLOYMENT_PATH/.assets.log"
  [ "$start_code" = 0 ] || return 1
  [ "$assets_code" = 0 ] || {
    blame assets "the new release's assets could not be put beside the old ones"
    return 1
  }
}

# activation_assets RELEASE: in the background, so its lines get their time, and its reason is said, where they are read.
activation_assets() {
  STAMPED=no
  assets_fill "$1" "$J_TO" && return 0
  say "assets: $FAILED_REASON"
  return 1
}

activation_health() {
  slot_wait "$J_TO" "$1" || return 1
  say "slot $J_TO is healthy"
  journal_write slot-up
}

# Whoever wants it undone comes too late from here on (cancel.sh). Not '': children would inherit that.
activation_switch() {
  trap : INT TERM
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
  failure_reason "$1"
  failure_reserve_give
  failure_say "in step $STEP"
  failure_capture "$J_TO"
  if undo; then
    FAILED_BACK="put back${UNDO_EXCEPT:+ (except $UNDO_EXCEPT, which stays as the failed release wanted it)}: $(serving_text)"
    say "$FAILED_BACK"
    serving_check
  else
    FAILED_BACK="not everything could be put back; the next task on this host tries again"
    warn "$FAILED_BACK"
  fi
  prune
  activation_result 1 failed
  exit 1
}

# activation_result CODE active|failed: what is kept of a failure first; whoever follows waits for the result alone.
activation_result() {
  operation_stop
  [ "$2" = active ] || activation_lines "$@" | failure_keep
  activation_lines "$@" | replace "$DEPLOYMENT_PATH/activation.result"
}

activation_lines() {
  printf 'exit=%s\n' "$1"
  fact result "$2"
  fact release "$J_RELEASE"
  fact previous "$J_PREVIOUS"
  fact slot "$(served_slot)"
  fact seq "$J_SEQ"
  fact serving "$SERVING"
  printf '%s' "$STEPS"
  [ "$2" = active ] || failure_result
  fact log "$J_LOG"
}
