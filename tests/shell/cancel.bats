# A person wants an activation undone: before the switch it is, afterwards it finishes. Turned red by: no `kill` in cancel.sh;
# `trap : INT TERM` left out of activation_switch and the phase not looked at.

load fake/kit

# A port that does not answer is asked again until the test says otherwise.
eval "kit_$(declare -f parameters)"
parameters() { kit_parameters | sed "s/^HEALTH_RETRIES=.*/HEALTH_RETRIES='999'/"; }

# activating SHELL: release two on its way, in the background, until the journal has the phase.
activating() {
  host "$1" activate two >"$FAKE/followed" 2>&1 3>&- &
  follower=$!
  until grep -qx "phase=$2" "$FAKE_PATH/activation" 2>/dev/null; do sleep 0.05; done
}

@test "before the switch: undone, and said; the log and the history have it" {
  for shell in $SHELLS; do
    fresh
    activated "$shell" one
    TIMEOUT=60 pushed two
    echo health >"$FAKE/faults"
    activating "$shell" migrated
    run host "$shell" cancel
    [ "$status" = 0 ]
    [[ $output == *cancelled=yes* ]]
    code=0
    wait "$follower" || code=$?
    [ "$code" = 1 ]
    grep -q 'it was told to stop in step ' "$FAKE/followed"
    grep -q '^put back: release one serves from slot blue' "$FAKE/followed"
    [ "$(serving)" = blue ]
    [ "$(containers)" = "blue-backend blue-frontend platform-database platform-edge " ]
    grep -q 'it was told to stop in step ' "$LOGS"/*-two.log
    run host "$shell" cancel
    [[ $status == 0 && $output == *cancelled=no* ]]
  done
}

@test "after the switch it goes on, and nobody is told to stop" {
  for shell in $SHELLS; do
    fresh
    activated "$shell" one
    TIMEOUT=60 pushed two
    echo public >"$FAKE/faults"
    activating "$shell" switched
    run host "$shell" cancel
    echo "$shell $output"
    [ "$status" = 0 ]
    [[ $output == *'release two is served already: the host finishes'*cancelled=no* ]]
    kill "$(sed -n 's/^session=//p' "$FAKE_PATH/activation")" # as one that came in the moment before
    rm "$FAKE/faults"
    code=0
    wait "$follower" || code=$?
    cat "$FAKE/followed"
    [ "$code" = 0 ]
    grep -qx result=active "$FAKE/followed"
    [ "$(serving)" = green ]
  done
}
