# Remove what a command that was killed has left beside what it had in hand: nobody would look for it there again.
#
# Under the lock nobody else is writing, so that whatever has a temporary name is nobody's.
#
# Parameters: DEPLOYMENT_PATH, LOG_PATH; of a killed activation its J_SESSION (journal.sh).
# Output:     none.
# Exit codes: 0; what cannot be removed (root's, say) stays for one who can.

# leftover_files: half written files (replace, link_to, ensure_directory), directories on their way in or out, and the record of
# what is not there: a dump's that was not made, a release's that did not arrive or has gone.
leftover_files() {
  rm -rf "$DEPLOYMENT_PATH"/.*.new "$DEPLOYMENT_PATH"/.assets.log "$(migrate_log)" "$(migrate_log).code" \
    "$DEPLOYMENT_PATH"/*/.*.new "$DEPLOYMENT_PATH"/*/.*.old "$DEPLOYMENT_PATH"/*/.*.part \
    "$DEPLOYMENT_PATH"/slots/maintenance/.*.new "$DEPLOYMENT_PATH"/cache/assets/.*.new "$LOG_PATH"/.*.failure.new 2>/dev/null || true
  for leftover in "$DEPLOYMENT_PATH"/backups/*.facts; do
    [ ! -f "$leftover" ] || [ -f "${leftover%.facts}.dump" ] || rm -f "$leftover" 2>/dev/null || true
  done
  for leftover in "$DEPLOYMENT_PATH"/releases/*.state; do
    [ ! -f "$leftover" ] || [ -d "${leftover%.state}" ] || rm -f "$leftover" 2>/dev/null || true
  done
}

# leftover_processes: a killed activation may have left a `docker compose` at work, which would go on creating what we remove.
# In a unit systemd ends it; elsewhere it is in the activation's session, whose number is not given out again while it lives.
leftover_processes() {
  [ -n "$J_SESSION" ] || return 0
  for leftover in /proc/[0-9]*/stat; do
    IFS= read -r leftover_stat 2>/dev/null <"$leftover" || continue
    # not dockerd, which may have the session's number after a reboot
    case $leftover_stat in *' (docker) '* | *' (docker-compose) '*) ;; *) continue ;; esac
    leftover_pid=${leftover_stat%% *}
    # shellcheck disable=SC2086 # after the name: state, parent, group, session
    set -- ${leftover_stat##*) }
    [ "$4" != "$J_SESSION" ] || kill -9 "$leftover_pid" 2>/dev/null || leftover_wait "$leftover_pid"
  done
}

# leftover_wait PID: what root has left, another user cannot end: it ends by itself once its containers are there.
leftover_wait() {
  leftover_tries=0
  while [ -d "/proc/$1" ] && [ "$leftover_tries" -lt 120 ]; do
    leftover_tries=$((leftover_tries + 1))
    sleep 0.5
  done
}
