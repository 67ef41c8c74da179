# What must never change silently, because it would give an empty or a damaged database.
#
# Parameters: APP_NAME, POSTGRES_DB, POSTGRES_USER, API_USER_UID, API_USER_GID, DATA_VOLUME, DATA_PATH, SOCKET_PATH,
#             SOCKET_VOLUME, DEPLOYMENT_PATH.
# Output:     none.
# Exit codes: a function returns 1, with `blame` (failure.sh).

identity_lines() {
  cat <<END
schema=1
app=$APP_NAME
database=$POSTGRES_DB
role=$POSTGRES_USER
uid=$API_USER_UID
gid=$API_USER_GID
data_volume=$DATA_VOLUME
data_path=$DATA_PATH
socket_path=$SOCKET_PATH
END
}

identity_check() {
  [ -f "$DEPLOYMENT_PATH/identity" ] || return 0
  identity_faults=$(identity_lines | while IFS='=' read -r identity_key identity_wanted; do
    identity_found=$(identity_here "$identity_key" "$identity_wanted")
    [ "$identity_found" = "$identity_wanted" ] || printf ' %s (here %s, asked for %s)' "$identity_key" "$identity_found" "$identity_wanted"
  done)
  [ -n "$identity_faults" ] || return 0
  blame database "this host's database has another identity:$identity_faults" "$(identity_next "$identity_faults")"
}

# identity_next FAULTS: the socket can move without the data, and nothing else can.
identity_next() {
  case $1 in
  ' socket_path ('*)
    printf '%s; to move the socket: fab -H HOST down; on the host: docker volume rm %s && sed -i /^socket_path=/d %s; then deploy\n' \
      'set SOCKET_PATH back' "$SOCKET_VOLUME" "$DEPLOYMENT_PATH/identity"
    ;;
  *) printf 'set the old value again; to change it: back up, fab -H HOST down --volumes --yes, deploy, and restore\n' ;;
  esac
}

# identity_here KEY WANTED: what this host has. An identity that was written before socket_path was a key of it has the socket
# volume's directory; without that volume there is nothing that could differ.
identity_here() {
  if [ "$1" != socket_path ] || identity_has_socket; then
    value_of "$DEPLOYMENT_PATH/identity" "$1"
  else
    identity_socket=$(volume_directory "$SOCKET_VOLUME" 2>/dev/null) || identity_socket=$2
    printf '%s\n' "$identity_socket"
  fi
}

identity_has_socket() { grep -q '^socket_path=' "$DEPLOYMENT_PATH/identity"; }

# identity_adopt: once the volumes are there, an identity of before gets the key that it lacks.
identity_adopt() {
  [ -f "$DEPLOYMENT_PATH/identity" ] || return 0
  ! identity_has_socket || return 0
  identity_socket=$(volume_directory "$SOCKET_VOLUME") || return 1
  {
    sed -n p "$DEPLOYMENT_PATH/identity"
    printf 'socket_path=%s\n' "$identity_socket"
  } | replace "$DEPLOYMENT_PATH/identity"
}

# stray_check: containers of this application that were deployed from another directory, or slots that no file here knows of, are
# not ours to remove. Ends with exit code 1.
stray_check() {
  command -v docker >/dev/null 2>&1 || return 0
  stray_path=$(stack_paths | head -n 1)
  stray_remedy="set DEPLOYMENT_PATH back; to move, fab down with the old one first, then move the directory"
  [ -z "$stray_path" ] || refuse 1 "$APP_NAME runs here already, deployed to $stray_path and not to $DEPLOYMENT_PATH" "$stray_remedy"
  [ ! -f "$DEPLOYMENT_PATH/active" ] && [ "$(served_slot)" = none ] && ! is_journal || return 0
  stray_found=$(engine ps --filter "label=app=$APP_NAME" --filter label=release --format '{{.Label "release"}}' 2>/dev/null | head -n 1)
  [ -z "$stray_found" ] || refuse 1 "$APP_NAME ($stray_found) runs here already, deployed to another directory than $DEPLOYMENT_PATH" "$stray_remedy"
}

