# status, verify and logs on the host: what they say in each state, the next command, and the exit code.

load fake/kit

# without_engine SHELL COMMAND...: on a host where docker is not installed.
without_engine() {
  rm -f "$FAKE/bin/docker"
  mkdir -p "$FAKE/tools"
  for tool in /usr/bin/* /bin/*; do [ "${tool##*/}" = docker ] || ln -sf "$tool" "$FAKE/tools/"; done
  PATH=$FAKE/tools host "$@"
}

@test "nothing deployed: status says so with the next command and exits 0, verify and logs exit 1" {
  for shell in $SHELLS; do
    fresh
    run host "$shell" status
    [ "$status" = 0 ]
    [[ $output == *'nothing is deployed'*'fab -H HOST deploy'* ]]
    [[ $output != *'or what served last'* ]]
    run host "$shell" verify
    [ "$status" = 1 ]
    [[ $output == *'check=active unhealthy nothing is deployed here'*'next: fab -H HOST deploy'* ]]
    for what in all backend deploy; do
      run host "$shell" logs $what
      [ "$status" = 1 ]
      [[ $output == *'next: fab -H HOST deploy'* ]]
    done
    [ ! -e "$FAKE_PATH" ]
  done
}

@test "the engine does not answer, may not be asked, or is not installed: said, with the remedy, exit 1" {
  for shell in dash busybox; do
    fresh
    activated "$shell" one
    echo down >"$FAKE/faults"
    for what in status logs 'logs edge'; do
      run host "$shell" $what
      [ "$status" = 1 ]
      [[ $output == *'Docker does not answer: Cannot connect'*'next: systemctl start docker'* ]]
      [ "$(grep -c 'Cannot connect' <<<"$output")" = 1 ]
    done
    run host "$shell" verify
    [ "$status" = 1 ]
    [[ $output == *'check=engine unhealthy Cannot connect'* && $output != *'no container'* ]]
    run host "$shell" logs deploy
    [ "$status" = 0 ]
    [[ $output == *committed* ]]
    run within "$shell" "engine_error() { echo 'permission denied while trying to connect'; }; engine_refuse"
    [ "$status" = 1 ]
    [[ $output == *'permission denied'*'next: the same with sudo'* ]]
  done
  fresh
  activated dash one
  run without_engine dash status
  [ "$status" = 1 ]
  [[ $output == *'serving      one from slot blue'*'not installed'*'install-docker'* ]]
}

@test "status and verify of what serves" {
  for shell in $SHELLS; do
    fresh
    activated "$shell" one && activated "$shell" two
    run host "$shell" status
    [ "$status" = 0 ]
    for line in "application  app in $FAKE_PATH" 'previous     one' 'lock         free' 'release      one retired' 'release      two active'; do
      grep -qxF -e "$line" <<<"$output"
    done
    [[ $output == *'serving      two from slot green, since 20'* && $output != *'next  '* ]]
    printf 'release=three\nphase=slot-up\n' >"$FAKE_PATH/activation"
    run host "$shell" status
    grep -qx 'in progress  three, phase slot-up' <<<"$output"
    run host "$shell" verify
    [ "$status" = 0 ]
    [ "$(grep -c '^check=[a-z]* healthy ' <<<"$output")" = 6 ]
  done
}

# Turned red by: no second try in `probe`.
@test "a probe that the engine could not run says nothing of the slot: it is run once more" {
  for shell in $SHELLS; do
    fresh
    activated "$shell" one
    echo runc >"$FAKE/faults"
    run host "$shell" verify
    echo "$output"
    [ "$status" = 0 ]
    [ ! -e "$FAKE/faults" ]
  done
}

