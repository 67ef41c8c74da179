# A new database or edge is tried beside the one that serves, before that one is touched; a trial is always removed.
#
# Turned red by: no `step trial` in activation_transact (scripts/host/activate.sh); no trial_remove in undo (recover.sh).

load fake/kit

# serving_here [NEW...]: a fresh host where release `one` serves; of the services named another one than runs is wanted by `two`.
serving_here() {
  fresh
  TIMEOUT=60
  pushed one
  DATABASE=d EDGE=e
  for service; do case $service in database) DATABASE=new ;; edge) EDGE=new ;; esac done
  pushed two
  DATABASE=d EDGE=e
  for container in 'platform database d' 'platform edge e' 'blue frontend -' 'blue backend -'; do
    set -- $container
    printf 'slot=%s\nservice=%s\nrelease=one\nfingerprint=%s\nstate=running\nrestarts=0\n' "$1" "$2" "$3" >"$FAKE/containers/$1-$2"
  done
  for volume in data socket assets certs; do : >"$FAKE/volumes/app_$volume"; done
  mkdir -p "$FAKE_PATH/slots/blue" && ln -sfn blue "$FAKE_PATH/slots/active"
  printf 'schema=1\nrelease=one\nprevious=\nslot=blue\nseq=1\ntime=x\n' >"$FAKE_PATH/active"
  { within dash identity_lines && printf 'postgres_major=15\npostgres_flavour=glibc\npostgres_system=1\n'; } >"$FAKE_PATH/identity"
  sed -i 's/^status=.*/status=active/' "$FAKE_PATH/releases/one.state"
  : >"$FAKE/calls"
}

nothing_tried_is_left() {
  never ls "$FAKE/containers"/trial-*
  never ls "$FAKE/volumes"/*_trial_*
  [ ! -e "$FAKE/networks/app_trial" ]
  [ "$(ls "$FAKE/volumes" | tr '\n' ' ')" = 'app_assets app_certs app_data app_socket ' ]
}

untouched() { never grep -qE ' up .*(edge|database)$' "$FAKE/calls"; }

try='sleep() { :; }; J_TASK=deploy; STEP=trial; trial_ensure two && echo well || { echo "$FAILED_SERVICE: $FAILED_REASON"; echo "$FAILED_NEXT"; }'

@test "a trial is of the new release's files, in a project and on volumes of its own, and gone when it was well" {
  for shell in $SHELLS; do
    serving_here database edge
    run within "$shell" "$try"
    echo "$output"
    [ "${lines[-1]}" = well ]
    untouched
    [ "$(sort -u "$FAKE/tried")" = 'app_trial app_trial_data app_trial_socket' ]
    [ "$(grep -c 'run -d -T --no-deps --label slot=trial --label service=database cluster$' "$FAKE/calls")" = 1 ]
    [ "$(grep -c 'run -d -T --no-deps --label slot=trial --label service=database database$' "$FAKE/calls")" = 1 ]
    [ "$(grep -c 'run -d -T --no-deps --label slot=trial --label service=edge edge$' "$FAKE/calls")" = 1 ]
    [ "$(grep -c 'exec trial-database ready' "$FAKE/calls")" = 2 ]
    grep -q 'run --rm --network container:trial-edge .* http://127.0.0.1:80/health$' "$FAKE/calls"
    nothing_tried_is_left
  done
}

@test "as wanted, nothing served, or the service does not run: there is nothing to lose, and no trial" {
  for shell in $SHELLS; do
    serving_here
    run within "$shell" "$try"
    [ "$output" = well ]
    serving_here edge database
    sed -i 's/^state=.*/state=exited/' "$FAKE/containers/platform-edge" "$FAKE/containers/platform-database"
    run within "$shell" "$try"
    [ "$output" = well ]
    serving_here edge database
    rm "$FAKE_PATH/slots/active"
    run within "$shell" "$try"
    [ "$output" = well ]
    serving_here database
    run within "$shell" "${try/deploy/rollback}"
    [ "$output" = well ]
    [ ! -e "$FAKE/tried" ]
  done
}

# Each fault under one of the shells: the ways there are walked under more of them elsewhere.
@test "one that ends, makes no cluster, is not ready, or does not pass on: said with the reason, and what serves is not touched" {
  set -- $ALL_SHELLS $ALL_SHELLS
  for each in 'database/trial/its container ended with exit code 7' 'database/trial-cluster/its container ended with exit code 7' \
    'database/ready/not ready within 1 s' 'edge/trial/its container ended with exit code 7' 'edge/beside/the new edge does not answer with release one'; do
    IFS=/ read -r tried fault reason <<<"$each"
    serving_here "$tried"
    echo "$fault" >"$FAKE/faults"
    if [ "$fault" = ready ]; then TIMEOUT=1; else TIMEOUT=60; fi
    run within "$1" "$try"
    echo "$output"
    [ "${lines[-1]}" = "$tried: $reason (in a trial; the $tried that serves was not touched)" ]
    untouched
    [ -n "$(ls "$FAKE/containers"/trial-*)" ]
    within "$1" trial_remove
    nothing_tried_is_left
    shift
  done
}

