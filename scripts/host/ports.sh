# Who listens on a port: nobody, our edge, or a stranger (a process, another container, or another application of this tool).
#
# Parameters: APP_NAME, HTTP_PORT, HTTPS_PORT, ENABLE_HTTPS.
# Output:     facts port=NUMBER free|own|taken [WHO]|unknown: somebody has it, and who may not be seen by this user.
# Exit codes: ports_check returns 1, with `blame` (failure.sh).

port_facts() {
  ports_published || { ! command -v docker >/dev/null 2>&1 || PUBLISHED=unknown; }
  for port_number in $(ports_wanted); do fact port "$port_number $(port_state "$port_number")"; done
}

ports_wanted() {
  printf '%s\n' "$HTTP_PORT"
  [ "$ENABLE_HTTPS" != true ] || printf '%s\n' "$HTTPS_PORT"
}

ports_published() { PUBLISHED=$(engine ps --format '{{.Label "app"}}/{{.Label "service"}} {{.Names}} {{.Ports}}' 2>/dev/null); }

# ports_check: each port that the edge wants is free, or our own edge has it.
ports_check() {
  ports_published || return 1
  for port_number in $(ports_wanted); do
    port_found=$(port_state "$port_number")
    case $port_found in free | own) continue ;; esac
    port_found=${port_found#taken}
    blame edge "port $port_number is taken by${port_found:- another process}" "$(port_next "$port_number" "$port_found")"
    return
  done
}

# port_next PORT WHO: an application of ours is not to be stopped for another one.
port_next() {
  port_setting=HTTP_PORT
  [ "$1" = "$HTTP_PORT" ] || port_setting=HTTPS_PORT
  case $2 in
  ' the application '*) printf 'set %s to a free port for this one, then fab -H HOST deploy\n' "$port_setting" ;;
  *) printf 'stop what listens on port %s, or set %s to a free one, then fab -H HOST deploy\n' "$1" "$port_setting" ;;
  esac
}

# port_state PORT: free, own, taken [WHO] or unknown. A container's port first: with the userland proxy off, no process listens.
port_state() {
  port_line=$(printf '%s\n' "$PUBLISHED" | grep -e ":$1->" | head -n 1)
  case $port_line in
  "$APP_NAME/edge "*) echo own ;;
  ?*/edge\ *) printf 'taken the application %s\n' "${port_line%%/*}" ;;
  ?*)
    port_line=${port_line#* }
    printf 'taken container %s\n' "${port_line%% *}"
    ;;
  *)
    port_inode=$(port_listener "$1")
    if [ -z "$port_inode" ]; then
      echo free
    else
      port_who=$(port_process "$port_inode")
      case $PUBLISHED/$port_who in
      unknown/ | unknown/docker-proxy*) echo unknown ;; # a container's, perhaps our own edge's
      *) printf 'taken%s\n' "${port_who:+ $port_who}" ;;
      esac
    fi
    ;;
  esac
}

# port_listener PORT: the inode of a socket in state LISTEN (0A).
port_listener() {
  port_hex=$(printf '%04X' "$1")
  sed -n "s/^ *[0-9]*: [0-9A-F]*:$port_hex [0-9A-F]*:0000 0A [^ ]* [^ ]* [^ ]* *[0-9]* *[0-9]* \([0-9]*\) .*/\1/p" \
    /proc/net/tcp /proc/net/tcp6 2>/dev/null | head -n 1
}

# port_process INODE: name and number, as far as we may look.
port_process() {
  # shellcheck disable=SC2012 # names in /proc are numbers
  port_pid=$(ls -l /proc/[0-9]*/fd 2>/dev/null | sed -n -e '/^\/proc/h' -e "/socket:\[$1\]/{g;s/[^0-9]//g;p;q;}")
  [ -z "$port_pid" ] || printf '%s pid %s\n' "$(cat "/proc/$port_pid/comm" 2>/dev/null || echo '?')" "$port_pid"
}