@test "verify names each part that is not well, and only those" {
  for shell in $SHELLS; do
    fresh
    activated "$shell" one
    sed -i 's/^state=.*/state=exited/' "$FAKE/containers/blue-backend"
    sed -i 's/^release=.*/release=other/' "$FAKE/containers/blue-frontend"
    rm "$FAKE/containers/platform-edge"
    run host "$shell" verify
    echo "$output"
    [ "$status" = 1 ]
    grep -qx 'check=database healthy healthy' <<<"$output"
    grep -qx 'check=backend unhealthy its container is exited' <<<"$output"
    grep -qx 'check=frontend unhealthy it is not of release one' <<<"$output"
    grep -qx 'check=edge unhealthy it has no container' <<<"$output"
    grep -qx 'check=slot unhealthy /health does not answer through slot blue: HTTP 502' <<<"$output"
    grep -q '^check=port unhealthy http://127.0.0.1:58123/health does not answer with release one' <<<"$output"
  done
  mkdir "$FAKE/health" && echo unhealthy >"$FAKE/health/platform-database"
  run within dash "verify_ids='platform-database' VERIFY_RELEASE=one VERIFY_CODE=0; verify_containers"
  grep -qx 'check=database unhealthy its container is running, and unhealthy' <<<"$output"
}

