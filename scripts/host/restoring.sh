# The journal of a restore in progress, DEPLOYMENT_PATH/restoring, and what becomes of one that was cut off.
#
# Keys: backup, new (the database that is filled), old (the name that the present one gets), operator, started. Both names change in
# one transaction: where the old name is there, all is done; where it is not, nothing is, and the new one goes.
#
# Parameters: DEPLOYMENT_PATH, POSTGRES_DB, OPERATOR.
# Output:     recovered=finished|undone restore.
# Exit codes: none of its own: what cannot be finished or undone now stays for the next task.

restoring_path() { printf '%s/restoring\n' "$DEPLOYMENT_PATH"; }

# restoring_write BACKUP
restoring_write() {
  replace "$(restoring_path)" <<END
schema=1
backup=$1
new=$restore_new
old=$restore_old
operator=$(one_line "$OPERATOR")
started=$(now)
END
}

restoring_remove() { rm -f "$(restoring_path)" && flush "$DEPLOYMENT_PATH"; }

restoring_value() { value_of "$(restoring_path)" "$1"; }

# restoring_recover: under the lock, before anything else.
restoring_recover() {
  [ -f "$(restoring_path)" ] || return 0
  restore_new=$(restoring_value new) restore_old=$(restoring_value old)
  say "a restore was cut off: backup $(restoring_value backup), of $(restoring_value operator), started $(restoring_value started)"
  restore_id=$(container_of platform database) || restore_id=
  restoring_done=$(restoring_settle) || {
    warn "it could not be finished or undone yet: the database does not answer; the next task tries again"
    return 0
  }
  restoring_remove || return 1
  fact recovered "$restoring_done restore"
  if [ "$restoring_done" = finished ]; then
    say "finished: $POSTGRES_DB has the content of the backup; what was there is kept as $restore_old (fab -H HOST restore --forget --yes)"
  else
    say "undone: $POSTGRES_DB is as it was"
  fi
}

# restoring_settle: finished or undone. First what it has left at work in the server, which goes on when its client is killed.
restoring_settle() {
  [ -n "$restore_id" ] || return 1
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    restoring_left=$(restore_ask "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'restore' and pid <> pg_backend_pid()") || return 1
    [ "$restoring_left" != 0 ] || break
    sleep 0.5
  done
  restoring_found=$(restore_ask "select count(*) from pg_database where datname = '$restore_old'") || return 1
  if [ "$restoring_found" = 0 ]; then
    restore_drop || return 1
    echo undone
  else
    echo finished
  fi
}
