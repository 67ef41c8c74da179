# The one-shot that migrates: its lines as they come, its end at MIGRATE_TIMEOUT, and what it leaves in the server.

load fake/kit

@test "a migration that does not end is ended with its statement, and the old release serves" {
  for shell in $SHELLS; do
    fresh
    export MIGRATE=1
    activated "$shell" one
    pushed two slow
    echo endless >"$FAKE/faults"
    run host "$shell" activate two
    unset MIGRATE
    echo "$shell $output"
    [ "$status" = 1 ]
    [[ $output == *'  migrate: applying slow'*'ending it'* ]]
    [[ $output == *'failed.reason=slow did not end within 1 s: it was ended, and its statement in the database was cancelled'* ]]
    [[ $output == *'failed.next='*'resolve-migration slow --rolled-back'*MIGRATE_TIMEOUT* ]]
    [[ $output == *'line=migrate applying slow'* ]]
    grep -q pg_terminate_backend "$FAKE/sql"
    [ ! -e "$FAKE/running" ]
    [ ! -e "$FAKE/containers/green-migrate" ]
    [ "$(serving)" = blue ]
    [ -z "$(ls -A "$FAKE_PATH" | grep migrate)" ]
    [ ! -e "$FAKE/lock-leaks" ]
  done
}

@test "a migration that fails: its last line is the reason, all of them are told once, and the next command is named" {
  for shell in $SHELLS; do
    fresh
    activated "$shell" one
    pushed two one,two
    echo migrate >"$FAKE/faults"
    run host "$shell" activate two
    echo "$shell $output"
    [ "$status" = 1 ]
    [[ $output == *'failed.reason=migration broke'* ]]
    [[ $output == *failed.code=3* ]]
    [ "$(grep -c '^  migrate: migration broke$' <<<"$output")" = 1 ]
    [ "$(serving)" = blue ]
    [[ $output != *'Network app-green'* ]]
    echo silent >"$FAKE/faults"
    run host "$shell" activate two
    echo "$shell $output"
    [[ $output == *'failed.reason=exit code 137'* ]]
  done
}

@test "killed while it migrates: the next task ends what runs, and says which migration never ended" {
  for shell in $SHELLS; do
    fresh
    activated "$shell" one
    pushed two slow
    echo endless >"$FAKE/faults"
    setsid bash -c "$(declare -f host as parameters); host $shell activate two" >"$FAKE/out" 2>&1 &
    for _ in $(seq 100); do
      [ -e "$FAKE/running" ] && break
      sleep 0.1
    done
    [ -e "$FAKE/running" ]
    kill -9 -- "-$(sed -n 's/^session=//p' "$FAKE_PATH/activation")"
    rm "$FAKE/faults"
    run host "$shell" prune
    echo "$shell $output"
    [[ $output == *'undone: release one serves from slot blue'* ]]
    [ ! -e "$FAKE/running" ]
    [ -z "$(ls -A "$FAKE_PATH" | grep migrate)" ]
    pushed three slow
    run host "$shell" activate three
    echo "$shell $output"
    [ "$status" = 1 ]
    [[ $output == *'the migration slow was begun'*'statements of it that run: none'* ]]
  done
}
