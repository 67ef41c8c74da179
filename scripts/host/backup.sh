# Keep the database's content in a file: pg_dump's custom format, through the socket as the superuser, so no password.
#
# DEPLOYMENT_PATH/backups/TIME-RELEASE.dump (0600), and beside it .facts: schema, release (that served), before (release whose
# migrations it was made for, or empty), database, sha256, size (bytes), tables, time. A dump appears whole and verified or not
# at all. Those made by hand are never removed by us; of those before migrations the newest KEEP_RELEASES stay.
#
# Parameters: DEPLOYMENT_PATH, POSTGRES_DB, KEEP_RELEASES.
# Output:     backup=FILE, sha256, size, tables, owner; for a list: backup=NAME SIZE TIME BEFORE (repeated).
# Exit codes: 1 no database runs, or the dump is not whole.

backups_path() { printf '%s/backups\n' "$DEPLOYMENT_PATH"; }

# backup: under the lock, by order of a person.
backup() {
  backup_make '' || refuse 1 "no backup was made: $FAILED_REASON" "$FAILED_NEXT"
  fact backup "$BACKUP_FILE"
  for backup_key in sha256 size tables; do
    fact $backup_key "$(value_of "${BACKUP_FILE%.dump}.facts" $backup_key)"
  done
  fact owner "$(stat -c %U "$BACKUP_FILE")"
}

# backup_make BEFORE: sets BACKUP_FILE; else 1, with `blame` (failure.sh).
backup_make() {
  backup_id=$(container_of platform database)
  [ -n "$backup_id" ] || {
    blame database "no database runs here" "fab -H HOST up" || database_fault || true # both return 1 with their blame
    return 1
  }
  [ ! -f "$DEPLOYMENT_PATH/identity" ] || database_fault || return 1
  ensure_directory "$(backups_path)" 0700 || {
    blame database "$(backups_path) cannot be made" "df -h $DEPLOYMENT_PATH on the host"
    return 1
  }
  backup_space "$backup_id" || return 1
  backup_release=$(active_value release)
  backup_name
  backup_part=$(backups_path)/.dump.part
  rm -f "$(backups_path)"/.*.part
  backup_dump "$backup_id" "$backup_part" || {
    rm -f "$backup_part"
    return 1
  }
  backup_keep "$backup_part" "$1"
}

# backup_name: sets BACKUP_FILE; two in one second do not replace each other.
backup_name() {
  BACKUP_FILE=$(backups_path)/$(date -u +%Y%m%dT%H%M%SZ)-${backup_release:-none}.dump
  while [ -e "$BACKUP_FILE" ]; do
    sleep 0.2
    BACKUP_FILE=$(backups_path)/$(date -u +%Y%m%dT%H%M%SZ)-${backup_release:-none}.dump
  done
}

# backup_dump CONTAINER FILE: written, listed, and with all tables that the database has. Those of an extension are made by it, and
# may be in the list as well.
backup_dump() {
  backup_said=$( (umask 077 && engine_quietly exec "$1" pg_dump -U postgres -d "dbname=$POSTGRES_DB connect_timeout=10" -Fc >"$2") 2>&1) || {
    blame database "pg_dump failed: $(one_line "$backup_said" | tail -c 300)" "df -h $DEPLOYMENT_PATH on the host; fab -H HOST verify"
    return 1
  }
  backup_listing=$(backup_list "$1" "$2") || {
    blame database "pg_restore cannot read the dump that was just made" "df -h $DEPLOYMENT_PATH on the host; then try again"
    return 1
  }
  backup_tables=$(printf '%s\n' "$backup_listing" | grep -c '^[0-9]*; [0-9]* [0-9]* TABLE DATA ') || true # none is no fault of grep's
  backup_wanted=$(database_ask "$1" "$DATABASE_TABLES") || {
    blame database "the database does not say how many tables it has" "fab -H HOST logs --service database"
    return 1
  }
  [ "$backup_tables" -ge "$backup_wanted" ] ||
    blame database "the dump lists $backup_tables tables, the database has $backup_wanted" "try again"
}

# backup_list CONTAINER FILE: the dump's own table of contents; fails when the file is not a whole dump.
backup_list() { docker exec -i "$1" pg_restore -l <"$2" 9>&- 2>/dev/null; }

# backup_keep PART BEFORE: facts first, then the dump's name: a dump without facts is never seen.
backup_keep() {
  if flush "$1" && backup_sum=$(sha256sum <"$1") && backup_size=$(stat -c %s "$1") && backup_facts_write "$2" &&
    own "$1" && mv -T "$1" "$BACKUP_FILE" && flush "$(backups_path)"; then
    return 0
  fi
  rm -f "$1" "${BACKUP_FILE%.dump}.facts"
  blame database "the dump could not be kept in $(backups_path)" "df -h $DEPLOYMENT_PATH on the host"
}

# backup_facts_write BEFORE
backup_facts_write() {
  replace "${BACKUP_FILE%.dump}.facts" <<END
schema=1
release=$backup_release
before=$1
database=$POSTGRES_DB
sha256=${backup_sum%% *}
size=$backup_size
tables=$backup_wanted
time=$(now)
END
}

# backup_space CONTAINER: half of what the database takes: a full disk would stop the server itself.
backup_space() {
  backup_need=$(database_ask "$1" "select pg_database_size(current_database()) / 2048") || backup_need=0
  backup_free=$(free_kib "$(backups_path)")
  [ "${backup_free:-0}" -ge "${backup_need:-0}" ] ||
    blame database "too little space for a dump: about $((backup_need / 1024)) MB needed, $((backup_free / 1024)) MB free in $(backups_path)" \
      "fab -H HOST prune; remove old backups there"
}

# free_kib PATH: of its file system; 1 KiB is not counted by every df as free to us.
free_kib() { df -Pk "$1" 2>/dev/null | sed -n '$s/^.* \([0-9-][0-9-]*\)  *[0-9-]*%  *.*$/\1/p'; }

# backup_before RELEASE: the newest dump that was made for that release's migrations, or nothing.
backup_before() { backup_newest before "$1"; }

# backup_during RELEASE: the newest dump that was made while it served, or nothing.
backup_during() { backup_newest release "$1"; }

# backup_newest KEY VALUE
backup_newest() {
  for backup_facts in "$(backups_path)"/*.facts; do
    if [ -f "${backup_facts%.facts}.dump" ] && [ "$(value_of "$backup_facts" "$1")" = "$2" ]; then
      printf '%s\n' "${backup_facts%.facts}.dump"
    fi
  done | tail -n 1
}

# backup_list_all: what there is, oldest first.
backup_list_all() {
  require_readable
  for backup_facts in "$(backups_path)"/*.facts; do
    [ -f "${backup_facts%.facts}.dump" ] || continue
    backup_name=${backup_facts##*/}
    fact backup "${backup_name%.facts}.dump $(value_of "$backup_facts" size) $(value_of "$backup_facts" time) $(value_of "$backup_facts" before)"
  done
}

# backups_prune: of the dumps before migrations, the newest KEEP_RELEASES stay.
backups_prune() {
  for backup_facts in "$(backups_path)"/*.facts; do
    if [ -f "$backup_facts" ] && [ -n "$(value_of "$backup_facts" before)" ]; then printf '%s\n' "$backup_facts"; fi
  done | sort -r | tail -n +$((KEEP_RELEASES + 1)) | while IFS= read -r backup_facts; do
    rm -f "${backup_facts%.facts}.dump" "$backup_facts"
    removed "${backup_facts%.facts}.dump"
  done
}
