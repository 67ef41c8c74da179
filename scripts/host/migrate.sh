# Bring the database's schema to what the release's backend expects; nothing is started when nothing is pending.
#
# Parameters: POSTGRES_DB; release.facts: migrations=NAME,NAME... (empty: the application has none).
# Output:     FAILED_SERVICE=migrate and FAILED_REASON when it fails.
# Exit codes: a function returns 1.

# migrations_pending RELEASE: names, separated by spaces. What cannot be read is taken as pending.
migrations_pending() {
  migrations_wanted=$(value_of "$(release_path "$1")/release.facts" migrations)
  [ -n "$migrations_wanted" ] && [ "$migrations_wanted" != no ] || return 0
  migrations_done=$(database_ask "$(container_of platform database)" \
    'select migration_name from _prisma_migrations where finished_at is not null and rolled_back_at is null' 2>/dev/null) ||
    migrations_done=
  printf '%s\n' "$migrations_wanted" | tr ',' '\n' | while IFS= read -r migration; do
    printf '%s\n' "$migrations_done" | grep -qxF -e "$migration" || printf '%s ' "$migration"
  done
}

# migrate RELEASE SLOT
migrate() {
  migrations=$(migrations_pending "$1") || return 1
  [ -n "$migrations" ] || {
    detail "no migration is pending"
    return 0
  }
  say "migrations pending: $migrations"
  # The dump before a migration belongs here.
  told migrate compose_slot "$1" "$2" --profile migrate run --rm --no-deps -T migrate || return 1
  say "migrated"
}
