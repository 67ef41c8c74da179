# Whose database lies in the data volume, and which directory the stack is of: told before anything is sent.

load fake/kit

# volume [LABEL...]: a data volume with these labels.
volume() {
  : >"$FAKE/volumes/app_data"
  mkdir -p "$FAKE/labels" "$FAKE/mounts/app_data/cluster"
  printf '%s\n' "$@" >"$FAKE/labels/app_data"
}

facts='volume_facts >/dev/null; data_facts'

@test "the cluster's own identity comes before the volume's labels; nothing where there is no volume" {
  for shell in $SHELLS; do
    fresh
    run within "$shell" "$facts"
    [ "$status" = 0 ]
    [ -z "$output" ]
    volume app=app database=other role=someone uid=7 major=17 flavour=musl
    run within "$shell" "$facts"
    [ "$(tr '\n' ' ' <<<"$output")" = 'data.source=labels data.app=app data.database=other data.role=someone data.uid=7 data.major=17 data.flavour=musl ' ]
    printf 'major=15\nflavour=glibc\nuser=apiuser\ndatabase=app\nuid=1001\n' >"$FAKE/mounts/app_data/cluster/deployment.identity"
    run within "$shell" "$facts"
    [ "$(tr '\n' ' ' <<<"$output")" = 'data.source=identity data.major=15 data.flavour=glibc data.role=apiuser data.database=app data.uid=1001 ' ]
  done
}

@test "a label that a volume of before lacks is not told; a cluster of another image is, with its version" {
  for shell in $SHELLS; do
    fresh
    volume app=app database= 'role=<no value>'
    run within "$shell" "$facts"
    [ "$(tr '\n' ' ' <<<"$output")" = 'data.source=labels data.app=app ' ]
    echo 16 >"$FAKE/mounts/app_data/PG_VERSION"
    run within "$shell" "$facts"
    [ "$(tr '\n' ' ' <<<"$output")" = 'data.source=other data.major=16 ' ]
  done
}

@test "who may not read the volume has the identity from the database's container, and the labels where there is none" {
  for shell in $SHELLS; do
    fresh
    volume database=other
    rm -r "$FAKE/mounts"
    run within "$shell" "OUR_UID=1000; $facts"
    [[ $output == data.source=labels* ]]
    printf 'slot=platform\nservice=database\nstate=exited\n' >"$FAKE/containers/db"
    printf 'major=15\nflavour=musl\nuser=a\ndatabase=b\nuid=1\n' >"$FAKE/deployment.identity"
    run within "$shell" "OUR_UID=1000; $facts"
    [ "$(tr '\n' ' ' <<<"$output")" = 'data.source=identity data.major=15 data.flavour=musl data.role=a data.database=b data.uid=1 ' ]
  done
}

@test "DATA_PATH before there is a volume on it: the cluster that is there, and the application that has it" {
  for shell in $SHELLS; do
    fresh
    mkdir -p "$FAKE/data/cluster"
    printf 'major=15\nflavour=musl\nuser=a\ndatabase=b\nuid=1\n' >"$FAKE/data/cluster/deployment.identity"
    DATA_AT=$FAKE/data run within "$shell" "$facts"
    [[ $output == data.source=identity*data.database=b* ]]
    DATA_AT=$FAKE/data run within "$shell" 'engine() { echo other_data; }; engine_quietly() { echo "$DATA_PATH other"; }; data_neighbour'
    [ "$output" = data.app=other ]
    DATA_AT=$FAKE/data run within "$shell" 'engine() { echo app_data; }; engine_quietly() { echo "$DATA_PATH app"; }; data_neighbour'
    [ -z "$output" ]
  done
}

@test "a new data volume is labelled with what its image will make in it, the others are not" {
  for shell in $SHELLS; do
    fresh
    within "$shell" 'volumes_ensure one'
    grep -qx 'volume create --label app=app --label database=app --label role=apiuser --label uid=1001 --label major=15 --label flavour=glibc app_data' "$FAKE/calls"
    grep -qx 'volume create --label app=app app_socket' "$FAKE/calls"
  done
}

@test "containers of another directory: told by facts, and refused under the lock, though this directory has served too" {
  for shell in $SHELLS; do
    fresh
    activated "$shell" one
    [ -z "$(within "$shell" stack_facts)" ]
    ln -s app "$FAKE/opt/link" # the directory's other name is no other directory
    [ -z "$(within "$shell" "DEPLOYMENT_PATH=$FAKE/opt/link; stack_facts")" ]
    sed -i 's|^directory=.*|directory=/opt/old/releases/one|' "$FAKE/containers/platform-edge"
    run host "$shell" facts
    grep -qx 'stack=/opt/old' <<<"$output"
    run host "$shell" hold deploy
    [ "$status" = 1 ]
    [[ $output == *"app runs here already, deployed to /opt/old and not to $FAKE_PATH"*'next: set DEPLOYMENT_PATH back'* ]]
  done
}
