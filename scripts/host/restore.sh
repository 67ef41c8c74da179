# Put a dump's content in the database's place: restored beside it, verified, then both renamed in one transaction.
#
# What was there stays in the server as DATABASE_before_TIME until somebody says otherwise. While the names change, sessions are
# ended and wait; the application connects again by itself. What belongs to the database itself, and is in no dump, is taken over
# from the one that is there. A restore that was cut off is found by its journal (restoring.sh).
#
# Parameters: DEPLOYMENT_PATH, POSTGRES_DB. Argument: NAME of a file in DEPLOYMENT_PATH/backups.
# Output:     restored=NAME; release=RELEASE (that served then); back=RELEASE, the same where `rollback --to` takes it; kept=DATABASE; tables=N. For `restore_forget`: removed=DATABASE (repeated).
# Exit codes: 1 not restored, and the database is as it was; 2 not a backup.

# restore NAME: under the lock.
restore() {
  restore_file=$(backups_path)/$1
  case $1 in '' | */* | .*) refuse 2 "not a backup: $1" "fab -H HOST backup --list" ;; esac
  if [ ! -f "$restore_file" ] || [ ! -f "${restore_file%.dump}.facts" ]; then
    refuse 2 "there is no backup $1 in $(backups_path)" "fab -H HOST backup --list"
  fi
  restore_id=$(container_of platform database)
  [ -n "$restore_id" ] || refuse 1 "no database runs here" "fab -H HOST up"
  restore_check
  restore_space
  restore_new=${POSTGRES_DB}_restored
  restore_old=${POSTGRES_DB}_before_$(date -u +%Y%m%d_%H%M%S)
  [ "${#restore_old}" -le 63 ] || refuse 1 "the database's name is too long to be put aside: PostgreSQL cuts names at 63 characters" \
    "by hand: docs/operating.md"
  restoring_write "$1" || refuse 1 "the journal of the restore could not be written; nothing was changed" "df -h $DEPLOYMENT_PATH on the host"
  trap 'restore_end $?' EXIT
  restore_fill
  restore_swap
  trap 'operation_end $?' EXIT
  restoring_remove
  fact restored "$1"
  restore_release=$(value_of "${restore_file%.dump}.facts" release)
  fact release "$restore_release"
  restore_back "$restore_release"
  fact kept "$restore_old"
  fact tables "$restore_tables"
}

# restore_back RELEASE: only where a rollback would take it.
restore_back() {
  [ -n "$1" ] && [ "$1" != "$(active_value release)" ] && [ -d "$(release_path "$1")" ] && fits_data "$1" || return 0
  fact back "$1"
}

# The file is what was kept.
restore_check() {
  restore_sum=$(sha256sum <"$restore_file")
  [ "${restore_sum%% *}" = "$(value_of "${restore_file%.dump}.facts" sha256)" ] ||
    refuse 1 "$restore_file is not what was kept: its SHA-256 differs; nothing was changed" "fab -H HOST backup --list names others"
  restore_database=$(value_of "${restore_file%.dump}.facts" database)
  [ "$restore_database" = "$POSTGRES_DB" ] ||
    refuse 1 "$restore_file is of database $restore_database, this host has $POSTGRES_DB; nothing was changed" "fab -H HOST backup --list names others"
  restore_tables=$(value_of "${restore_file%.dump}.facts" tables)
}

# restore_space: beside what is there, as much as it takes: a full disk would stop the server itself.
restore_space() {
  restore_need=$(restore_ask "select pg_database_size('$POSTGRES_DB') / 1024") || restore_need=0
  restore_root=${DATA_PATH:-$(engine info --format '{{.DockerRootDir}}')}
  restore_free=$(free_kib "$restore_root")
  [ "${restore_free:-$restore_need}" -ge "${restore_need:-0}" ] ||
    refuse 1 "too little space to restore beside the database: $((restore_need / 1024)) MB needed, $((restore_free / 1024)) MB free in $restore_root" \
      "fab -H HOST prune; fab -H HOST restore --forget --yes removes what earlier restores kept"
}

# restore_ask SQL: outside of the application's database, under a name by which a restore that was cut off is found.
restore_ask() { engine exec "$restore_id" psql -X -A -t -q -v ON_ERROR_STOP=1 -U postgres -d 'dbname=postgres application_name=restore connect_timeout=10' -c "$1"; }

restore_drop() { restore_ask "drop database if exists \"$restore_new\" with (force)" >/dev/null 2>&1; }
restore_end() {
  if restore_drop; then restoring_remove; fi
  operation_end "$1"
}

# restore_like: the statement that makes the new database as the old one was made. The catalog's columns differ from one major
# version to the next, hence as JSON.
restore_like() {
  restore_ask "select format('create database %I template template0 owner %I encoding %L tablespace %I lc_collate %L lc_ctype %L',
      '$restore_new', pg_get_userbyid(datdba), pg_encoding_to_char(encoding), spcname, datcollate, datctype) ||
    case j ->> 'datlocprovider'
      when 'i' then ' locale_provider icu icu_locale ' || quote_literal(coalesce(j ->> 'datlocale', j ->> 'daticulocale')) ||
        coalesce(' icu_rules ' || quote_literal(j ->> 'daticurules'), '')
      when 'b' then ' locale_provider builtin builtin_locale ' || quote_literal(j ->> 'datlocale')
      when 'c' then ' locale_provider libc'
      else '' end
    from (select d.*, spcname, to_jsonb(d) as j from pg_database d join pg_tablespace t on t.oid = dattablespace) one
    where datname = '$POSTGRES_DB'"
}

# restore_properties: SQL that gives the new database the rights, settings, connection limit and comment of the old one. The settings
# are copied as they stand: as statements, a list (search_path) would have to be taken apart and quoted anew.
restore_properties() {
  cat <<END
do \$\$
declare
  old pg_database := (select d from pg_database d where datname = '$POSTGRES_DB');
  new oid := (select oid from pg_database where datname = '$restore_new');
  acl record;
begin
  if old.datacl is not null then
    execute format('revoke all on database %I from public, %I', '$restore_new', pg_get_userbyid(old.datdba));
  end if;
  for acl in select * from aclexplode(old.datacl) loop
    execute format('grant %s on database %I to %s', acl.privilege_type, '$restore_new',
      case acl.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(acl.grantee)) end ||
      case when acl.is_grantable then ' with grant option' else '' end);
  end loop;
  insert into pg_db_role_setting select new, setrole, setconfig from pg_db_role_setting where setdatabase = old.oid;
  execute format('alter database %I connection limit %s', '$restore_new', old.datconnlimit);
  execute format('comment on database %I is %L', '$restore_new', shobj_description(old.oid, 'pg_database'));
end \$\$;
END
}

# restore_make: the new database, empty.
restore_make() {
  restore_drop || return 1
  restore_made=$(restore_like) || return 1
  restore_ask "$restore_made" >/dev/null
}

# Into a database of its own: a dump that does not restore leaves everything as it was.
restore_fill() {
  restore_make || refuse 1 "cannot make a database to restore into; the database is as it was" "fab -H HOST logs --service database"
  say "restoring ${restore_file##*/} beside the database"
  restore_said=$(docker exec -i "$restore_id" pg_restore -U postgres -d "dbname=$restore_new application_name=restore connect_timeout=10" --exit-on-error --single-transaction <"$restore_file" 9>&- 2>&1) ||
    refuse 1 "the dump does not restore: $(one_line "$restore_said" | tail -c 300); the database is as it was" "fab -H HOST backup --list names others"
  restore_found=$(engine exec "$restore_id" psql -X -A -t -q -U postgres -d "dbname=$restore_new connect_timeout=10" -c "analyze" -c \
    "$DATABASE_TABLES" | tail -n 1)
  [ "$restore_found" = "$restore_tables" ] ||
    refuse 1 "restored $restore_found tables of $restore_tables; the database is as it was" "fab -H HOST backup --list names others"
}