@test "logs: all with their names, one alone, so many lines, the newest deployment log" {
  for shell in $SHELLS; do
    fresh
    activated "$shell" one
    mkdir "$FAKE/logs" && printf 'first\nsecond\n' >"$FAKE/logs/blue-backend"
    run host "$shell" logs
    [ "$status" = 0 ]
    [ "$(cut -d ' ' -f 1 <<<"$output" | sort | uniq -c | tr -s ' \n' ' ')" = ' 2 blue/backend 1 blue/frontend 1 database 1 edge ' ]
    run host "$shell" logs backend 7
    [ "$status" = 0 ]
    [[ ${lines[0]} == *Z\ first && ${lines[1]} == *Z\ second && ${#lines[@]} = 2 ]]
    grep -q '^logs --timestamps --tail 7 blue-backend$' "$FAKE/calls"
    : >"$LOGS/29990101T000000Z-install-docker.log"
    run host "$shell" logs deploy 1
    [ "$status" = 0 ]
    [[ $output == *"$LOGS/"*-deploy-one.log* ]]
    run host "$shell" logs cache
    [ "$status" = 1 ]
    [[ $output == *'no container of service cache'*'next: one of: '*'backend'*' all, or a task: deploy'* ]]
    run host "$shell" logs backend '' 10m
    [ "$status" = 0 ]
    grep -q '^logs --timestamps --tail all --since 10m blue-backend$' "$FAKE/calls"
    for bad in 'logs a/b' 'logs all ten' 'logs all -1' 'logs all 1 yesterday' 'logs all 1 --help'; do
      run host "$shell" $bad
      [ "$status" = 2 ]
    done
  done
}

@test "logs: both slots, each line with its own" {
  for shell in $SHELLS; do
    fresh
    activated "$shell" one
    printf 'slot=green\nservice=backend\nrelease=two\nfingerprint=\nstate=running\nrestarts=0\n' >"$FAKE/containers/green-backend"
    run host "$shell" logs backend
    [ "$status" = 0 ]
    [ "$(cut -d ' ' -f 1 <<<"$output" | tr '\n' ' ')" = 'blue/backend green/backend ' ]
  done
}

@test "logs follow: a look each second, nothing twice, the next slot too, and it ends with its input" {
  for shell in $SHELLS; do
    fresh
    activated "$shell" one
    mkdir "$FAKE/logs" && printf 'first\n' >"$FAKE/logs/blue-backend"
    mkfifo "$FAKE/input"
    DATA=$FAKE/input host "$shell" logs backend '' '' follow >"$FAKE/shown" 3>&- &
    follower=$!
    exec 7>"$FAKE/input"
    until grep -q first "$FAKE/shown"; do sleep 0.2; done
    printf 'slot=green\nservice=backend\nrelease=two\nfingerprint=\nstate=running\nrestarts=0\n' >"$FAKE/containers/green-backend"
    printf 'second\n' >"$FAKE/logs/green-backend"
    until grep -q second "$FAKE/shown"; do sleep 0.2; done
    exec 7>&-
    wait "$follower" || true
    [ "$(cut -d ' ' -f 1,4 "$FAKE/shown" | sort | tr '\n' ' ')" = 'blue/backend first green/backend second ' ]
  done
}

@test "after down, what served last is offered: the newest by its number, not by its name; after down volumes a deployment" {
  # Turned red by: no look for the identity in next_deployment; logs_containers without next_deployment or without logs_there.
  for shell in $SHELLS; do
    fresh
    activated "$shell" zwei && activated "$shell" drei
    host "$shell" down >/dev/null 2>&1
    [ "$(within "$shell" served_last)" = drei ]
    run as "$shell" "$FAKE_PATH/releases/drei/bin/host.sh" status
    [ "$status" = 0 ]
    [[ $output == *"$FAKE_PATH/releases/drei/bin/host.sh activate drei"* ]]
    run host "$shell" logs all
    [ "$status" = 1 ]
    [[ $output == *"nothing runs"*"next: fab -H HOST up "*"host.sh activate drei"*"fab -H HOST logs --service TASK, one of: deploy"* ]]
    host "$shell" down volumes >/dev/null 2>&1 # with the data went what could be brought back
    for task in status 'logs all'; do
      run host "$shell" $task
      [[ $output == *'fab -H HOST deploy'* ]]
      [[ $output != *'fab -H HOST up'* ]]
      [[ $output != *'host.sh activate'* ]]
    done
  done
}

@test "a directory that this user may not read is not nothing: said with who may, exit 1, by every task that looks" {
  [ "$(id -u)" = 0 ] || skip "needs root to become somebody else"
  fresh
  activated dash one
  chmod 755 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR" "$FAKE"
  parameters >"$FAKE/script" && cat "$FAKE/bundle" >>"$FAKE/script"
  mkdir "$FAKE/docker-right" && printf '#!/bin/sh\necho 26.1.5\n' >"$FAKE/docker-right/docker" && chmod -R 755 "$FAKE/docker-right"
  nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups env PATH="$FAKE/docker-right:$PATH" "$shell" -s "$@" <"$FAKE/script" 2>&1; }
  for shell in dash bash; do
    for closed in "$FAKE_PATH" "$FAKE_PATH/releases" "$FAKE/opt"; do
      chmod 755 "$FAKE/opt" "$FAKE_PATH" "$FAKE_PATH/releases" && chmod 644 "$FAKE_PATH/active" "$FAKE_PATH/history.jsonl"
      [ -z "$(nobody facts | grep unreadable)" ]
      chmod 700 "$closed"
      for what in status verify 'logs all' 'logs deploy' history explain backups; do
        run nobody $what
        [ "$status" = 1 ]
        [ "${lines[0]}" = "error: nobody may not read $closed; root may" ]
        case $closed in # what is above is not ours to give away
        "$FAKE/opt") [[ ${lines[1]} == "  next: log in as root, who may read $FAKE/opt; or echo 'nobody ALL=(ALL)"* ]] ;;
        *) [[ ${lines[1]} == "  next: sudo chown -R 65534:65534 $FAKE_PATH   (on the host)"* ]] ;;
        esac
      done
      run nobody facts
      grep -qxF -e "path.unreadable=nobody may not read $closed; root may" <<<"$output"
      [ "$(grep -c '^path.next=' <<<"$output")" = 1 ]
    done
  done
  chmod 755 "$FAKE/opt"
  chown 1:2 "$FAKE_PATH" && chmod 750 "$FAKE_PATH"
  run nobody status
  [ "${lines[0]}" = "error: nobody may not read $FAKE_PATH; $(id -un 1) and root, and the group $(getent group 2 | cut -d: -f1), may" ]
  [[ ${lines[1]} == "  next: log in as $(id -un 1), who deploys here; or echo 'nobody ALL=(ALL)"* ]]
}
