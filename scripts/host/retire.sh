# Take the old slot away once nobody uses it.
#
# Parameters: DRAIN_SECONDS.
# Output:     none.
# Exit codes: a function returns 1.

# retire SLOT: drain, stop, remove.
retire() {
  [ "$1" != none ] || return 0
  drain "$1" || true
  slot_stop "$1" || return 1
  slot_remove "$1"
}

# drain SLOT: wait until no request is in flight through its socket, at most DRAIN_SECONDS. Every request of the edge has a
# connection of its own, so two looks without one are enough.
drain() {
  drain_id=$(container_of "$1" frontend)
  [ -n "$drain_id" ] || return 0
  drain_pid=$(engine inspect --format '{{.State.Pid}}' "$drain_id") || return 0
  read_clock
  drain_end=$((CLOCK + DRAIN_SECONDS * 1000)) drain_quiet=0
  while [ $drain_quiet -lt 2 ]; do
    drain_open=$(drain_connections) || return 0
    if [ "$drain_open" = 0 ]; then drain_quiet=$((drain_quiet + 1)); else drain_quiet=0; fi
    read_clock
    [ "$CLOCK" -lt "$drain_end" ] || {
      [ "$drain_open" = 0 ] || say "slot $1: $drain_open connections were cut after $DRAIN_SECONDS s"
      return 0
    }
    sleep 0.1
  done
}

# drain_connections: sockets accepted or waiting at app.sock (states 03 and 02), in the container's network namespace.
drain_connections() {
  { cat "/proc/$drain_pid/net/unix" 2>/dev/null || engine exec "$drain_id" cat /proc/net/unix; } |
    sed -n '/^[^ ]* [0-9A-F]* [0-9A-F]* [0-9A-F]* 0001 0[23] .*\/app\.sock$/p' | wc -l | tr -d ' '
}