# Both names, and all that is taken over, in one transaction. A rename waits some seconds for the sessions of a database to end, and lets no new one in
# meanwhile: they are ended from another session until it is through.
restore_swap() {
  (
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
      restore_ask "select pg_terminate_backend(pid) from pg_stat_activity where datname = '$POSTGRES_DB'" >/dev/null 2>&1 || true
      sleep 0.3
    done
  ) &
  restore_ender=$!
  restore_said=$(restore_ask "begin; $(restore_properties) alter database \"$POSTGRES_DB\" rename to \"$restore_old\"; alter database \"$restore_new\" rename to \"$POSTGRES_DB\"; commit" 2>&1) || restore_said="failed: $restore_said"
  kill "$restore_ender" 2>/dev/null || true
  wait "$restore_ender" 2>/dev/null || true
  case $restore_said in
  failed:*) refuse 1 "the databases could not change places: $(one_line "${restore_said#failed: }" | tail -c 300); the database is as it was" "try again; fab -H HOST logs --service database" ;;
  esac
}

# restore_forget: what earlier restores have left beside the database.
restore_forget() {
  restore_id=$(container_of platform database)
  [ -n "$restore_id" ] || refuse 1 "no database runs here" "fab -H HOST up"
  restore_kept=$(restore_ask "select datname from pg_database where datname ~ '^${POSTGRES_DB}_before_[0-9]{8}_[0-9]{6}\$'") ||
    refuse 1 "the database does not say what earlier restores have left" "fab -H HOST status; fab -H HOST logs --service database"
  for restore_name in $restore_kept; do
    restore_ask "drop database \"$restore_name\" with (force)" >/dev/null ||
      refuse 1 "$restore_name could not be removed" "try again; fab -H HOST logs --service database"
    fact removed "$restore_name"
  done
}
