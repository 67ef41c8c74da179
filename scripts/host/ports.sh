# Who listens on a port: nobody, our edge, or a stranger (a process, or another container).
#
# Parameters: APP_NAME, HTTP_PORT, HTTPS_PORT, ENABLE_HTTPS.
# Output:     facts port=NUMBER free|own|taken [WHO].
# Exit codes: none of its own.

port_facts() {
  PUBLISHED=$(engine ps --format '{{.Label "app"}}/{{.Label "service"}} {{.Names}} {{.Ports}}' 2>/dev/null || true)
  port_fact "$HTTP_PORT"
  [ "$ENABLE_HTTPS" != true ] || port_fact "$HTTPS_PORT"
}

# A container's port first: with the userland proxy off, no process listens.
port_fact() {
  port_line=$(printf '%s\n' "$PUBLISHED" | grep -e ":$1->" | head -n 1)
  case $port_line in
  "$APP_NAME/edge "*) fact port "$1 own" ;;
  ?*)
    port_line=${port_line#* }
    fact port "$1 taken container ${port_line%% *}"
    ;;
  *)
    port_inode=$(port_listener "$1")
    if [ -z "$port_inode" ]; then
      fact port "$1 free"
    else
      fact port "$1 taken $(port_process "$port_inode")"
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
