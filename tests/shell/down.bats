# down: all of it goes, from any state, and the data stays unless volumes are asked for.

load fake/kit

# everything: what the engine of files still has.
everything() { (cd "$FAKE" && find containers networks volumes -type f | sort | tr '\n' ' '); }

@test "down: containers, networks and links go; volumes, releases and identity stay; twice is fine" {
  for shell in $SHELLS; do
    fresh
    activated "$shell" one
    printf 'com.docker.compose.project=app\n' >"$FAKE/networks/app"
    run host "$shell" down
    [ "$status" = 0 ]
    [ "$(grep -c '^removed=' <<<"$output")" = 4 ]
    [ "$(everything)" = 'volumes/app_assets volumes/app_certs volumes/app_data volumes/app_socket ' ]
    [ ! -L "$FAKE_PATH/slots/active" ]
    [ ! -L "$FAKE_PATH/current" ]
    [ ! -e "$FAKE_PATH/active" ]
    [ -e "$FAKE_PATH/identity" ]
    [ "$(status_of one)" = retired ]
    run host "$shell" down
    [ "$status" = 0 ]
    [[ $output != *removed=* ]]
    run host "$shell" activate one
    [ "$status" = 0 ]
    [ "$(serving)" = blue ]
  done
}

@test "down volumes: also the volumes and the identity; a directory of the user's stays, and is named with the command" {
  for shell in $SHELLS; do
    fresh
    activated "$shell" one
    mkdir -p "$FAKE/mine/cluster" "$FAKE/empty"
    echo "$FAKE/mine" >"$FAKE/volumes/app_data"
    echo "$FAKE/empty" >"$FAKE/volumes/app_socket"
    run host "$shell" down volumes
    [ "$status" = 0 ]
    [ -z "$(everything)" ]
    [ ! -e "$FAKE_PATH/identity" ]
    [ ! -e "$FAKE_PATH/cache/assets" ]
    [ -d "$FAKE/mine/cluster" ]
    [ -d "$FAKE/empty" ]
    [ "$(grep -c '^kept=' <<<"$output")" = 1 ]
    grep -qx "kept=$FAKE/mine" <<<"$output"
    [[ $output == *"the files in $FAKE/mine stay"*"next, if they may go, on the host: sudo find $FAKE/mine -mindepth 1 -delete"* ]]
    run host "$shell" down volumes
    [ "$status" = 0 ]
    [[ $output != *kept=* ]]
  done
}

@test "down where nothing was ever deployed, and after an activation that was cut off" {
  for shell in $SHELLS; do
    fresh
    run host "$shell" down
    [ "$status" = 0 ]
    [[ $output != *removed=* ]]
    activated "$shell" one
    pushed two
    cat >"$FAKE_PATH/activation" <<END
release=two
previous=one
from=blue
to=green
phase=migrated
seq=2
task=deploy
END
    run host "$shell" down
    [ "$status" = 0 ]
    [[ $output == *'recovered=undone two'* ]]
    [ ! -e "$FAKE_PATH/activation" ]
    [ -z "$(ls "$FAKE/containers")" ]
    [ "$(status_of one)-$(status_of two)" = retired-failed ]
  done
}

@test "down without an engine fails, and what is recorded stays as it was but for the link" {
  fresh
  activated dash one
  echo down >"$FAKE/faults"
  run host dash down
  [ "$status" = 1 ]
  [[ $output == *'Cannot connect'* ]]
  grep -qx release=one "$FAKE_PATH/active"
  rm "$FAKE/faults"
  run host dash down
  [ "$status" = 0 ]
  [ -z "$(ls "$FAKE/containers")" ]
  [ ! -e "$FAKE_PATH/active" ]
}
