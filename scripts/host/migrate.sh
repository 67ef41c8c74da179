# Bring the database's schema to what the release's backend expects; nothing is started when nothing is pending.
#
# Parameters: MIGRATE_TIMEOUT (seconds); release.facts: migrations=NAME,NAME... (empty: the application has none).
# Output:     none.
# Exit codes: a function returns 1, with `blame` (failure.sh).

# migrations_pending RELEASE: names, separated by spaces. What cannot be read is taken as pending.
migrations_pending() {
  migrations_wanted=$(release_value "$1" migrations)
  [ -n "$migrations_wanted" ] && [ "$migrations_wanted" != no ] || return 0
  migrations_done=$(migrations_look "$(container_of platform database)" 2>/dev/null) || migrations_done=
  printf '%s\n' "$migrations_wanted" | tr ',' '\n' | while IFS= read -r migration; do
    printf '%s\n' "$migrations_done" | grep -qxF -e "migration.applied=$migration" || printf '%s ' "$migration"
  done
}

# migration_stuck_check: one that an earlier deployment began, and that neither ended nor was taken back, needs a person.
migration_stuck_check() {
  stuck_id=$(container_of platform database)
  stuck=$(migrations_look "$stuck_id" 2>/dev/null) || return 0 # the one-shot fails on what cannot be read, and says why
  stuck=$(printf '%s\n' "$stuck" | sed -n 's/^migration\.begun=//p' | head -n 1)
  [ -n "$stuck" ] || return 0
  stuck_runs=$(migration_running "$stuck_id") || stuck_runs='cannot be seen'
  blame migrate "the migration $stuck was begun by an earlier deployment and never ended (statements of it that run: ${stuck_runs:-none})" \
    "$(resolve_next "$stuck")"
}

# migrate_dump RELEASE: the data as it was, before its schema changes; a database without tables has none.
migrate_dump() {
  dump_tables=$(database_ask "$(container_of platform database)" "$DATABASE_TABLES") || {
    blame database "it does not say how many tables it has" "fab -H HOST logs --service database"
    return 1
  }
  [ "$dump_tables" != 0 ] || return 0
  say "dumping the database ($dump_tables tables) before its schema changes"
  backup_make "$1" || return 1
  say "dump: $BACKUP_FILE"
}

# migrate RELEASE SLOT
migrate() {
  migrations=$(migrations_pending "$1") || return 1
  [ -n "$migrations" ] || {
    detail "no migration is pending"
    return 0
  }
  say "migrations pending: $migrations"
  migration_stuck_check || return 1
  migrate_dump "$1" || return 1
  migrate_run "$1" "$2" || return 1
  say "migrated"
}

migrate_log() { printf '%s/.migrate.log\n' "$DEPLOYMENT_PATH"; }

# migrate_run RELEASE SLOT: the one-shot; its lines are said as they come, and MIGRATE_TIMEOUT ends it.
migrate_run() {
  run_log=$(migrate_log) run_over=no
  rm -f "$run_log.code"
  {
    run_code=0
    compose_slot "$1" "$2" --profile migrate run --rm --no-deps -T migrate 2>&1 || run_code=$?
    printf '%s\n' "$run_code" >"$run_log.code"
  } | migrate_lines | tee "$run_log" | say_lines '  migrate: ' &
  run_pid=$!
  migrate_watch "$2"
  run_code=$(cat "$run_log.code" 2>/dev/null) || run_code=1
  FAILED_OUTPUT=$(sed '/^[[:space:]]*$/d' "$run_log" | tail -n 20)
  rm -f "$run_log" "$run_log.code"
  [ "$run_over/$run_code" != no/0 ] || { FAILED_OUTPUT='' && return 0; }
  FAILED_CODE=$run_code
  migrate_blame
}

# migrate_lines: what the one-shot writes, without what Compose tells of the network that it makes for the slot.
migrate_lines() {
  while IFS= read -r run_line || [ -n "$run_line" ]; do
    case $run_line in ' Network '*[Cc]reat*) ;; *) printf '%s\n' "$run_line" ;; esac
  done
}

# migrate_watch SLOT: until the one-shot has ended; an engine that does not end it within half a minute is not waited for.
migrate_watch() {
  read_clock
  run_end=$((CLOCK + MIGRATE_TIMEOUT * 1000))
  while kill -0 "$run_pid" 2>/dev/null; do
    sleep 0.1
    read_clock
    if [ "$run_over" = no ] && [ "$CLOCK" -ge "$run_end" ]; then
      run_over=yes
      say "not ended within MIGRATE_TIMEOUT, $MIGRATE_TIMEOUT s: ending it"
      migrate_stop "$1"
    fi
    [ "$CLOCK" -lt $((run_end + 30000)) ] || return 0
  done
}

# migrate_stop SLOT: first the program, which would begin the next statement, then what it has left at work in the server.
migrate_stop() {
  for run_id in $(failure_engine ps -q --filter "label=app=$APP_NAME" --filter "label=slot=$1" --filter label=service=migrate); do
    failure_engine kill "$run_id" >/dev/null 2>&1 || true
  done
  run_left='its statement in the database was cancelled'
  migration_sessions_end || run_left='whether its statement in the database has ended is not known'
}

# migrate_blame: which migration it was, what became of it, and the next command where it keeps others from running.
migrate_blame() {
  run_stuck=$(migrations_look "$(container_of platform database)" 2>/dev/null | sed -n 's/^migration\.begun=//p' | head -n 1)
  run_next=
  [ -z "$run_stuck" ] || run_next=$(resolve_next "$run_stuck")
  if [ "$run_over" = yes ]; then
    blame migrate "${run_stuck:-the one-shot} did not end within $MIGRATE_TIMEOUT s: it was ended, and $run_left" \
      "${run_next:+$run_next; }if it needs longer, set MIGRATE_TIMEOUT (seconds) in .env; then fab -H HOST deploy"
  else
    run_said=$(printf '%s\n' "$FAILED_OUTPUT" | tail -n 1)
    blame migrate "${run_said:-exit code $run_code}" "${run_next:+mend it, and }$run_next"
  fi
}

# migrate_undo: what an activation that was cut off has left of its one-shot, whose container is gone.
migrate_undo() {
  rm -f "$(migrate_log)" "$(migrate_log).code"
  [ -z "$(release_value "$J_RELEASE" migrations)" ] || migration_sessions_end || warn "whether a migration's statement still runs in the database is not known"
}
