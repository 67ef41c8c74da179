# What must never change silently is compared, named with both values, and refused.

load fake/kit

# identity SOCKET_LINE: as an earlier activation has written it.
identity() {
  mkdir -p "$FAKE_PATH"
  printf 'schema=1\napp=app\ndatabase=app\nrole=apiuser\nuid=1001\ngid=1001\ndata_volume=app_data\ndata_path=\n' >"$FAKE_PATH/identity"
  [ -z "${1:-}" ] || printf '%s\n' "$1" >>"$FAKE_PATH/identity"
  printf 'postgres_major=15\npostgres_flavour=glibc\n' >>"$FAKE_PATH/identity"
}

check='identity_check || { echo "$FAILED_SERVICE: $FAILED_REASON"; echo "$FAILED_NEXT"; }'

@test "the same identity, and none yet, pass in silence" {
  for shell in $SHELLS; do
    fresh
    run within "$shell" "$check"
    [ "$status" = 0 ]
    [ -z "$output" ]
    identity socket_path=
    run within "$shell" "$check"
    [ "$status" = 0 ]
    [ -z "$output" ]
  done
}

@test "each key that differs is named with what is here and what is asked for" {
  for change in APP_NAME:app POSTGRES_DB:database POSTGRES_USER:role API_USER_UID:uid API_USER_GID:gid DATA_VOLUME:data_volume \
    DATA_PATH:data_path; do
    fresh
    identity socket_path=
    run within dash "${change%:*}=/else; $check"
    [[ ${lines[0]} == "database: this host's database has another identity: ${change#*:} (here "*", asked for /else)" ]]
    [[ ${lines[1]} == 'set the old value again; to change it: back up, fab -H HOST down --volumes --yes, deploy, and restore' ]]
  done
}

@test "a changed SOCKET_PATH is refused with the way to move the socket alone" {
  for shell in $SHELLS; do
    fresh
    identity socket_path=/srv/old
    SOCKET_AT=/srv/new run within "$shell" "$check"
    [ "${lines[0]}" = "database: this host's database has another identity: socket_path (here /srv/old, asked for /srv/new)" ]
    [[ ${lines[1]} == *'docker volume rm app_socket && sed -i /^socket_path=/d '"$FAKE_PATH/identity"* ]]
    SOCKET_AT=/srv/new run within "$shell" "DATA_PATH=/else; $check"
    [[ ${lines[0]} == *'data_path ('*'socket_path ('* && ${lines[1]} == *'back up'* ]]
  done
}

@test "an identity of before: it has the directory of the socket volume; without that volume, whatever is asked for" {
  for shell in $SHELLS; do
    fresh
    identity
    echo /srv/old >"$FAKE/volumes/app_socket"
    SOCKET_AT=/srv/new run within "$shell" "$check"
    [[ ${lines[0]} == *'socket_path (here /srv/old, asked for /srv/new)' ]]
    SOCKET_AT=/srv/old run within "$shell" "$check; identity_adopt; identity_adopt"
    [ "$status" = 0 ]
    [ -z "$output" ]
    [ "$(grep -c '^socket_path=' "$FAKE_PATH/identity")" = 1 ]
    grep -qx socket_path=/srv/old "$FAKE_PATH/identity"
    grep -qx postgres_flavour=glibc "$FAKE_PATH/identity"
    identity
    rm "$FAKE/volumes/app_socket"
    SOCKET_AT=/srv/new run within "$shell" "$check"
    [ "$status" = 0 ]
    [ -z "$output" ]
    : >"$FAKE/volumes/app_socket"
    SOCKET_AT=/srv/new run within "$shell" "$check"
    [[ ${lines[0]} == *'socket_path (here , asked for /srv/new)' ]]
  done
}

@test "it is written once, with what the cluster says of its server" {
  for shell in $SHELLS; do
    fresh
    mkdir -p "$FAKE_PATH"
    printf 'slot=platform\nservice=database\nrelease=\nfingerprint=d\nstate=running\nrestarts=0\n' >"$FAKE/containers/platform-database"
    within "$shell" 'identity_write platform-database; POSTGRES_USER=other; identity_write platform-database'
    [ "$(sed -n 's/^role=//p;s/^postgres_major=//p;s/^postgres_flavour=//p' "$FAKE_PATH/identity" | tr '\n' ' ')" = 'apiuser 15 glibc ' ]
  done
}

@test "the server runs on other data, or on none: said, with the next step; what it cannot be asked is no fault" {
  for shell in $SHELLS; do
    fresh
    identity socket_path=
    echo postgres_system=1 >>"$FAKE_PATH/identity"
    printf 'slot=platform\nservice=database\nrelease=\nfingerprint=d\nstate=running\nrestarts=0\n' >"$FAKE/containers/db"
    run within "$shell" 'database_fault; database_facts'
    [ "$status" = 0 ]
    [ -z "$output" ]
    echo system=2 >"$FAKE/system"
    run within "$shell" database_facts
    [ "${lines[0]}" = "database.fault=the server that runs has another database than this host's (system identifier 2, not 1)" ]
    [[ ${lines[1]} == 'database.next=bring the right data back'*"rm $FAKE_PATH/identity, then fab -H HOST up" ]]
    : >"$FAKE/system"
    run within "$shell" 'database_here db || echo "$FAILED_REASON"'
    [ "$output" = "the files of this host's database are gone from the data volume app_data, below the server that runs" ]
    run host "$shell" backup
    [ "$status" = 1 ]
    [[ $output == *"no backup was made: the files of this host's database are gone"* ]]
    [ -z "$(ls "$FAKE_PATH/backups" 2>/dev/null)" ]
    rm "$FAKE/containers/db"
    run within "$shell" database_fault
    [ "$status" = 0 ]
  done
}

@test "a server that its image has refused to start: the refusal, only while it is the last word" {
  for shell in $SHELLS; do
    fresh
    identity socket_path=
    echo postgres_system=1 >>"$FAKE_PATH/identity"
    printf 'slot=platform\nservice=database\nrelease=\nfingerprint=d\nstate=restarting\nrestarts=3\n' >"$FAKE/containers/db"
    mkdir -p "$FAKE/logs"
    printf 'database: refused: it is not there\ndatabase: remedy: mount it\n' >"$FAKE/logs/db"
    run within "$shell" database_facts
    [ "${lines[0]}" = 'database.fault=refused: it is not there' ]
    [ "${lines[1]}" = 'database.next=mount it' ]
    printf 'slot=blue\nrelease=one\n' >"$FAKE_PATH/active"
    rm "$FAKE_PATH/identity"
    run within "$shell" database_facts
    [[ ${lines[0]} == "database.fault=which data is this host's is not recorded: $FAKE_PATH/identity was removed" ]]
    rm "$FAKE_PATH/active"
    run within "$shell" database_facts
    [ -z "$output" ]
  done
}

@test "a slot that runs here and belongs to another directory is not taken for ours" {
  for shell in $SHELLS; do
    fresh
    printf 'slot=blue\nservice=backend\nrelease=strange\nfingerprint=\nstate=running\nrestarts=0\n' >"$FAKE/containers/x"
    run host "$shell" hold deploy
    [ "$status" = 1 ]
    [[ $output == *'app (strange) runs here already'*'next: set DEPLOYMENT_PATH back'* ]]
    [ -e "$FAKE/containers/x" ]
    printf 'release=strange\n' >"$FAKE_PATH/active"
    run within "$shell" stray_check
    [ "$status" = 0 ]
  done
}
