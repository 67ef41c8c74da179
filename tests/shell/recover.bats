# After a kill at any point: the next command finds it, undoes or finishes it, says so, and one release serves.

load fake/kit

# journal PHASE: as an activation of `two` (blue to green) would have left it.
journal() {
  cat >"$FAKE_PATH/activation" <<END
schema=1
release=two
previous=one
from=blue
to=green
phase=$1
seq=2
task=deploy
operator=it
started=2026-01-01T00:00:00Z
log=$LOGS/x.log
platform=
session=
END
}

# settled RELEASE: it serves, alone, all that is recorded says so, and nothing is left over.
settled() {
  local wrong
  wrong=$(unsettled "$1")
  echo "$wrong"
  [ -z "$wrong" ]
}

up() { # SLOT RELEASE
  for service in backend frontend; do
    printf 'slot=%s\nservice=%s\nrelease=%s\nfingerprint=\nstate=running\nrestarts=0\n' "$1" $service "$2" >"$FAKE/containers/$1-$service"
  done
  : >"$FAKE/networks/app-$1"
}

@test "cut off before the switch: undone, whatever was there" {
  for shell in $SHELLS; do
    for phase in started migrated slot-up; do
      fresh
      activated "$shell" one
      pushed two
      journal $phase
      [ $phase = started ] || up green two
      run host "$shell" hold deploy
      echo "$shell $phase $output"
      [ "$status" = 0 ]
      [[ $output == *'recovered=undone two'* && $output == *"phase $phase"* ]]
      settled one
      [ "$(status_of two)" = failed ]
    done
  done
}

@test "cut off after the switch: verified and finished; also when the journal had not followed the link" {
  for shell in $SHELLS; do
    for phase in slot-up switched committed; do
      fresh
      activated "$shell" one
      pushed two
      up green two
      ln -sfn green "$FAKE_PATH/slots/active"
      journal $phase
      [ $phase != committed ] || sed -i 's/^release=.*/release=two/; s/^previous=.*/previous=one/; s/^slot=.*/slot=green/; s/^seq=.*/seq=2/' "$FAKE_PATH/active"
      run host "$shell" hold deploy
      echo "$shell $phase $output"
      [ "$status" = 0 ]
      [[ $output == *'recovered=finished two'* ]]
      settled two
    done
  done
}

@test "after the switch, but the new slot is not well: the link goes back" {
  for shell in $SHELLS; do
    fresh
    TIMEOUT=1 activated "$shell" one
    pushed two
    up green two
    rm "$FAKE/containers/green-backend"
    ln -sfn green "$FAKE_PATH/slots/active"
    journal switched
    TIMEOUT=1 run host "$shell" hold deploy
    echo "$shell $output"
    [ "$status" = 0 ]
    [[ $output == *'recovered=undone two'* ]]
    settled one
  done
}

@test "the engine is down: nothing is lost, it is said, and the next one does it" {
  for shell in $SHELLS; do
    fresh
    activated "$shell" one
    pushed two
    up green two
    journal slot-up
    echo down >"$FAKE/faults"
    run host "$shell" hold deploy
    [ "$status" = 0 ]
    [[ $output == *'recovered=failed two'* ]]
    [ -e "$FAKE_PATH/activation" ]
    rm "$FAKE/faults"
    run host "$shell" hold deploy
    [[ $output == *'recovered=undone two'* ]]
    settled one
  done
}
