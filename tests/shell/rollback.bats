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

# Turned red by: no `rollback_data` in the preflight: the slot came up, and after `down` and `up` no database did.
@test "a release of another PostgreSQL than the data: refused before anything changes, with both ways" {
  for shell in $SHELLS; do
    two_releases "$shell"
    sed -i 's/^postgres_major=.*/postgres_major=17/' "$FAKE_PATH/identity"
    run host "$shell" rollback
    echo "$shell $output"
    [ "$status" = 1 ]
    [[ $output == *'release one is of PostgreSQL 15 glibc, the data here is of PostgreSQL 17 glibc: a rollback never changes data'* ]]
    [[ $output == *'next: '*'with POSTGRES_IMAGE as it is now'*'up --release one, fab -H HOST restore --backup NAME --yes' ]]
    unchanged
    mkdir -p "$FAKE_PATH/backups"
    for dump in 1-zero 2-one 3-two; do
      : >"$FAKE_PATH/backups/$dump.dump"
      printf 'release=%s\nbefore=\n' "${dump#*-}" >"$FAKE_PATH/backups/$dump.facts"
    done
    run host "$shell" rollback
    [[ $output == *'restore --backup 2-one.dump --yes, the newest dump made while it served' ]]
    [ -z "$(within "$shell" 'restore_back one; restore_back two; restore_back gone')" ]
    sed -i -e 's/^postgres_major=.*/postgres_major=15/' -e 's/^postgres_flavour=.*/postgres_flavour=musl/' "$FAKE_PATH/identity"
    run host "$shell" rollback
    [ "$status" = 1 ]
    [[ $output == *'the data here is of PostgreSQL 15 musl'* ]]
    sed -i 's/^postgres_flavour=.*/postgres_flavour=glibc/' "$FAKE_PATH/identity"
    [ "$(within "$shell" 'restore_back one')" = back=one ]
    run host "$shell" rollback
    [ "$status" = 0 ]
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
