# What somebody changed on the host by hand: it is seen, said, and the next deployment mends it.

load fake/kit

@test "an edge that has lost its network is made anew; the database is not touched" {
  for shell in $SHELLS; do
    fresh
    activated "$shell" one
    mkdir "$FAKE/cut"
    : >"$FAKE/cut/platform-edge"
    : >"$FAKE/calls"
    run activated "$shell" two
    echo "$shell $output"
    [ "$status" = 0 ]
    grep -q 'up .*--force-recreate edge' "$FAKE/calls"
    never grep 'up .*database' "$FAKE/calls"
    [ ! -e "$FAKE/cut/platform-edge" ]
  done
}

# Turned red by: no `slots_follow` in activation_volumes (activate.sh).
@test "slots/ replaced by a copy: named by facts, status and verify; what looks at the old one starts anew before anything else" {
  for shell in $SHELLS; do
    fresh
    activated "$shell" one
    run host "$shell" facts
    [[ $output != *fault=* ]]
    mkdir "$FAKE/astray"
    : | tee "$FAKE/astray/platform-edge" >"$FAKE/astray/blue-frontend"
    run host "$shell" facts
    [[ $output == *"fault=edge it looks at another directory than $FAKE_PATH/slots"*"fault=frontend it looks at another"* ]]
    run host "$shell" status
    [[ $output == *'edge         it looks at another directory'*'next       fab -H HOST up'* ]]
    run host "$shell" verify
    [ "$status" = 1 ]
    [[ $output == *'check=frontend unhealthy its container is running: it looks at another'* ]]
    [[ $output == *'check=edge unhealthy its container is running: it looks at another'* ]]
    : >"$FAKE/calls"
    run activated "$shell" two
    echo "$shell $output"
    [ "$status" = 0 ]
    [ "$(grep -n '^restart platform-edge blue-frontend$' "$FAKE/calls" | cut -d: -f1)" -lt "$(grep -n '^compose.*up' "$FAKE/calls" | head -n 1 | cut -d: -f1)" ]
    [ -z "$(ls "$FAKE/astray")" ]
    : >"$FAKE/calls"
    activated "$shell" three
    never grep '^restart' "$FAKE/calls"
  done
}

@test "a release whose files or modes were changed is told apart, and is not activated" {
  for shell in $SHELLS; do
    fresh
    activated "$shell" one
    pushed two
    run host "$shell" facts
    [[ $output == *'release=one active h '* && $output == *'release=two pending h '* ]]
    chmod 666 "$FAKE_PATH/releases/one/app.env.json"
    echo '# more' >>"$FAKE_PATH/releases/two/docker-compose.yml"
    run host "$shell" facts
    echo "$shell $output"
    [[ $output == *'release=one active edited '* && $output == *'release=two pending edited '* ]]
    cp "$FAKE_PATH/releases/one/SHA256SUMS" "$FAKE/sums"
    chmod 600 "$FAKE_PATH/releases/one/app.env.json"
    for damage in 'echo 0 more >>' 'printf x >>' 'truncate -s -1 ' 'sed -i 1d '; do
      cp "$FAKE/sums" "$FAKE_PATH/releases/one/SHA256SUMS"
      run within "$shell" 'is_release_whole one'
      [ "$status" = 0 ]
      eval "$damage\"$FAKE_PATH/releases/one/SHA256SUMS\""
      run within "$shell" 'is_release_whole one'
      echo "$shell $damage"
      [ "$status" = 1 ]
    done
    run host "$shell" activate two
    [ "$status" = 1 ]
    [[ $output == *'release two is incomplete or was edited'*'next: fab -H HOST deploy'* ]]
    [ "$(serving)" = blue ]
  done
}

@test "a person's copy among the releases is no release: it is not listed, and prune leaves it and what serves" {
  for shell in $SHELLS; do
    fresh
    export KEEP=1
    activated "$shell" one
    cp -r "$FAKE_PATH/releases/one" "$FAKE_PATH/releases/one old"
    pushed two
    run host "$shell" prune
    unset KEEP
    echo "$shell $output"
    [ "$status" = 0 ]
    [ -d "$FAKE_PATH/releases/one" ]
    [ -d "$FAKE_PATH/releases/one old" ]
    [ "$(status_of one)" = active ]
    run host "$shell" facts
    [[ $output != *'release=one old'* ]]
  done
}

@test "with no engine nothing is forgotten" {
  for shell in $SHELLS; do
    fresh
    activated "$shell" one
    pushed bad
    sed -i s/pending/failed/ "$FAKE_PATH/releases/bad.state"
    echo down >"$FAKE/faults"
    run host "$shell" prune
    echo "$shell $output"
    [ "$status" = 1 ]
    [[ $output == *'nothing was removed'*'next: '* ]]
    [ -d "$FAKE_PATH/releases/bad" ]
  done
}

@test "the record of what serves is removed: written again from the link, and nothing is taken for another directory's" {
  for shell in $SHELLS; do
    fresh
    activated "$shell" one
    rm "$FAKE_PATH/active" "$FAKE_PATH/current"
    run host "$shell" hold deploy
    echo "$shell $output"
    [ "$status" = 0 ]
    [[ $output == *'release one serves from slot blue, written again'* ]]
    grep -qx release=one "$FAKE_PATH/active"
    grep -qx seq=1 "$FAKE_PATH/active"
    [ "$(readlink "$FAKE_PATH/current")" = releases/one ]
  done
}

@test "a failure says whether what is left really answers" {
  for shell in $SHELLS; do
    fresh
    activated "$shell" one
    pushed two
    echo crash >"$FAKE/faults"
    run host "$shell" activate two
    echo "$shell $output"
    [ "$status" = 1 ]
    [[ $output == *answers=yes* && $output != *'does not answer with it'* ]]
    echo crash public >"$FAKE/faults"
    run host "$shell" activate two
    [[ $output == *'does not answer with it'* && $output == *answers=no* ]]
  done
}
