# Ask the database that runs here: as the superuser, by peer authentication inside its container, so without a password.
#
# Parameters: POSTGRES_DB, DEPLOYMENT_PATH.
# Output:     migrations=none (no database yet) | absent (no table of migrations) | read | unread; migrations.why=REASON, of the last;
#             migration.applied=NAME, migration.begun=NAME (never ended, and not taken back), repeated; database.tables, database.size
#             (bytes); release_migrations=RELEASE NAME,NAME (repeated).
# Exit codes: a function returns 1 when there was no answer.

# database_ask CONTAINER SQL: a server that does not answer is not waited for.
database_ask() { engine exec "$1" psql -X -A -t -q -U postgres -d "dbname=$POSTGRES_DB connect_timeout=10" -c "$2"; }

# database_script CONTAINER: SQL and psql's own commands on standard input; the same.
database_script() {
  docker exec -i "$1" psql -X -A -t -q -v ON_ERROR_STOP=1 -U postgres \
    -d "dbname=$POSTGRES_DB connect_timeout=5 options='-c statement_timeout=10s'" 9>&-
}

DATABASE_TABLES="select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' and n.nspname !~ '^(pg_|information_schema)' and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')"

# migrations_look CONTAINER: as facts: database.tables and database.size; migrations=read where there is a table of them, and what is in
# it, in the order in which they were begun. The table is asked for first, because one that is not there is an error in the server's log.
migrations_look() {
  database_script "$1" <<END
select 'database.tables=' || ($DATABASE_TABLES);
select 'database.size=' || pg_database_size(current_database());
select to_regclass('_prisma_migrations') is not null as there \\gset
\\if :there
  select 'migrations=read';
  select case when finished_at is null then 'migration.begun=' else 'migration.applied=' end || migration_name
    from _prisma_migrations where rolled_back_at is null order by started_at;
\\else
  select 'migrations=absent';
\\endif
END
}

# migration_facts: what a plan needs to know of the schema; the server is asked, and not what was deployed.
migration_facts() {
  migration_release_facts
  facts_id=$(container_of platform database 2>/dev/null) || facts_id=
  if [ -n "$facts_id" ]; then
    facts_said=$(migrations_look "$facts_id" 2>&1) || {
      migration_facts_unread "$(one_line "$facts_said" | tail -c 200)"
      return 0
    }
    printf '%s\n' "$facts_said" | sed -n -e '/^database\.[a-z]*=/p' -e '/^migrations=/p' -e '/^migration\.[a-z]*=/p'
  elif [ -f "$DEPLOYMENT_PATH/identity" ] || [ -n "$(active_value release)" ]; then
    migration_facts_unread 'the database does not run'
  else
    fact migrations none
  fi
}

migration_facts_unread() {
  fact migrations unread
  fact migrations.why "$1"
}

# migration_release_facts: of each release that has some.
migration_release_facts() {
  for facts_release in $(release_names); do
    facts_names=$(release_value "$facts_release" migrations)
    [ -z "$facts_names" ] || fact release_migrations "$facts_release $facts_names"
  done
}
