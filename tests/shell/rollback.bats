# Going back: the release that served before, or a named one; refused before anything changes when it is not all there.

load fake/kit

# two_releases SHELL: one, then two, which serves.
two_releases() {
  fresh
  activated "$1" one
  activated "$1" two
  : >"$FAKE/calls"
}

# unchanged: two serves, and no container or record has changed.
unchanged() {
  [ "$(serving)" = green ]
  grep -qx release=two "$FAKE_PATH/active"
  [ ! -e "$FAKE_PATH/activation" ]
  never grep -e '^compose' -e '^rm' -e '^stop' "$FAKE/calls"
}

@test "without an argument: the release that served before; again: forward" {
  for shell in $SHELLS; do
    two_releases "$shell"
    run host "$shell" rollback
    echo "$shell $output"
    [ "$status" = 0 ]
    [[ $output == *'rollback=one'* && $output == *'result=active'* ]]
    [ "$(status_of one)-$(status_of two)" = active-rolled_back ]
    grep -q '"task":"rollback"' "$FAKE_PATH/history.jsonl"
    run host "$shell" rollback
    [ "$status" = 0 ]
    [[ $output == *'rollback=two'* ]]
    [ "$(status_of one)-$(status_of two)" = rolled_back-active ]
  done
}

@test "the database is left alone, whatever the earlier release asks of it; the edge goes back" {
  for shell in $SHELLS; do
    fresh
    DATABASE=old EDGE=old activated "$shell" one
    DATABASE=new EDGE=new activated "$shell" two
    : >"$FAKE/calls"
    run host "$shell" rollback
    echo "$shell $output"
    [ "$status" = 0 ]
    grep -qx fingerprint=new "$FAKE/containers/platform-database"
    grep -qx fingerprint=old "$FAKE/containers/platform-edge"
    never grep 'up .*database' "$FAKE/calls"
  done
}

@test "a restart after it leaves the database alone, too" {
  for shell in $SHELLS; do
    fresh
    DATABASE=old activated "$shell" one
    DATABASE=new activated "$shell" two
    host "$shell" rollback
    : >"$FAKE/calls"
    run host "$shell" restart
    echo "$shell $output"
    [ "$status" = 0 ]
    grep -qx fingerprint=new "$FAKE/containers/platform-database"
    never grep 'up .*database' "$FAKE/calls"
    [ "$(status_of one)" = active ]
  done
}

@test "nothing to go back to: refused, nothing changed" {
  for shell in $SHELLS; do
    fresh
    run host "$shell" rollback
    [ "$status" = 1 ]
    [[ $output == *'nothing serves here'*'next: '* ]]
    activated "$shell" one
    run host "$shell" rollback
    echo "$shell $output"
    [ "$status" = 1 ]
    [[ $output == *'no release served here before one'*'next: '* ]]
    [ "$(serving)" = blue ]
  done
}

@test "a release that is gone, failed, waiting, serving or not a name: refused with the reason" {
  for shell in $SHELLS; do
    two_releases "$shell"
    pushed three
    pushed four
    sed -i s/pending/failed/ "$FAKE_PATH/releases/four.state"
    for case in 'zero:not on this host' 'four:never served' 'three:never served' 'two:is the one that serves' '../x:not a release name'; do
      run host "$shell" rollback "${case%%:*}"
      echo "$shell $case $output"
      [ "$status" != 0 ]
      [[ $output == *"${case#*:}"* ]]
      unchanged
    done
  done
}

@test "incomplete: every missing part is named, nothing changed" {
  for shell in $SHELLS; do
    two_releases "$shell"
    echo edited >>"$FAKE_PATH/releases/one/docker-compose.yml"
    rm "$FAKE/images/app+backend:c-one" "$FAKE/images/app+edge:c-one"
    run host "$shell" rollback
    echo "$shell $output"
    [ "$status" = 1 ]
    [[ $output == *SHA256SUMS*'app/backend:c-one'*'app/edge:c-one'*'next: '* ]]
    unchanged
  done
}

@test "a rollback that fails: the newer one serves, and the earlier stays a way back" {
  for shell in $SHELLS; do
    two_releases "$shell"
    echo health >"$FAKE/faults"
    TIMEOUT=1 run host "$shell" rollback
    [ "$status" = 1 ]
    [ "$(serving)" = green ]
    [ "$(status_of one)-$(status_of two)" = retired-active ]
    rm "$FAKE/faults"
    run host "$shell" rollback
    echo "$shell $output"
    [ "$status" = 0 ]
    [ "$(status_of one)" = active ]
  done
}

@test "it names the dump that was made before the release that serves" {
  for shell in $SHELLS; do
    fresh
    echo 1 >"$FAKE/tables"
    activated "$shell" one
    pushed two two
    run host "$shell" activate two
    echo "$shell $output"
    [ "$status" = 0 ]
    [[ $output == *'dump: '* ]]
    run host "$shell" rollback
    echo "$shell $output"
    [ "$status" = 0 ]
    [[ $output == *'dump='*-one.dump* && $output == *'restore --backup '*-one.dump* ]]
  done
}
