# The application's values that are files: each slot has exactly those of its release, in a volume that goes with it.

load fake/kit

secrets() { (cd "$FAKE/volumes" && ls -d app_secrets_* 2>/dev/null | tr '\n' ' '); }
settled() { [ -z "$(secrets_faults "$@")" ]; }

# Turned red by: no secrets_fill in activation_volumes; no secrets_remove in slot_remove.
@test "they are there before anything of the slot starts, and go with it; a rollback has the old ones" {
  for shell in $SHELLS; do
    fresh
    SECRETS='KEY TOKEN' pushed one one
    run host "$shell" activate one
    echo "$shell $output"
    [ "$status" = 0 ]
    [ "$(secrets)" = 'app_secrets_blue ' ]
    settled blue one
    [ "$(grep -n -e '^run .*service=secrets' -e '^compose .*run .*migrate' -e '^compose .*up .*frontend' "$FAKE/calls" | sed 's/^[0-9]*:\([a-z]*\).*\(secrets\|migrate\|frontend\).*/\1 \2/' | tr '\n' ' ')" = 'run secrets compose migrate compose frontend ' ]
    SECRETS=OTHER activated "$shell" two
    [ "$(secrets)" = 'app_secrets_green ' ]
    settled green two
    activated "$shell" three
    [ -z "$(secrets)" ]
    host "$shell" rollback two
    settled "$(serving)" two
    host "$shell" restart
    settled "$(serving)" two
    [ ! -e "$FAKE/lock-leaks" ]
  done
}

@test "the one-shot is the reader's: no rights, no network, its own user; no value is in a call" {
  for shell in $SHELLS; do
    fresh
    SECRETS=TOKEN activated "$shell" one
    call=$(grep '^run .*service=secrets' "$FAKE/calls")
    for option in '--network none' '--read-only' '--cap-drop ALL' 'no-new-privileges' '--user 1001:1001' '--rm' '--pids-limit' '--memory' '--log-driver none'; do
      [[ $call == *"$option"* ]]
    done
    never grep -r 'TOKEN of one' "$FAKE/calls" "$LOGS"
  done
}

@test "they cannot be unpacked: nothing of the slot is started, the old release serves, none is left" {
  for shell in $SHELLS; do
    fresh
    activated "$shell" one
    SECRETS=TOKEN pushed two
    echo secrets >"$FAKE/faults"
    : >"$FAKE/calls"
    run host "$shell" activate two
    echo "$shell $output"
    [ "$status" = 1 ]
    [[ $output == *'service backend: tar: short read'* ]]
    echo secrets-stuck >"$FAKE/faults"
    SECRETS_PATIENCE=1 run host "$shell" activate two
    [ "$status" = 1 ]
    [[ $output == *'service backend: the engine did not unpack the secrets within 1 s'* ]]
    never grep '^compose .*up' "$FAKE/calls"
    [ "$(serving)" = blue ]
    [ -z "$(secrets)" ]
    rm "$FAKE/faults"
    run host "$shell" activate two
    [ "$status" = 0 ]
    settled green two
  done
}

@test "down takes them away, with and without the data" {
  for shell in $SHELLS; do
    for with in '' volumes; do
      fresh
      SECRETS=TOKEN activated "$shell" one
      host "$shell" down $with
      [ -z "$(secrets)" ]
    done
  done
}

@test "their file arrives 0600 and counts: gone, edited or open to others, the release is no longer whole" {
  for shell in $SHELLS; do
    fresh
    SECRETS=TOKEN release one
    chmod 644 "$FAKE/push/one/app.files.tar"
    tar -C "$FAKE/push/one" -cf - . >"$FAKE/tar"
    DATA=$FAKE/tar run host "$shell" receive one
    [ "$status" = 0 ]
    file=$FAKE_PATH/releases/one/app.files.tar
    [ "$(stat -c %a "$file")" = 600 ]
    run within "$shell" 'is_release_whole one'
    [ "$status" = 0 ]
    cp -p "$file" "$FAKE/kept"
    for damage in 'chmod 640' 'rm' 'truncate -s -1'; do
      $damage "$file"
      run within "$shell" 'is_release_whole one'
      echo "$shell $damage"
      [ "$status" = 1 ]
      cp -p "$FAKE/kept" "$file"
    done
  done
}

@test "a file with secrets that belongs to another user than the directory or root: the release is not whole" {
  [ "$(id -u)" = 0 ] || skip "needs root to give a file away"
  for shell in $SHELLS; do
    fresh
    pushed one
    chown -R 1234 "$FAKE_PATH"
    run within "$shell" 'is_release_whole one'
    [ "$status" = 0 ]
    chown 0 "$FAKE_PATH/releases/one/.env" # root was killed over it; its next task hands it on
    run within "$shell" 'is_release_whole one'
    [ "$status" = 0 ]
    chown 4321 "$FAKE_PATH/releases/one/app.env.json"
    run within "$shell" 'is_release_whole one'
    [ "$status" = 1 ]
  done
}
