#!/bin/sh
# Start PostgreSQL: make the cluster if there is none, see to the application's role and database, then become the server.
# Runs as OS user postgres (999), with a read-only root: writes only to the data volume, the socket volume and /tmp.
# Parameters (environment): POSTGRES_USER POSTGRES_DB API_USER_UID API_USER_GID SOCKET_PERMISSIONS
# Exit codes: 2 refused (settings, or data that this image must not start), 1 failed, else the server's.

set -eu

VOLUME=/var/lib/postgresql/data
IDENTITY=$PGDATA/deployment.identity

say() { printf 'database: %s\n' "$1" >&2; }

refuse() {
  say "refused: $1"
  say "remedy: $2"
  exit 2
}

check_settings() {
  case "${POSTGRES_USER:-}/${POSTGRES_DB:-}" in
  /* | */ | */*/* | *[!a-z0-9_/]*) refuse "POSTGRES_USER '${POSTGRES_USER:-}' or POSTGRES_DB '${POSTGRES_DB:-}' is not a plain name" 'use a-z, 0-9 and _' ;;
  esac
  grep -q "^$POSTGRES_USER:[^:]*:${API_USER_UID:-none}:" /etc/passwd ||
    refuse "this image was not built for user $POSTGRES_USER with uid ${API_USER_UID:-}" 'build the database image with these settings'
}

major() { postgres --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/'; }

# The C library decides how text sorts: an index made under one is silently wrong under the other.
flavour() { if ls /lib/ld-musl-* >/dev/null 2>&1; then echo musl; else echo glibc; fi; }

identity() {
  printf 'major=%s\nflavour=%s\nuser=%s\ndatabase=%s\nuid=%s\n' "$(major)" "$(flavour)" "$POSTGRES_USER" "$POSTGRES_DB" "$API_USER_UID"
}

value() { sed -n "s/^$1=//p" "$2"; }

check_identity() {
  [ -f "$IDENTITY" ] || refuse "the data in the volume has no $IDENTITY: another image made it" \
    'dump it with the image that made it, and restore the dump into a fresh volume'
  identity >/tmp/identity
  for key in major flavour user database uid; do
    old=$(value "$key" "$IDENTITY") new=$(value "$key" /tmp/identity)
    [ "$old" = "$new" ] || refuse "the data in the volume has $key '$old', this image and these settings have '$new'" \
      "go back to $key '$old'; or take a backup with it, start with a fresh data volume, and restore the backup"
  done
}

# One statement a line: in single-user mode a line is a statement. "$1" is the database.
single() { postgres --single -c log_checkpoints=off "$@" >/tmp/single 2>&1; }

make_cluster() {
  for stray in "$VOLUME"/* "$VOLUME"/.[!.]*; do
    case $stray in
    */.new-* | */.lock | */lost+found | "$VOLUME/*" | "$VOLUME/.[!.]*") ;;
    *) refuse "$stray is in the data volume, but no cluster of ours is" 'give an empty directory, or restore a backup' ;;
    esac
  done
  rm -rf "$VOLUME"/.new-*
  new=$VOLUME/.new-$$
  say 'making a new cluster'
  initdb -D "$new" --username=postgres --auth-local=peer --auth-host=reject --locale=C.UTF-8 --encoding=UTF8 --data-checksums \
    --no-instructions --no-sync >/tmp/initdb 2>&1 || {
    cat /tmp/initdb >&2
    say "initdb failed"
    exit 1
  }
  identity >"$new/deployment.identity"
  ensure_role "$new"
  initdb --sync-only -D "$new" >/dev/null 2>&1
  mv "$new" "$PGDATA"
  sync "$VOLUME" 2>/dev/null || sync
}

# ensure_role CLUSTER: idempotent; never a password.
ensure_role() {
  role="DO \$\$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '$POSTGRES_USER') THEN CREATE ROLE \"$POSTGRES_USER\" LOGIN; END IF; IF EXISTS (SELECT FROM pg_authid WHERE rolname = '$POSTGRES_USER' AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls OR NOT rolcanlogin OR rolpassword IS NOT NULL)) THEN ALTER ROLE \"$POSTGRES_USER\" LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS PASSWORD NULL; END IF; END \$\$;"
  if printf '%s\n' "$role" | single -D "$1" "$POSTGRES_DB" && ! grep -q 'ERROR:' /tmp/single; then
    return 0
  fi
  if grep -q 'does not exist' /tmp/single; then
    printf '%s\n' "$role" "CREATE DATABASE \"$POSTGRES_DB\" OWNER \"$POSTGRES_USER\";" | single -D "$1" postgres || :
    grep -qE 'ERROR:|FATAL:|PANIC:' /tmp/single || return 0
  fi
  cat /tmp/single >&2
  say "could not see to role $POSTGRES_USER and database $POSTGRES_DB"
  exit 1
}

main() {
  check_settings
  umask 077
  # Held as long as the server lives (it inherits the descriptor): two servers on one volume would destroy it, and PostgreSQL's
  # own guard does not see into another container. So the pid file of a killed server can go.
  exec 9>"$VOLUME/.lock" || refuse "uid $(id -u) cannot write to the data volume" "give it to 999:999, mode 0700"
  flock -n 9 || refuse 'another server runs on this data' 'stop that container first'
  rm -f "$PGDATA/postmaster.pid"
  if [ -e "$PGDATA" ]; then
    check_identity
    ensure_role "$PGDATA"
  else
    [ ! -e "$VOLUME/PG_VERSION" ] || refuse "$VOLUME holds a cluster of PostgreSQL $(cat "$VOLUME/PG_VERSION") that another image made" \
      'dump it with that image, and restore the dump into a fresh volume'
    make_cluster
  fi
  exec postgres \
    -c listen_addresses= \
    -c unix_socket_directories=/var/run/postgresql \
    -c unix_socket_group="$API_USER_GID" \
    -c unix_socket_permissions="${SOCKET_PERMISSIONS:-0770}" \
    -c hba_file=/etc/postgresql/pg_hba.conf \
    -c logging_collector=off "$@"
}

main "$@"
