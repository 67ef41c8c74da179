# What failed is remembered once, told once, and kept with what helps to understand it.

load fake/kit

@test "told: the last line is the reason and not said twice; silence has its exit code; what is fine is said in verbose mode" {
  for shell in $SHELLS; do
    fresh
    run within "$shell" 'told migrate sh -c "echo one; echo; echo two >&2; echo" || echo "$FAILED_SERVICE|$FAILED_REASON|$FAILED_NEXT"'
    [ -z "$output" ]
    run within "$shell" 'told migrate sh -c "echo one; echo; echo two >&2; echo; exit 3" || echo "$FAILED_SERVICE|$FAILED_REASON|$FAILED_NEXT"'
    [ "${lines[0]}" = '  migrate: one' ]
    [ "${lines[1]}" = 'migrate|two|' ]
    [ ${#lines[@]} = 2 ]
    run within "$shell" 'told slot sh -c "exit 3" || echo "$FAILED_REASON"'
    [ "${lines[-1]}" = 'exit code 3' ]
    VERBOSE=1 run within "$shell" 'told slot echo fine'
    [ "$output" = '  slot: fine' ]
  done
}

@test "blame and failure_say: service, reason and remedy, each where there is one" {
  for shell in $SHELLS; do
    fresh
    run within "$shell" 'blame edge "it is gone" "bring it back" || failure_say "in step switch"; blame "" "edited" || failure_say "in step check"'
    [ "$output" = $'FAILED in step switch, service edge: it is gone\n  next: bring it back\nFAILED in step check: edited' ]
  done
}

@test "the state of a container in words: exit code, restarts, memory, the engine's error; and no fault" {
  for shell in $SHELLS; do
    fresh
    run within "$shell" 'while read -r fault_service fault_state fault_restarts fault_code fault_oom fault_error; do
      if is_fault; then fault_text; echo; else echo -; fi
    done <<END
backend exited 0 7 false
backend restarting 3 1 false
backend exited 2 137 true
backend dead 0 127 false exec: not found
backend running 1 0 false
backend running 0 0 false
backend created 0 0 false
END'
    [ "${lines[0]}" = 'ended with exit code 7' ]
    [ "${lines[1]}" = 'ended with exit code 1 (restarts: 3)' ]
    [ "${lines[2]}" = 'was killed: it used more memory than its limit (restarts: 2)' ]
    [ "${lines[3]}" = 'ended with exit code 127 (exec: not found)' ]
    [ "${lines[4]}" = 'ended (restarts: 1)' ]
    [ "${lines[5]}${lines[6]}" = -- ]
  done
}

# containers_here: a slot whose backend has died, whose frontend has not, and a platform whose edge has died too.
containers_here() {
  mkdir "$FAKE/logs"
  seq 30 | sed 's/^/line /' >"$FAKE/logs/green-backend"
  for container in 'green backend exited' 'green frontend running' 'platform edge exited' 'platform database running'; do
    set -- $container
    printf 'slot=%s\nservice=%s\nrelease=two\nfingerprint=\nstate=%s\nrestarts=0\n' "$1" "$2" "$3" >"$FAKE/containers/$1-$2"
  done
}

@test "each container that failed is shown with its last 20 lines, the others are kept in the log, and no line is there twice" {
  for shell in $SHELLS; do
    fresh
    containers_here
    run within "$shell" 'blame backend "its container ended with exit code 7" || failure_capture green'
    echo "$output"
    [ "$(grep -c 'line [0-9]*$' <<<"$output")" = 30 ]
    [ "$(grep -c '^  | line [0-9]*$' <<<"$output")" = 20 ]
    grep -qx '  | line 11' <<<"$output"
    grep -q '\[capture\] .*: backend: .* line 10$' <<<"$output"
    grep -qx 'last lines of backend:' <<<"$output"
    grep -qx 'last lines of edge, which ended with exit code 7:' <<<"$output"
    [[ $output != *'last lines of frontend'* && $output != *'last lines of database'* ]]
    grep -q '\[capture\] .*: frontend: .*a line of its log' <<<"$output"
    grep -q '\[capture\] .*: --- database (platform)' <<<"$output"
  done
}

@test "a service that runs and is blamed is shown; without an engine the report ends well" {
  for shell in $SHELLS; do
    fresh
    containers_here
    run within "$shell" 'blame frontend "not healthy within 3 s" || failure_capture green'
    grep -qx 'last lines of frontend:' <<<"$output"
    grep -qx 'last lines of backend, which ended with exit code 7:' <<<"$output"
    run within "$shell" 'blame frontend "refused" "set it back" || failure_capture green'
    never grep -q 'last lines of frontend' <<<"$output"
    grep -q 'last lines of backend' <<<"$output"
    echo down >"$FAKE/faults"
    run within "$shell" 'blame frontend "no answer" || failure_capture green; echo went on'
    [ "$status" = 0 ]
    [ "${lines[-1]}" = 'went on' ]
  done
}

@test "what fails while it is put back is said, and does not replace the reason" {
  for shell in $SHELLS; do
    fresh
    pushed one
    printf 'release=one\n' >"$FAKE_PATH/active"
    run within "$shell" 'platform_ensure() { blame database "no answer"; }
      J_PLATFORM=database FAILED_NEXT=
      blame edge "the first reason" || undo_platform || echo "$FAILED_SERVICE: $FAILED_REASON"'
    [ "$output" = $'putting back: database\nFAILED putting back, service database: no answer\nedge: the first reason' ]
  done
}

@test "a slot that does not get well: what was asked, how often, and the last answer" {
  for shell in $SHELLS; do
    fresh
    printf 'slot=green\nservice=frontend\nrelease=two\nfingerprint=\nstate=running\nrestarts=0\n' >"$FAKE/containers/green-frontend"
    TIMEOUT=0 run within "$shell" 'slot_wait green two || echo "$FAILED_SERVICE: $FAILED_REASON|$FAILED_TRIED|$FAILED_ANSWER"'
    [[ $output == 'backend: not healthy within 0 s|/health through slot green, 1 times in '*' s|HTTP 502' ]]
    sed -i 's/^state=.*/state=exited/' "$FAKE/containers/green-frontend"
    run within "$shell" 'slot_wait green two || echo "$FAILED_SERVICE: $FAILED_REASON|$FAILED_TRIED|$FAILED_ANSWER"'
    [[ $output == 'frontend: its container ended with exit code 7|/health through slot green, 1 times in '*' s|' ]]
  done
}

@test "a slot that answers once and then fails is not healthy" {
  for shell in $SHELLS; do
    fresh
    TIMEOUT=60 run within "$shell" 'sleep() { :; }
      probe() { echo x >>"$FAKE/asked"; case $2-$(wc -l <"$FAKE/asked") in /health-1) ;; release-2) echo two ;; *) echo "HTTP 500" && return 22 ;; esac; }
      slot_wait green two || echo "$FAILED_SERVICE: $FAILED_REASON|$FAILED_ANSWER"'
    echo "$output"
    [ "$output" = 'frontend: 2 failures in a row after it had answered|HTTP 500' ]
  done
}

