# The activation, against an engine of files: every way it can go, under dash, busybox and bash.

load fake/kit

@test "a first release: everything is made, and it serves" {
  for shell in $SHELLS; do
    fresh
    pushed one one,two
    run host "$shell" activate one
    echo "$output"
    [ "$status" = 0 ]
    [[ $output == *result=active* ]]
    [ "$(serving)" = blue ]
    [ "$(status_of one)" = active ]
    [ "$(readlink "$FAKE_PATH/current")" = releases/one ]
    [ ! -e "$FAKE_PATH/activation" ]
    [ "$(containers)" = "blue-backend blue-frontend platform-database platform-edge " ]
    grep -qx postgres_major=15 "$FAKE_PATH/identity"
    python3 -c 'import json,sys; line=json.loads(open(sys.argv[1]).read()); assert line["seq"] == 1 and line["operator"] == "it'"'"'s me", line' "$FAKE_PATH/history.jsonl"
    never grep -v '^[0-9T:-]*Z \[[a-z-]*\] [^ ]*: ' "$LOGS"/*.log
  done
}

@test "the next release goes into the other slot, and the platform is not touched" {
  for shell in $SHELLS; do
    fresh
    activated "$shell" one
    : >"$FAKE/calls"
    run activated "$shell" two
    [ "$status" = 0 ]
    [ "$(serving)" = green ]
    [ "$(status_of one)-$(status_of two)" = retired-active ]
    [ "$(readlink "$FAKE_PATH/previous")" = releases/one ]
    [ "$(containers)" = "green-backend green-frontend platform-database platform-edge " ]
    never grep -e 'up .*edge' -e 'up .*database' "$FAKE/calls"
    [ ! -e "$FAKE/lock-leaks" ]
    ls "$FAKE/networks" | grep -qx app-green
    [ ! -e "$FAKE/networks/app-blue" ]
  done
}

@test "the same release again goes into the other slot; previous stays what it was" {
  for shell in $SHELLS; do
    fresh
    activated "$shell" one && activated "$shell" two
    run host "$shell" activate two
    [ "$status" = 0 ]
    [ "$(serving)" = blue ]
    grep -qx previous=one "$FAKE_PATH/active"
    [ "$(status_of two)" = active ]
  done
}

@test "verbose shows the engine's calls, and changes nothing else" {
  for shell in $SHELLS; do
    fresh
    export VERBOSE=1
    activated "$shell" one
    pushed two more
    run host "$shell" activate two
    unset VERBOSE
    [ "$status" = 0 ]
    [[ $output == *'+ docker ps'* ]]
    [ "$(serving)" = green ]
  done
}

@test "an older release can be activated" {
  for shell in $SHELLS; do
    fresh
    activated "$shell" one && activated "$shell" two
    run host "$shell" activate one
    [ "$status" = 0 ]
    [ "$(status_of one)-$(status_of two)" = active-retired ]
    [ "$(sed -n 's/^seq=//p' "$FAKE_PATH/active")" = 3 ]
  done
}

# fails_with FAULT SERVICE: the old release serves, the new slot is gone, the log says why; and without the fault it goes.
fails_with() {
  for shell in $SHELLS; do
    fresh
    activated "$shell" one
    TIMEOUT=1 pushed two three
    echo "$1" >"$FAKE/faults"
    run host "$shell" activate two
    echo "$shell: $output"
    [ "$status" = 1 ]
    [[ $output == *result=failed* && $output == *"failed.service=$2"* ]]
    [[ $output == *'put back: release one serves from slot blue'* ]]
    [ "$(serving)" = blue ]
    [ "$(status_of one)-$(status_of two)" = active-failed ]
    [ "$(containers)" = "blue-backend blue-frontend platform-database platform-edge " ]
    [ ! -e "$FAKE_PATH/activation" ]
    grep -q '"seq":2,.*"result":"failed"' "$FAKE_PATH/history.jsonl"
    grep -q '\[capture\] .*a line of its log' "$LOGS"/*two.log
    [[ $output != *'[capture]'* ]]
    rm "$FAKE/faults"
    run host "$shell" activate two
    [ "$status" = 0 ]
  done
}

@test "a slot that is not healthy: put back" { fails_with health frontend; }
@test "a published port that does not answer with the release: put back, after the switch" { fails_with public edge; }
@test "a migration that fails: put back" { fails_with migrate migrate; }
@test "a backend that crashes: put back, before its time is over" { fails_with crash backend; }

@test "a first release that fails leaves database, volumes and edge, and nothing served" {
  for shell in $SHELLS; do
    fresh
    TIMEOUT=1 pushed one
    echo health >"$FAKE/faults"
    run host "$shell" activate one
    [ "$status" = 1 ]
    [[ $output == *'nothing is deployed'* ]]
    [ ! -L "$FAKE_PATH/slots/active" ]
    [ "$(containers)" = "platform-database platform-edge " ]
    [ -e "$FAKE/volumes/app_data" ]
  done
}

@test "a changed edge is put back when the release fails after it" {
  for shell in $SHELLS; do
    fresh
    activated "$shell" one
    TIMEOUT=1 EDGE=other pushed two
    echo health >"$FAKE/faults"
    run host "$shell" activate two
    [ "$status" = 1 ]
    grep -qx fingerprint=e "$FAKE/containers/platform-edge"
  done
}

@test "a lost data volume, another identity, a missing image, an edited release: refused, and named" {
  for shell in $SHELLS; do
    fresh
    activated "$shell" one
    pushed two
    rm "$FAKE/volumes/app_data"
    run host "$shell" activate two
    [ "$status" = 1 ]
    [[ $output == *'data volume app_data is missing'* ]]
    : >"$FAKE/volumes/app_data"
    rm "$FAKE/containers/platform-database"
    echo 15 >"$FAKE/postgres"
    run host "$shell" activate two
    [ "$status" = 1 ]
    [[ $output == *'data volume app_data is empty'* ]]
    [ ! -e "$FAKE/containers/platform-database" ]
    printf '15\n/data/PG_VERSION\nsystem=2\n' >"$FAKE/postgres"
    run host "$shell" activate two
    [ "$status" = 1 ]
    [[ $output == *"app_data holds another database than this host's (system identifier 2, not 1)"* ]]
    [ ! -e "$FAKE/containers/platform-database" ]
    rm "$FAKE/postgres"
    sed -i 's/^role=.*/role=somebody/' "$FAKE_PATH/identity"
    run host "$shell" activate two
    [ "$status" = 1 ]
    [[ $output == *'role (here somebody, asked for apiuser)'* ]]
    sed -i 's/^role=.*/role=apiuser/' "$FAKE_PATH/identity"
    mv "$FAKE/images/app+edge:c-two" "$FAKE/hidden"
    run host "$shell" activate two
    [ "$status" = 1 ]
    [[ $output == *'failed.service=edge'* ]]
    mv "$FAKE/hidden" "$FAKE/images/app+edge:c-two"
    echo more >>"$FAKE_PATH/releases/two/.env"
    run host "$shell" activate two
    [ "$status" = 1 ]
    [[ $output == *'was edited'* ]]
    [ "$(serving)" = blue ]
  done
}

@test "releases beyond KEEP_RELEASES are forgotten: never active, previous, or the one that has just failed" {
  fresh
  export KEEP=3 TIMEOUT=1
  for name in a b c d; do activated dash $name; done
  [ "$(cd "$FAKE_PATH/releases" && echo */)" = "b/ c/ d/" ]
  [ ! -e "$FAKE_PATH/releases/a.state" ]
  [ ! -e "$FAKE/images/app+frontend:c-a" ]
  [ -e "$FAKE/images/app+frontend:c-b" ]
  pushed e
  echo health >"$FAKE/faults"
  run host dash activate e
  [ "$(cd "$FAKE_PATH/releases" && echo */)" = "b/ c/ d/ e/" ]
  rm "$FAKE/faults"
  for name in w x y z; do pushed $name && touch -d "@$(printf '%d' "'$name")" "$FAKE_PATH/releases/$name"; done
  activated busybox f
  [ "$(cd "$FAKE_PATH/releases" && echo */)" = "c/ d/ f/ x/ y/ z/" ]
}