@test "what the image refuses in its trial is the reason, and its remedy the next step" {
  for shell in $SHELLS; do
    serving_here database
    mkdir "$FAKE/logs"
    printf 'database: refused: it is not for these settings\ndatabase: remedy: build it again\n' >"$FAKE/logs/trial-cluster"
    echo trial-cluster >"$FAKE/faults"
    run within "$shell" "$try"
    [ "${lines[-2]}" = 'database: refused: it is not for these settings (in a trial; the database that serves was not touched)' ]
    [ "${lines[-1]}" = 'build it again' ]
  done
}

@test "a version that must not get the data is refused without a trial; a port of a stranger too, free and own ones are not" {
  for shell in $SHELLS; do
    serving_here database
    printf '17\n/data/PG_VERSION\n' >"$FAKE/postgres"
    run within "$shell" "$try"
    [[ $output == *"database: the data is PostgreSQL 15's (glibc), the new image is 17"*': not started'* ]]
    serving_here edge
    run within "$shell" "port_state() { echo 'taken nginx pid 7'; }; $try"
    [ "${lines[0]}" = 'edge: port 58123 is taken by nginx pid 7' ]
    [[ ${lines[1]} == 'stop what listens on port 58123, or set HTTP_PORT'* ]]
    run within "$shell" "port_state() { echo taken; }; $try"
    [ "${lines[0]}" = 'edge: port 58123 is taken by another process' ]
    [ ! -e "$FAKE/tried" ]
    run within "$shell" "port_state() { echo own; }; $try"
    [ "${lines[-1]}" = well ]
  done
}

@test "a release that answers through no edge is not held against the new one" {
  for shell in $SHELLS; do
    serving_here edge
    printf 'beside\npublic\n' >"$FAKE/faults"
    run within "$shell" "$try"
    echo "$output"
    [ "${lines[-1]}" = well ]
    [[ $output == *'warning: edge: release one does not answer, neither through the edge that serves nor through the new one'* ]]
  done
}

@test "answers and then fails: so many failures in a row are enough; an answer between them begins anew" {
  for shell in $SHELLS; do
    serving_here
    TIMEOUT=60 run within "$shell" 'sleep() { :; }
      platform_ask() { echo x >>"$FAKE/n"; case $(wc -l <"$FAKE/n") in 2 | 4) ;; *) echo no && return 1 ;; esac; }
      platform_wait platform edge 5 || echo "$FAILED_REASON|$FAILED_TRIED|$FAILED_ANSWER"'
    [ "$output" = '2 failures in a row after it had answered|whether it is ready, 6 times|no' ]
  done
}

@test "an engine that never replaces the real one is given up: what was there is put back" {
  for shell in $SHELLS; do
    serving_here edge
    echo stuck >"$FAKE/faults"
    TIMEOUT=1 run within "$shell" 'PLATFORM_PATIENCE=0; J_PLATFORM=; J_PHASE=started; journal_write() { :; }
      platform_ensure two || echo "$FAILED_SERVICE: $FAILED_REASON: $J_PLATFORM"'
    echo "$output"
    [ "${lines[-1]}" = 'edge: its container was not replaced within 1 s: edge' ]
  done
}

@test "an activation whose trial fails: exit 1, the old release serves, the report is about the trial, nothing of it is left" {
  for shell in $SHELLS; do
    serving_here edge
    mkdir -p "$FAKE/logs"
    echo 'the line of the trial' >"$FAKE/logs/trial-edge"
    echo 'a line of the one that serves' >"$FAKE/logs/platform-edge"
    echo trial >"$FAKE/faults"
    run host "$shell" activate two
    echo "$output"
    [ "$status" = 1 ]
    grep -qx failed.step=trial <<<"$output"
    grep -qx failed.service=edge <<<"$output"
    grep -qx 'line=edge the line of the trial' <<<"$output"
    never grep -q '^line=.*the one that serves' <<<"$output"
    grep -q '\[capture\] [^ ]*: edge: .*the one that serves' "$LOGS"/*.log
    [ "$(serving)" = blue ]
    [ "$(status_of two)" = failed ]
    untouched
    nothing_tried_is_left
    [ ! -e "$FAKE_PATH/activation" ]
  done
}

@test "what a killed trial has left: recovery, prune and down remove it; and nothing else" {
  set -- $ALL_SHELLS
  for task in 'activate two' prune down; do
    serving_here database
    within "$1" 'sleep() { :; }; trial_service=database; trial_volumes_make; trial_database two' >/dev/null 2>&1
    [ -e "$FAKE/containers/trial-database" ]
    [ "$task" != 'activate two' ] || within "$1" 'J_RELEASE=two J_PREVIOUS=one J_FROM=blue J_TO=green J_SEQ=2 J_TASK=deploy J_OPERATOR=me
      J_STARTED=x J_LOG= J_PLATFORM= J_SESSION=; journal_write started' 2>/dev/null
    echo trial >"$FAKE/faults"
    run host "$1" $task
    echo "$output"
    nothing_tried_is_left
    [ "$task" = down ] || [ -e "$FAKE/containers/platform-database" ]
    shift
  done
}