@test "what cannot be captured is said, is among the facts, and never replaces the reason" {
  for shell in $SHELLS; do
    fresh
    containers_here
    echo logs-fail >"$FAKE/faults"
    run within "$shell" 'J_LOG=
      blame backend "the first reason" || failure_capture green; echo "$FAILED_REASON"; printf %s "$FAILURE_FACTS"'
    echo "$output"
    [ "$status" = 0 ]
    grep -qx 'the first reason' <<<"$output"
    grep -qx 'lost=the log of backend could not be captured: no log driver' <<<"$output"
    grep -qx 'container=edge ended with exit code 7' <<<"$output"
    echo hang >"$FAKE/faults"
    run within "$shell" 'FAILURE_PATIENCE=1; blame backend "the first reason" || failure_capture green; echo "$FAILED_REASON"'
    [ "$status" = 0 ]
    grep -q 'the containers of green could not be captured: no answer within 1 s' <<<"$output"
    [ "${lines[-1]}" = 'the first reason' ]
  done
}

@test "a full disk: the reason names it, and the reserve makes room for the report" {
  for shell in $SHELLS; do
    fresh
    mkdir -p "$FAKE_PATH" "$LOGS"
    printf '#!/bin/sh\ncase $1 in -Pi) echo "x 100 100 0 100%% /" ;; *) echo "x 9000 1000 8000 13%% /" ;; esac\n' >"$FAKE/bin/df"
    chmod +x "$FAKE/bin/df"
    run within "$shell" 'STEP=start FAILED_REASON=; failure_reserve; ls -A "$DEPLOYMENT_PATH"; failure_reason 1; failure_reserve_give; echo "$FAILED_REASON"; ls -A "$DEPLOYMENT_PATH"'
    echo "$output"
    [ "${lines[0]}" = .reserve.1 ]
    [ "${lines[3]}" = "step start ended with exit code 1: no space left on the file system of $FAKE_PATH: no inodes" ]
    [ ${#lines[@]} = 4 ]
    rm "$FAKE/bin/df"
    run within "$shell" 'STEP=start FAILED_REASON=; failure_reason 143; echo "$FAILED_REASON"'
    [ "$output" = 'it was told to stop in step start' ]
  done
}

@test "explain: the last failure, or a release's last one, again; and nothing where there was none" {
  for shell in $SHELLS; do
    fresh
    run host "$shell" explain
    [ "$output" = active= ]
    activated "$shell" one
    echo crash >"$FAKE/faults"
    pushed two
    run host "$shell" activate two
    pushed three
    run host "$shell" activate three
    rm "$FAKE/faults"
    run host "$shell" explain
    echo "$output"
    [ "$status" = 0 ]
    grep -qx release=three <<<"$output"
    grep -qx 'failed.service=backend' <<<"$output"
    grep -qx 'line=backend a line of its log' <<<"$output"
    grep -q '^history={"seq":3,.*"release":"three"' <<<"$output"
    [ "${lines[-1]}" = active=one ]
    run host "$shell" explain two
    grep -qx release=two <<<"$output"
    grep -q '^history={"seq":2,' <<<"$output"
    run host "$shell" explain one
    [ "$output" = active=one ]
    rm "$LOGS"/*three.log
    echo crash >"$FAKE/faults"
    run host "$shell" activate two
    never ls "$LOGS"/*three.failure
  done
}
