# The lock: one holder, readable, and never left behind.

load fake/kit

# holder SHELL: holds the lock in the background until $FAKE/talk gets a line or ends.
holder() {
  mkfifo "$FAKE/talk"
  { parameters && cat "$FAKE/bundle" && cat "$FAKE/talk"; } | as "$1" -s hold deploy >"$FAKE/held" 2>&1 3>&- &
  holder=$! # a bare `wait` would also wait for bats's own timer
  exec 5>"$FAKE/talk"
  for _ in $(seq 100); do
    grep -qx ready "$FAKE/held" && return
    sleep 0.1
  done
  cat "$FAKE/held"
  return 1
}

holder_pid() { sed -n 's/.* pid=//p' "$FAKE_PATH/lock"; }

@test "the second exits 4 and names the holder; facts say so too; released, it is free" {
  for shell in $SHELLS; do
    fresh
    holder "$shell"
    run host "$shell" hold ship
    [ "$status" = 4 ]
    [[ $output == *"holder=operator=it's me task=deploy since="* ]]
    run host "$shell" facts
    [[ $output == *"lock=held operator=it's me task=deploy since="* ]]
    echo ping >&5
    sleep 0.5
    grep -qx pong "$FAKE/held"
    echo release >&5
    exec 5>&-
    wait "$holder" || true
    run host "$shell" facts
    [[ $output == *lock=free* ]]
  done
}

@test "a killed holder, and one whose client is gone, leave no lock" {
  for shell in $SHELLS; do
    fresh
    holder "$shell"
    kill -9 "$(holder_pid)"
    sleep 0.2
    run host "$shell" hold ship
    [ "$status" = 0 ]
    exec 5>&-
    wait "$holder" || true
    fresh
    holder "$shell"
    exec 5>&-
    wait "$holder" || true
    run host "$shell" hold ship
    [ "$status" = 0 ]
  done
}

@test "many who only ask do not make a taker fail" {
  fresh
  mkdir -p "$FAKE_PATH" && : >"$FAKE_PATH/lock"
  askers=
  for _ in $(seq 20); do
    within dash lock_facts >/dev/null 3>&- &
    askers="$askers $!"
  done
  for _ in $(seq 10); do
    run host dash hold ship
    [ "$status" = 0 ]
  done
  wait $askers
}

@test "a path that cannot be made is refused with the way" {
  [ "$(id -u)" = 0 ] || skip "needs root to become somebody else"
  fresh
  chmod 755 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR" "$FAKE"
  mkdir -p "$FAKE/opt" && chmod 755 "$FAKE/opt"
  parameters >"$FAKE/script" && cat "$FAKE/bundle" >>"$FAKE/script"
  mkdir "$FAKE/docker-right" && printf '#!/bin/sh\necho 26.1.5\n' >"$FAKE/docker-right/docker"
  chmod -R 755 "$FAKE/docker-right"
  nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@" sh -s hold deploy <"$FAKE/script"; }
  run nobody env PATH="$FAKE/docker-right:$PATH"
  [ "$status" = 1 ]
  [[ $output == *"cannot make $FAKE_PATH"* && $output == *'sudo install -d'* ]]
  run nobody
  [ "$status" = 1 ]
  [[ $output == *'NOPASSWD: ALL'* && $output == *'usermod -aG docker'* && $output != *'sudo install -d'* ]]
}

@test "no engine call gets the lock's descriptor, and an activation holds the lock when its starter is killed" {
  for shell in $SHELLS; do
    fresh
    TIMEOUT=20 pushed one
    echo health >"$FAKE/faults"
    holder "$shell"
    echo 'activate one' >&5
    for _ in $(seq 100); do
      grep -q '^exec .*probe /health' "$FAKE/calls" && break
      sleep 0.1
    done
    kill -9 "$(holder_pid)"
    run host "$shell" hold ship
    [ "$status" = 4 ]
    rm "$FAKE/faults"
    for _ in $(seq 100); do
      [ -e "$FAKE_PATH/activation.result" ] && break
      sleep 0.1
    done
    sleep 0.3
    grep -qx result=active "$FAKE_PATH/activation.result"
    run host "$shell" hold ship
    [ "$status" = 0 ]
    [ ! -e "$FAKE/lock-leaks" ]
    exec 5>&-
    wait "$holder" || true
  done
}
