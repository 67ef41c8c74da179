# Facts: complete, in one go, and nothing is changed or started.

load fake/kit

@test "facts of a host that serves: every key, and the engine is only asked" {
  for shell in $SHELLS; do
    fresh
    activated "$shell" one
    : >"$FAKE/calls"
    run host "$shell" facts
    [ "$status" = 0 ]
    for line in schema=1 docker.version=26.1.5 docker.store=overlay2 docker.rootless=no compose.version=2.40.3 path=present \
      link=blue active.release=one identity.app=app lock=free volume=app_data; do
      grep -qxF -e "$line" <<<"$output" || { echo "$shell: no line $line in: $output"; false; }
    done
    grep -Eqx 'release=one active h [0-9]+ 1' <<<"$output"
    for key in user privilege arch clock disk port tools.missing; do
      grep -q "^$key=" <<<"$output" || { echo "$shell: no $key"; false; }
    done
    never grep -v -e '^info' -e '^ps' -e '^inspect' -e '^images' -e '^image inspect' -e '^volume ls' -e '^volume inspect --format ' -e '^compose version' -e '^exec [a-z-]* stat -c %d:%i ' -e '^exec platform-database sh -c LC_ALL=C pg_controldata ' -e '^exec -i platform-database psql ' "$FAKE/calls"
    grep -Eq '^disk=[a-z,]*docker[a-z,]* /[^ ]* [0-9]+ ([0-9]+|-)$' <<<"$output"
  done
}

@test "disks: one line a file system with all that lies there, also while it fills, and inodes that nobody counts" {
  for shell in $SHELLS; do
    fresh
    cat >"$FAKE/bin/df" <<'END'
#!/bin/sh
echo x >>"$FAKE/dfs"
echo 'Filesystem Total Used Available Use% Mounted on'
case $1 in
-Pk) echo "/dev/x 9000 100 $((8000 - $(wc -l <"$FAKE/dfs"))) 10% /my disk" ;;
*) echo '/dev/x 0 0 0 - /my disk' ;;
esac
END
    chmod +x "$FAKE/bin/df"
    run host "$shell" facts
    [ "$(grep -c '^disk=' <<<"$output")" = 1 ]
    grep -Eqx 'disk=deployment,log,docker,data(,containerd)? /my disk 79[0-9]+ -' <<<"$output"
  done
}

@test "facts of a host without engine, of one whose engine is down, and of an empty one" {
  for shell in $SHELLS; do
    fresh
    run host "$shell" facts
    [ "$status" = 0 ]
    [[ $output == *path=missing* && $output == *link=none* ]]
    echo down >"$FAKE/faults"
    run host "$shell" facts
    [ "$status" = 0 ]
    grep -qx 'docker.version=' <<<"$output"
    grep -q 'docker.error=Cannot connect' <<<"$output"
    [ ! -e "$FAKE_PATH" ]
  done
}

@test "os-release: quoting, CRLF and a missing last newline are passed on as they are; fallbacks when there is none" {
  for shell in $SHELLS; do
    fresh
    mkdir -p "$FAKE/root/etc"
    printf 'ID="debian"\r\nNAME='\''x y'\''\nLAST=1' >"$FAKE/root/etc/os-release"
    run within "$shell" "os_release_facts '$FAKE/root'"
    [ "${lines[0]}" = $'os_release=ID="debian"\r' ]
    [ "${lines[1]}" = "os_release=NAME='x y'" ]
    [ "${lines[2]}" = os_release=LAST=1 ]
    rm "$FAKE/root/etc/os-release"
    printf 'CentOS release 6.10 (Final)\n' >"$FAKE/root/etc/centos-release"
    run within "$shell" "os_release_facts '$FAKE/root'"
    [ "$output" = 'os_fallback=/etc/centos-release:CentOS release 6.10 (Final)' ]
  done
}

# listen: a process on a free port, which is the edge's from now on; ends with standard input.
listen() {
  coproc LISTENER { exec python3 -c 'import socket,sys; s=socket.create_server(("127.0.0.1",0)); print(s.getsockname()[1],flush=True); sys.stdin.read()' 3>&-; }
  read -r PORT <&"${LISTENER[0]}"
}

@test "a port that somebody listens on is taken, and by whom" {
  fresh
  listen
  for shell in $SHELLS; do
    run within "$shell" port_facts
    [[ $output == "port=$PORT taken python3 pid "* ]]
  done
  kill "$LISTENER_PID"
  wait "$LISTENER_PID" || true
  run within dash port_facts
  [ "$output" = "port=$PORT free" ]
}

@test "a port is not called a stranger's by who may not ask the engine whose it is" {
  # Turned red by: no `unknown` in port_state, which may be our own edge's.
  fresh
  listen
  for shell in $SHELLS; do
    echo down >"$FAKE/faults"
    run within "$shell" "port_process() { :; } && port_facts"
    [ "$output" = "port=$PORT unknown" ]
    run within "$shell" "port_process() { echo docker-proxy pid 7; } && port_facts"
    [ "$output" = "port=$PORT unknown" ]
    run within "$shell" "port_process() { echo nginx pid 7; } && port_facts"
    [ "$output" = "port=$PORT taken nginx pid 7" ]
    rm "$FAKE/faults"
    run within "$shell" "port_process() { :; } && port_facts"
    [ "$output" = "port=$PORT taken" ]
  done
}

@test "the edge of another application is named as that, with the setting to change" {
  # Turned red by: no case `?*/edge` in port_state; port_next for every holder as for a stranger.
  fresh
  for shell in $SHELLS; do
    run within "$shell" 'PUBLISHED="guestbook/edge guestbook-edge-1 0.0.0.0:58123->80/tcp"; port_state 58123; ports_published() { :; }; ports_check || echo "$FAILED_REASON: $FAILED_NEXT"'
    [ "${lines[0]}" = 'taken the application guestbook' ]
    [ "${lines[1]}" = 'port 58123 is taken by the application guestbook: set HTTP_PORT to a free port for this one, then fab -H HOST deploy' ]
    run within "$shell" 'PUBLISHED="/ web 0.0.0.0:58124->80/tcp"; ENABLE_HTTPS=true; ports_published() { :; }; ports_check || echo "$FAILED_REASON: $FAILED_NEXT"'
    [ "$output" = 'port 58124 is taken by container web: stop what listens on port 58124, or set HTTPS_PORT to a free one, then fab -H HOST deploy' ]
  done
}
