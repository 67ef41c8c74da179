# Bring the database's schema to what the release's backend expects; nothing is started when nothing is pending.
#
# Parameters: POSTGRES_DB; release.facts: migrations=NAME,NAME... (empty: the application has none).
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
  stuck_runs=$(database_ask "$stuck_id" "select count(*) || ' statements run in the database, the longest for ' || coalesce(max(extract(epoch from now() - query_start))::int, 0) || ' s' from pg_stat_activity where datname = current_database() and usename = '$POSTGRES_USER' and state = 'active'") || stuck_runs='what runs now cannot be seen'
  blame migrate "the migration $stuck was begun by an earlier deployment and never ended ($stuck_runs)" \
    "see what it has done (fab -H HOST logs --service deploy), then: fab -H HOST resolve-migration $stuck --rolled-back (it runs again) or --applied (it is done); or fab -H HOST restore"
}

# migrate_dump RELEASE: the data as it was, before its schema changes; a database without tables has none.
migrate_dump() {
  dump_tables=$(database_ask "$(container_of platform database)" "$DATABASE_TABLES") || return 1
  [ "$dump_tables" != 0 ] || return 0
  say "dumping the database ($dump_tables tables) before its schema changes"
  backup_make "$1" || return 1
  say "dump: $BACKUP_FILE"
}

# resolve_migration NAME rolled-back|applied: as Prisma's `migrate resolve` does it, which needs its command line in the image.
# Source: prisma/prisma-engines, schema-engine/core/src/commands: mark_migration_rolled_back, mark_migration_applied.
resolve_migration() {
  case $1 in '' | *[!A-Za-z0-9_-]*) refuse 2 "not a migration's name: $1" ;; esac
  resolve_id=$(container_of platform database)
  [ -n "$resolve_id" ] || refuse 1 "no database runs here" "fab -H HOST up"
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
  told migrate compose_slot "$1" "$2" --profile migrate run --rm --no-deps -T migrate || return 1
  say "migrated"
}
