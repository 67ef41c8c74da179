# Say what became of a migration that never ended; and find, and end, what a migration still runs in the server.
#
# A migration's sessions are known by the name that the one-shot gives itself (compose/slot.yml), or by the lock that Prisma holds
# while it migrates: the application's own have the same user, and are left alone.
# Source: prisma/prisma-engines, schema-engine/connectors/sql-schema-connector, flavour/postgres: pg_advisory_lock(72707369).
#
# Parameters: POSTGRES_DB, POSTGRES_USER.
# Output:     resolved=NAME rolled-back|applied.
# Exit codes: 1 it cannot be marked; 2 not a migration's name.

MIGRATION_SESSIONS="pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and
  (application_name = 'migrate' or pid in (select pid from pg_locks where locktype = 'advisory' and classid = 0 and objid = 72707369))"

MIGRATION_RUNNING="select coalesce(string_agg(pid || ', for ' || coalesce(extract(epoch from now() - query_start)::int, 0) || ' s: ' ||
  left(regexp_replace(query, '\s+', ' ', 'g'), 80), '; '), '') from $MIGRATION_SESSIONS and state <> 'idle'"

# migration_running CONTAINER: `PID, for SECONDS s: STATEMENT`, separated by `; `; nothing when none does.
migration_running() { printf '%s;\n' "$MIGRATION_RUNNING" | database_script "$1"; }

# migration_sessions_end: a server goes on with the statement of a client that is gone. Tries for ten seconds.
migration_sessions_end() {
  sessions_id=$(container_of platform database) || return 1
  [ -n "$sessions_id" ] || return 0
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    sessions_left=$(printf 'select count(pg_terminate_backend(pid)) from %s;\n' "$MIGRATION_SESSIONS" | database_script "$sessions_id") || return 1
    [ "$sessions_left" != 0 ] || return 0
    sleep 0.5
  done
  return 1
}

# running_next RUNNING: how to end it.
running_next() {
  printf "wait until it has ended; or end it: fab -H HOST exec database -- psql -U postgres -d %s -c 'select pg_terminate_backend(%s)'; then the same command again\n" \
    "$POSTGRES_DB" "${1%%,*}"
}

# resolve_next NAME
resolve_next() {
  printf 'see what it has done (fab -H HOST logs --service deploy), then: fab -H HOST resolve-migration %s --rolled-back (nothing of it is there: it runs again) or --applied (all of it is there); or fab -H HOST restore\n' "$1"
}

# resolve_migration NAME rolled-back|applied: as Prisma's `migrate resolve` does it, which needs its command line in the image.
# Source: prisma/prisma-engines, schema-engine/core/src/commands: mark_migration_rolled_back, mark_migration_applied.
resolve_migration() {
  case $1 in '' | *[!A-Za-z0-9_-]*) refuse 2 "not a migration's name: $1" ;; esac
  resolve_id=$(container_of platform database)
  [ -n "$resolve_id" ] || refuse 1 "no database runs here" "fab -H HOST up"
  resolve_runs=$(migration_running "$resolve_id") || refuse 1 "the database could not be asked for what runs in it" "fab -H HOST logs --service database"
  [ -z "$resolve_runs" ] || refuse 1 "a statement of a migration still runs in the database ($resolve_runs); nothing was changed" "$(running_next "$resolve_runs")"
  resolve_where="where migration_name = '$1' and finished_at is null and rolled_back_at is null"
  resolve_found=$(database_ask "$resolve_id" "select count(*) from _prisma_migrations $resolve_where") ||
    refuse 1 "the database could not be asked for its migrations" "fab -H HOST logs --service database"
  [ "$resolve_found" != 0 ] || refuse 1 "no migration $1 was begun here and not ended" "fab -H HOST plan names those that are pending"
  resolve_sql="update _prisma_migrations set rolled_back_at = now() $resolve_where"
  case $2 in
  rolled-back) ;;
  applied) resolve_sql="insert into _prisma_migrations (id, checksum, finished_at, migration_name, started_at, applied_steps_count)
    select gen_random_uuid()::text, checksum, now(), migration_name, now(), 0 from _prisma_migrations $resolve_where limit 1; $resolve_sql" ;;
  *) refuse 2 "resolve-migration: rolled-back or applied, not $2" ;;
  esac
  database_ask "$resolve_id" "$resolve_sql" >/dev/null || refuse 1 "the migration $1 could not be marked" "fab -H HOST logs --service database"
  fact resolved "$1 $2"
}