# stack_paths: the other directories that containers of this application were deployed from, a line each; Compose labels each
# container with the release's directory. One that was moved, with a link left in its old place, is no other.
stack_paths() {
  stack_here=$(physical "$DEPLOYMENT_PATH")
  engine ps -a --filter "label=app=$APP_NAME" --filter label=slot --format '{{.Label "com.docker.compose.project.working_dir"}}' 2>/dev/null |
    sed -n 's|/releases/[^/]*$||p' | sort -u | while IFS= read -r stack_path; do
    [ "$(physical "$stack_path")" = "$stack_here" ] || printf '%s\n' "$stack_path"
  done
}

stack_facts() {
  stack_paths | while IFS= read -r stack_path; do
    fact stack "$stack_path"
  done
}

# database_here CONTAINER: whether the running server's files are this host's database, as its container sees them. Else 1, with
# `blame`. What cannot be asked (a container that is just ending) is nobody's fault here.
database_here() {
  here_known=$(value_of "$DEPLOYMENT_PATH/identity" postgres_system)
  [ -n "$here_known" ] && here_found=$(database_system "$1") && [ "$here_found" != "$here_known" ] || return 0
  if [ -z "$here_found" ]; then
    blame database "the files of this host's database are gone from the data volume $DATA_VOLUME${DATA_PATH:+ (directory $DATA_PATH)}, below the server that runs" \
      "$(database_next)"
  else
    blame database "the server that runs has another database than this host's (system identifier $here_found, not $here_known)" \
      "bring the right data back, then fab -H HOST up; or, if what is there now is to be used: rm $DEPLOYMENT_PATH/identity, then fab -H HOST up"
  fi
}

# database_system CONTAINER: the cluster's system identifier; empty when there is none. Fails when it could not be asked.
database_system() {
  system_said=$(engine_quietly exec "$1" sh -c \
    'LC_ALL=C pg_controldata 2>/dev/null | sed -n "s/^Database system identifier: */system=/p"' 2>/dev/null) || return 1
  printf '%s\n' "${system_said#*system=}"
}

# database_next: what to do where the data is not there.
database_next() { printf 'mount it, or put its files back, then fab -H HOST up; %s\n' "$(database_lost)"; }

# database_lost: the way on without it.
database_lost() {
  printf 'if the data is lost: rm %s on the host, fab -H HOST up, fab -H HOST restore --backup NAME --yes (NAME from %s)\n' \
    "$DEPLOYMENT_PATH/identity" "$(backups_path)"
}

# database_fault: why this host's database is not there, with `blame` (then 1): other data, none, or what its image has refused.
database_fault() {
  if [ ! -f "$DEPLOYMENT_PATH/identity" ]; then
    [ -z "$(active_value release)" ] || blame database "which data is this host's is not recorded: $DEPLOYMENT_PATH/identity was removed" \
      "fab -H HOST up starts the database anew on the data that is there, or makes a new one, and records it"
    return
  fi
  [ -n "$(value_of "$DEPLOYMENT_PATH/identity" postgres_system)" ] || return 0
  fault_found=$(containers_of platform '{{.Label "service"}} {{.State}} {{.ID}}' 2>/dev/null | sed -n 's/^database //p' | head -n 1) || return 0
  case $fault_found in
  '') ;;
  # One that ends and is started over and over runs for a moment each time: what cannot be asked has its refusal in its log.
  'running '*) if database_system "${fault_found#* }" >/dev/null; then database_here "${fault_found#* }"; else database_refusal "${fault_found#* }" 2; fi ;;
  *) database_refusal "${fault_found#* }" 2 ;;
  esac
}

# identity_write CONTAINER: once; with the server's major version, C library and system identifier, as they stand in the cluster.
# An identity of before the system identifier was kept gets it.
identity_write() {
  [ -z "$(value_of "$DEPLOYMENT_PATH/identity" postgres_system)" ] || return 0
  # shellcheck disable=SC2016 # the container's variable
  identity_server=$(engine exec "$1" sh -c \
    'cat "$PGDATA/deployment.identity" && LC_ALL=C pg_controldata | sed -n "s/^Database system identifier: */system=/p"') || return 1
  {
    identity_lines
    printf '%s\n' "$identity_server" | sed -n -e 's/^major=/postgres_major=/p' -e 's/^flavour=/postgres_flavour=/p' \
      -e 's/^system=/postgres_system=/p'
  } | replace "$DEPLOYMENT_PATH/identity"
}
