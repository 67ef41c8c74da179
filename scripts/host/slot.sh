# Start and remove one slot: the application half of a release. Whoever removes says which slot, and it is never the served one.
#
# Parameters: APP_NAME, DEPLOYMENT_PATH.
# Output:     FAILED_SERVICE and FAILED_REASON when it fails.
# Exit codes: a function returns 1.

# slot_up RELEASE SLOT: created and started, not waited for.
slot_up() {
  told slot compose_slot "$1" "$2" up -d --no-deps --no-build --pull never backend frontend
}

# assets_fill RELEASE SLOT: its hashed assets beside those of the releases kept, for pages that are open; once a frontend image.
assets_fill() {
  assets_image=$(value_of "$(release_path "$1")/release.facts" image.frontend)
  assets_note=$DEPLOYMENT_PATH/cache/assets
  if [ "${ASSETS_FRESH:-no}" = no ] && grep -qxF -e "$assets_image" "$assets_note" 2>/dev/null; then
    return 0
  fi
  told assets compose_slot "$1" "$2" --profile assets run --rm --no-deps -T assets || return 1
  ensure_directory "$DEPLOYMENT_PATH/cache" 0750 || return 1
  {
    [ "${ASSETS_FRESH:-no}" = yes ] || sed -n p "$assets_note" 2>/dev/null || true
    printf '%s\n' "$assets_image"
  } | replace "$assets_note"
}

# slot_remove SLOT: its containers and networks; nothing else has its labels. Refuses what is being served.
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
  [ -z "$slot_networks" ] || engine network rm $slot_networks >/dev/null
}

# slot_stop SLOT: each gets its stop signal and may finish; all at once.
slot_stop() {
  slot_ids=$(engine ps -q --filter "label=app=$APP_NAME" --filter "label=slot=$1") || return 1
  # shellcheck disable=SC2086 # one argument an id
  [ -z "$slot_ids" ] || engine stop $slot_ids >/dev/null
}
