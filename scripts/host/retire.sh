# Take the old slot away once nobody uses it.
#
# Parameters: DRAIN_SECONDS.
# Output:     none.
# Exit codes: a function returns 1.

# retire SLOT: drain, stop, remove.
retire() {
  [ "$1" != none ] || return 0
  drain "$1"
  if [ "$DRAIN_OPEN" = 0 ]; then
    slot_stop "$1" || return 1
  else
    # They had their time; the application may still say goodbye to its WebSockets.
    slot_stop "$1" 5 || return 1
    say "slot $1: $DRAIN_OPEN connections were cut after $DRAIN_SECONDS s"
  fi
  slot_remove "$1"
}

# drain SLOT: wait until no request is in flight through its socket, at most DRAIN_SECONDS. Every request of the edge has a
# connection of its own, so two looks without one are enough. Sets DRAIN_OPEN, how many there are still.
drain() {
  DRAIN_OPEN=0
  drain_id=$(container_of platform edge)
  [ -n "$drain_id" ] || return 0
  drain_pid=$(engine inspect --format '{{.State.Pid}}' "$drain_id") || return 0
  read_clock
  drain_end=$((CLOCK + DRAIN_SECONDS * 1000)) drain_quiet=0
  while [ $drain_quiet -lt 2 ]; do
    DRAIN_OPEN=$(drain_connections "$1")
    if [ "$DRAIN_OPEN" = 0 ]; then drain_quiet=$((drain_quiet + 1)); else drain_quiet=0; fi
    read_clock
    [ "$CLOCK" -lt "$drain_end" ] || return 0
    sleep 0.1
  done
}

# drain_connections SLOT: those accepted or waiting at its socket (states 03 and 02). Such a socket has the name of the one
# that listens, and is in the network namespace of the one that connected: the edge's.
drain_connections() {
  { cat "/proc/$drain_pid/net/unix" 2>/dev/null || engine exec "$drain_id" cat /proc/net/unix; } |
    sed -n "/^[^ ]* [0-9A-F]* [0-9A-F]* [0-9A-F]* 0001 0[23] .*\\/run\\/slots\\/$1\\/app\\.sock\$/p" | wc -l | tr -d ' '
}
