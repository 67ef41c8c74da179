# Every changing task leaves a log, whole to the line, however it ends. Turned red by: `exec 2>` left out of operation_talk;
# the stamp left out of operation_write; log_open before lock_take, or not in `locked`.

load fake/kit

FORM='^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z \[[a-z-]+\] [^ :]+: '

# logs_whole: each line of each log is of the form, and there is one.
logs_whole() {
  [ "$(cat "$LOGS"/*.log | wc -l)" -gt 0 ]
  never grep -vE -e "$FORM" "$LOGS"/*.log
  [ -z "$(find "$FAKE_PATH" -name '.talk*')" ]
}

newest() { ls -t "$LOGS"/*-"$1"-*.log | head -n 1; }

@test "each changing task leaves a log of its own, with its start, its steps and its end; the engine's own words are stamped" {
  for shell in $SHELLS; do
    fresh
    pushed one
    run as "$shell" "$FAKE_PATH/releases/one/bin/host.sh" activate one
    [ "$status" = 0 ]
    [[ $output == *$'\n''serving: release one from slot blue'* && $output != *'[switch]'* ]]
    log=$(newest up)
    [[ $log == *Z-up-one.log ]]
    for line in '\[log\] .*: up by ' '\[switch\] .*: serving: release one' '\[log\] .*: up ended with exit code 0$'; do
      grep -q "$line" "$log"
    done
    host_sh=$FAKE_PATH/current/bin/host.sh
    for task in 'backup' 'maintenance on' 'maintenance off' 'prune' 'restart' 'rollback' 'down'; do
      run as "$shell" "$host_sh" $task || true
      [ -e "$(newest ${task% o*})" ]
      grep -q "\[log\] .*: ${task% o*} ended with exit code $status\$" "$(newest ${task% o*})"
      [ "$task" != down ] || [ "$status" = 0 ]
    done
    logs_whole
    pushed two
    echo down >"$FAKE/faults"
    run host "$shell" down
    [ "$status" != 0 ]
    grep -qE "${FORM}Cannot connect" "$LOGS"/*-deploy-*.log
    logs_whole
  done
}

@test "a task that fails, and one that is killed, leave what they had said" {
  for shell in $SHELLS; do
    fresh
    activated "$shell" one
    TIMEOUT=1 pushed two
    echo health >"$FAKE/faults"
    run host "$shell" activate two
    [ "$status" = 1 ]
    log=$(newest deploy)
    [[ $log == *-two.log ]]
    grep -qE "${FORM}FAILED in step health" "$log"
    grep -qE '\[capture\] [^ ]+: backend: .*a line of its log' "$log"
    grep -q '\[log\] .*: deploy ended with exit code 1$' "$log"
    [[ $output != *capture* ]]
    [ "$(grep -c '^put back: release one' <<<"$output")" = 1 ]
    logs_whole
    mkfifo "$FAKE/talk"
    { parameters && echo "LOG_RELEASE='three' TASK=push-config" && cat "$FAKE/bundle" && cat "$FAKE/talk"; } | as "$shell" -s hold push-config >"$FAKE/held" 2>&1 3>&- &
    holder=$!
    exec 5>"$FAKE/talk"
    until grep -qx ready "$FAKE/held"; do sleep 0.1; done
    release three
    tar -C "$FAKE/push/three" -cf "$FAKE/tar" .
    DATA=$FAKE/tar host "$shell" receive three 5>&-
    log=$(newest push-config)
    [[ $log == *Z-push-config-three.log ]]
    kill -9 "$(sed -n 's/.* pid=//p' "$FAKE_PATH/lock")"
    exec 5>&-
    wait "$holder" || true
    grep -q '\[log\] .*: release three is here' "$log"
    never grep -q 'ended with' "$log"
    logs_whole
  done
}

@test "with VERBOSE whoever started it sees the lines as they are in the log, with the engine's calls" {
  for shell in dash busybox; do
    fresh
    activated "$shell" one
    VERBOSE=1 run host "$shell" restart
    [ "$status" = 0 ]
    grep -qE "${FORM}\+ docker ps .*\(exit 0, [0-9]+ ms\)" <<<"$output"
    grep -qE '^[^ ]*Z \[switch\] [^ ]*: serving: release one from slot green' <<<"$output"
    [ "$(grep -c 'serving: release one from slot green' <<<"$output")" = 1 ]
    logs_whole
  done
}

@test "where LOG_PATH cannot be made, logs are beside the releases, and a line says so; with no room at all only an activation is refused" {
  for shell in $SHELLS; do
    fresh
    : >"$LOGS.file"
    export LOGS=$LOGS.file/no
    pushed one
    run host "$shell" activate one
    [ "$status" = 0 ]
    [[ $output == *"$LOGS cannot be written by "*": logs are in $FAKE_PATH/logs"* ]]
    export LOGS=$FAKE_PATH/logs
    [ -e "$(newest deploy)" ]
    logs_whole
    within "$shell" 'log_open() { log_directory=/full LOG_FILE=; return 1; }; locked prune_failed_too' >"$FAKE/out" 2>&1
    grep -q 'warning: no log can be begun in /full' "$FAKE/out"
    run within "$shell" 'log_open() { log_directory=/full LOG_FILE=; return 1; }; locked activate one'
    [ "$status" = 1 ]
    [[ $output == *'no log can be begun in /full: '*'nothing was started'* ]]
  done
}
