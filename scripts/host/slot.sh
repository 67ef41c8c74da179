# Start and remove one slot: the application half of a release. Whoever removes says which slot, and it is never the served one.
#
# Parameters: APP_NAME, DEPLOYMENT_PATH.
# Output:     none.
# Exit codes: a function returns 1, with `blame` (failure.sh).

# slot_up RELEASE SLOT: created and started, not waited for.
slot_up() {
  told slot compose_slot "$1" "$2" up -d --no-deps --no-build --pull never backend frontend
}

# slot_remove SLOT: its containers, networks and secrets; nothing else has its labels. Refuses what is being served.
slot_remove() {
  case $1 in blue | green) ;; *) return 1 ;; esac
  [ "$(served_slot)" != "$1" ] || {
    warn "slot $1 is being served and is not removed"
    return 1
  }
  slot_try=1
  while :; do
    slot_ids=$(containers_of "$1") || return 1
    [ -n "$slot_ids" ] || break
    [ $slot_try -le 3 ] || return 1
    slot_try=$((slot_try + 1))
    # shellcheck disable=SC2086 # one argument an id
    engine rm -f -v $slot_ids >/dev/null 2>&1 || true
  done
  slot_networks=$(engine network ls -q --filter "label=com.docker.compose.project=$APP_NAME-$1") || return 1
  # shellcheck disable=SC2086 # one argument an id
  [ -z "$slot_networks" ] || engine network rm $slot_networks >/dev/null || return 1
  secrets_remove "$1"
}

# slots_astray: of the edge and the frontend that serves, those that look at another directory than this host's slots/: SERVICE ID, a
# line each. A container keeps the directory that was there at its start, also when another one takes its place or its name is gone.
slots_astray() {
  astray_slot=$(served_slot)
  { containers_of platform "$ASTRAY_FORMAT" && containers_of "$astray_slot" "$ASTRAY_FORMAT"; } | while read -r astray_state astray_service astray_id; do
    case $astray_state-$astray_service in
    running-edge) astray_place=slots ;;
    running-frontend) astray_place=slots/$astray_slot ;;
    *) continue ;;
    esac
    astray_seen=$(engine_within 10 exec "$astray_id" stat -c %d:%i "/run/$astray_place" 2>/dev/null) || continue # just ending: nobody's fault here
    [ "$astray_seen" = "$(stat -L -c %d:%i "$DEPLOYMENT_PATH/$astray_place" 2>/dev/null)" ] || printf '%s %s\n' "$astray_service" "$astray_id"
  done
}
ASTRAY_FORMAT='{{.State}} {{.Label "service"}} {{.ID}}'

# slots_follow: those look at what is there now once they have started anew. What was served goes on from the new directory.
slots_follow() {
  follow_lines=$(slots_astray) || return 1
  [ -n "$follow_lines" ] || return 0
  say "$DEPLOYMENT_PATH/slots was replaced: starting anew what looks at the old one: $(printf '%s\n' "$follow_lines" | sed 's/ .*//' | tr '\n' ' ')"
  # shellcheck disable=SC2046 # one argument an id
  told edge engine restart $(printf '%s\n' "$follow_lines" | sed 's/.* //')
}

# slot_stop SLOT [SECONDS]: each gets its stop signal and may finish, all at once, in its own time or in so many seconds.
slot_stop() {
  slot_ids=$(engine ps -q --filter "label=app=$APP_NAME" --filter "label=slot=$1") || return 1
  # shellcheck disable=SC2086 # one argument an id
  [ -z "$slot_ids" ] || engine stop ${2:+-t "$2"} $slot_ids >/dev/null
}
