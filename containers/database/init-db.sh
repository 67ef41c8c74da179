#!/bin/sh
# Start PostgreSQL on the cluster that is there: see to the application's role and database, then become the server.
#
# A start never makes a cluster: after a reboot, or by the engine's restart policy, an empty data volume means data that is not
# mounted or was removed, and a new, empty database in its place would look like health. What makes one is
# `init-db.sh --make-cluster`, which the host's script runs once, on a host that has had no database; killed at any moment it can
# be run again, and where there is a cluster already it changes nothing.
#
# Runs as OS user postgres (999), with a read-only root: writes only to the data volume, the socket volume and /tmp.
# Parameters (environment): POSTGRES_USER POSTGRES_DB API_USER_UID API_USER_GID SOCKET_PERMISSIONS
# Arguments: --make-cluster, alone; else options for the server.
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

# setting KEY: the setting that decides it.
setting() {
  case $1 in
  major | flavour) echo POSTGRES_IMAGE ;;
  user) echo POSTGRES_USER ;;
  database) echo POSTGRES_DB ;;
  uid) echo API_USER_UID ;;
  esac
}

# shown KEY VALUE: for people, who know the C libraries by the distributions that have them.
shown() {
  case $1=$2 in
  flavour=musl) echo 'flavour musl (Alpine)' ;;
  flavour=glibc) echo 'flavour glibc (Debian)' ;;
  *) echo "$1 $2" ;;
  esac
}

# check_identity: all that differs is said at once.
check_identity() {
  [ -f "$IDENTITY" ] || refuse "the data in the volume has no $IDENTITY: another image made it" \
    'dump it with the image that made it, and restore the dump into a fresh volume'
  identity >/tmp/identity
  there='' asked='' settings=''
  for key in major flavour user database uid; do
    old=$(value "$key" "$IDENTITY") new=$(value "$key" /tmp/identity)
    [ "$old" != "$new" ] || continue
    there="$there${there:+, }$(shown "$key" "$old")" asked="$asked${asked:+, }$(shown "$key" "$new")"
    case $settings in *" $(setting "$key")"*) ;; *) settings="$settings $(setting "$key")" ;; esac
  done
  [ -z "$there" ] || refuse "the data in the volume was made with $there; this image and these settings have $asked. Nothing was touched" \
    "to go back, give$settings the old value again; to change or upgrade, take a dump with the old one and restore it into a fresh volume"
}

# check_volume server|maker: only looks. A volume that is refused stays as it is, to the last file.
check_volume() {
  may_look "$VOLUME" || refuse_owner
  if [ -e "$PGDATA" ]; then
    may_look "$PGDATA" && [ -w "$VOLUME" ] || refuse_owner
    [ -z "$(find "$PGDATA" -maxdepth 1 ! -user "$(id -u)" 2>&1 | head -n 1)" ] || refuse_owner
    [ -f "$PGDATA/PG_VERSION" ] || refuse_missing "$PGDATA is no whole cluster: files of it were removed"
    check_identity
    return 0
  fi
  [ ! -e "$VOLUME/PG_VERSION" ] || refuse "$VOLUME holds a cluster of PostgreSQL $(cat "$VOLUME/PG_VERSION") that another image made" \
    'dump it with that image, and restore the dump into a fresh volume'
  for stray in "$VOLUME"/* "$VOLUME"/.[!.]*; do
    case $stray in
    */.new-* | */.lock | */lost+found | "$VOLUME/*" | "$VOLUME/.[!.]*") ;;
    *) refuse "$stray is in the data volume, but no cluster of ours is" 'give an empty directory, or restore a backup' ;;
    esac
  done
  [ "$1" = maker ] || refuse_missing "the data volume has no database in it, and a start makes none"
  [ -w "$VOLUME" ] || refuse_owner
}

# may_look DIRECTORY: one that is closed is not empty.
may_look() { [ -r "$1" ] && [ -x "$1" ]; }

refuse_owner() {
  refuse "the data volume, or something in it, belongs to another user than $(id -u), as after a copy made by root" \
    "mount the disk, if it is not mounted; else on the host, as root: chown -R $(id -u):$(id -g) on the volume's directory (docker volume inspect names it), then fab -H HOST up"
}

# refuse_missing WHAT: on an empty directory where a disk is not mounted too, which may be anybody's.
refuse_missing() {
  refuse "$1" 'mount the data, or put its files back, then restart this container, or fab -H HOST up; if they are lost: restore a backup (docs/operating.md, "The data is not there")'
}

# One statement a line: in single-user mode a line is a statement. "$1" is the database.
single() { postgres --single -c log_checkpoints=off "$@" >/tmp/single 2>&1; }

make_cluster() {
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

# lock_volume server|maker: held as long as the server lives (it inherits the descriptor): two servers on one volume would destroy
# it, and PostgreSQL's own guard does not see into another container. So the pid file of a killed server can go.
lock_volume() {
  exec 9>"$VOLUME/.lock"
  flock -n 9 || refuse 'another server runs on this data' 'stop that container first'
  check_volume "$1" # again: what another container did before it let the lock go
}

# shared_buffers: a quarter of the container's memory limit, as PostgreSQL's manual advises; it counts inside the limit. Without a
# limit PostgreSQL's own default.
shared_buffers() {
  limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || :) # neither: no limit to be seen
  case $limit in
  '' | *[!0-9]* | ????????????????*) echo 128MB ;;
  *) echo "$((limit / 4096))kB" ;;
  esac
}

main() {
  check_settings
  umask 077
  if [ "${1:-}" = --make-cluster ]; then
    check_volume maker
    [ ! -e "$PGDATA" ] || return 0
    lock_volume maker
    [ -e "$PGDATA" ] || make_cluster
    return 0
  fi
  check_volume server
  lock_volume server
  rm -f "$PGDATA/postmaster.pid"
  chmod 0700 "$PGDATA" # a copy may have widened it, and PostgreSQL would not start
  ensure_role "$PGDATA"
  exec postgres \
    -c listen_addresses= \
    -c unix_socket_directories=/var/run/postgresql \
    -c unix_socket_group="$API_USER_GID" \
    -c unix_socket_permissions="${SOCKET_PERMISSIONS:-0770}" \
    -c hba_file=/etc/postgresql/pg_hba.conf \
    -c shared_buffers="$(shared_buffers)" \
    -c logging_collector=off "$@"
}

main "$@"
