# Who listens on a port: nobody, our edge, or a stranger (a process, or another container).
#
# Parameters: APP_NAME, HTTP_PORT, HTTPS_PORT, ENABLE_HTTPS.
# Output:     facts port=NUMBER free|own|taken [WHO].
# Exit codes: ports_check returns 1, with `blame` (failure.sh).

port_facts() {
  ports_published || PUBLISHED=
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
    blame edge "port $port_number is taken by${port_found:- another process}" \
      "stop what listens on port $port_number, or set HTTP_PORT or HTTPS_PORT to a free one, then fab -H HOST deploy"
    return
  done
}

# port_state PORT: free, own, or taken [WHO]. A container's port first: with the userland proxy off, no process listens.
port_state() {
  port_line=$(printf '%s\n' "$PUBLISHED" | grep -e ":$1->" | head -n 1)
  case $port_line in
  "$APP_NAME/edge "*) echo own ;;
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
      printf 'taken%s\n' "${port_who:+ $port_who}"
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
