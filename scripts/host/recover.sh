# Undo or finish an activation: for the activation that failed, and for one that a kill or a power cut has ended.
#
# What serves is the link slots/active; journal and `active` follow it. Before the switch everything is undone; after it the
# new slot is verified and the rest is done, or the link goes back. Each function can be cut and run again.
#
# Parameters: those of the steps; the J_ variables of the journal.
# Output:     recovered=undone|finished|failed RELEASE.
# Exit codes: a function returns 1 when it could not do all; the journal then stays, for the next one. A platform service that
#             cannot be put back does not hold the host up: it is named (UNDO_EXCEPT), and the next activation puts it right.

# undo: the old release serves, the new slot is gone, the release is marked.
undo() {
  if [ "$(served_slot)" = "$J_TO" ]; then
    undo_link || return 1
  fi
  slot_remove "$J_TO" || return 1
  [ "$J_PHASE" != started ] || migrate_undo
  trial_remove || return 1
  UNDO_EXCEPT=''
  undo_platform || UNDO_EXCEPT=$J_PLATFORM
  [ "$J_RELEASE" = "$(active_value release)" ] || undo_state || return 1
  history_add failed "$FAILED_SERVICE" "$FAILED_REASON" || return 1
  journal_remove
}

# A release that has served stays a way back, also when it did not come up this time.
undo_state() {
  [ -d "$(release_path "$J_RELEASE")" ] || return 0
  case $(state_value "$J_RELEASE" status) in retired | rolled_back) return 0 ;; esac
  state_write "$J_RELEASE" failed "$J_SEQ" "$J_TO" "${FAILED_SERVICE:+health.$FAILED_SERVICE=unhealthy $(now) $FAILED_REASON}"
}

# Back only to something that is there.
undo_link() {
  [ "$J_FROM" = none ] || [ -n "$(container_of "$J_FROM" frontend)" ] || {
    warn "slot $J_FROM has no running containers: the link stays on $J_TO"
    return 1
  }
  switch_to "$J_FROM"
}

# Only what the activation has touched, and only when there is something to go back to.
undo_platform() {
  [ -n "$J_PLATFORM" ] || return 0
  undo_to=$(active_value release)
  [ -n "$undo_to" ] && [ -d "$(release_path "$undo_to")" ] || return 0
  say "putting back: $J_PLATFORM"
  # In a subshell: the reason of the activation's failure stays.
  (
    platform_ensure "$undo_to" "$J_PLATFORM" && exit 0
    failure_say "putting back"
    exit 1
  )
}

# commit: the point where the new release is what this host has. `active` first, then the journal, then what follows from both.
commit() {
  active_write "$J_RELEASE" "$J_PREVIOUS" "$J_TO" "$J_SEQ" || return 1
  journal_write committed || return 1
  commit_records
}

commit_records() {
  commit_old=retired
  [ "$J_TASK" != rollback ] || commit_old=rolled_back
  if [ -n "$J_PREVIOUS" ] && [ "$J_PREVIOUS" != "$J_RELEASE" ] && [ "$(state_value "$J_PREVIOUS" status)" = active ]; then
    state_change "$J_PREVIOUS" $commit_old || return 1
  fi
  commit_time=$(now)
  state_write "$J_RELEASE" active "$J_SEQ" "$J_TO" "health.frontend=healthy $commit_time
health.backend=healthy $commit_time
health.database=healthy $commit_time
health.edge=healthy $commit_time" || return 1
  history_add active || return 1
  links_repair
}

# recover: run under the lock before anything else. Nothing to do is the usual case, and is silent.
recover() {
  leftover_files
  restoring_recover
  is_journal || {
    active_repair
    return
  }
  journal_read
  say "an activation was cut off: release $J_RELEASE, phase $J_PHASE, task $J_TASK of $J_OPERATOR, started $J_STARTED"
  FAILED_SERVICE='' FAILED_REASON="the activation was cut off in phase $J_PHASE" FAILED_NEXT=''
  leftover_processes
  recover_done=undone
  if [ "$J_PHASE" = committed ] || [ "$(active_value seq)" = "$J_SEQ" ]; then
    recover_done=finished
    recover_rest || recover_done=failed
  elif [ "$(served_slot)" = "$J_TO" ] && recover_verify; then
    recover_done=finished
    commit && recover_rest || recover_done=failed
  else
    undo || recover_done=failed
  fi
  recover_say
  fact recovered "$recover_done $J_RELEASE"
}

recover_verify() {
  say "release $J_RELEASE is being served from slot $J_TO: verifying it"
  slot_wait "$J_TO" "$J_RELEASE" && public_wait "$J_RELEASE" && return 0
  failure_say "verifying it"
  return 1
}

recover_rest() {
  commit_records && retire "$J_FROM" && journal_remove
}

recover_say() {
  case $recover_done in
  finished) say "finished: release $J_RELEASE serves from slot $J_TO" ;;
  undone) say "undone${UNDO_EXCEPT:+ (except $UNDO_EXCEPT, which stays as the failed release wanted it)}: $(serving_text)" ;;
  failed) warn "it could not be finished or undone yet (see above); $(serving_text)" ;;
  esac
}

# serving_check: whether what is said to serve answers; sets ANSWERS=yes|no.
serving_check() {
  [ "$(served_slot)" != none ] || return 0
  ANSWERS=yes
  serving_answers || ANSWERS=no
  [ $ANSWERS = yes ] || warn "but the published port does not answer with it: $(one_line "$serving_said" | tail -c 300)"
}

# serving_answers: at the ports of what serves: the release that is being activated may want others.
serving_answers() {
  serving_release=$(active_value release)
  serving_said=$(
    HTTP_PORT=$(release_value "$serving_release" HTTP_PORT) HTTPS_PORT=$(release_value "$serving_release" HTTPS_PORT)
    ENABLE_HTTPS=$(release_value "$serving_release" ENABLE_HTTPS)
    public_release "$serving_release" /health
  ) && [ "$serving_said" = "$serving_release" ]
}

serving_text() {
  if [ "$(served_slot)" = none ]; then
    text_edge=$(container_of platform edge 2>/dev/null) || text_edge=
    printf 'nothing is deployed; %sthe database and its data are kept\n' "${text_edge:+the edge answers 503, }"
  else
    printf 'release %s serves from slot %s, as before\n' "$(active_value release)" "$(served_slot)"
  fi
}
