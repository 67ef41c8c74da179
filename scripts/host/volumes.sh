# Have the volumes and the slots' directories that the Compose files take as given.
#
# All are external with explicit names: a shared volume would go with the last project's `down -v`. The data volume is made
# once, on the first deployment; when it is missing later, nothing may start on an empty one.
#
# DATA_PATH and SOCKET_PATH put two of them on directories of the host, which must exist and belong to the server's user:
# the volume is then a local one bound to the directory, so that Compose sees a name in both cases.
#
# Parameters: DEPLOYMENT_PATH, APP_NAME, DATA_VOLUME, SOCKET_VOLUME, ASSETS_VOLUME, CERTS_VOLUME, DATA_PATH, SOCKET_PATH.
# Output:     facts volume=NAME (those that are there).
# Exit codes: a function returns 1, with the reason said.

volume_names() { printf '%s\n' "$DATA_VOLUME" "$SOCKET_VOLUME" "$ASSETS_VOLUME" "$CERTS_VOLUME"; }

is_volume() { printf '%s\n' "$VOLUMES" | grep -qxF -e "$1"; }

volume_facts() {
  VOLUMES=$(engine volume ls -q 2>/dev/null) || return 0
  volume_names | while IFS= read -r volume_name; do
    ! is_volume "$volume_name" || fact volume "$volume_name"
  done
}

# volumes_ensure RELEASE: sets ASSETS_FRESH=yes when the assets volume was made just now: its first user gives it owner and mode, and
# that has to be the frontend image.
volumes_ensure() {
  VOLUMES=$(engine volume ls -q) || return 1
  ASSETS_FRESH=no
  volume_data_check "$1" || return 1
  is_volume "$SOCKET_VOLUME" || volume_make "$SOCKET_VOLUME" "${SOCKET_PATH:-}" "$1" || return 1
  is_volume "$CERTS_VOLUME" || volume_make "$CERTS_VOLUME" || return 1
  if ! is_volume "$ASSETS_VOLUME"; then
    volume_make "$ASSETS_VOLUME" || return 1
    ASSETS_FRESH=yes
  fi
}

volume_data_check() {
  ! is_volume "$DATA_VOLUME" || return 0
  if [ -f "$DEPLOYMENT_PATH/identity" ]; then
    FAILED_SERVICE=database
    FAILED_REASON="the data volume $DATA_VOLUME is missing; this host had a database, and an empty one will not be started in its place"
    say "$FAILED_REASON"
    say "  next: bring the volume back (docker volume ls; a backup in $DEPLOYMENT_PATH/backups), or, if the data may go: rm $DEPLOYMENT_PATH/identity"
    return 1
  fi
  volume_make "$DATA_VOLUME" "${DATA_PATH:-}" "$1"
}

# volume_make NAME [DIRECTORY RELEASE]: on the directory where one is given.
volume_make() {
  if [ -n "${2:-}" ]; then
    volume_directory_check "$2" "$3" || return 1
    engine volume create --label "app=$APP_NAME" --opt type=none --opt o=bind --opt "device=$2" "$1" >/dev/null || return 1
  else
    engine volume create --label "app=$APP_NAME" "$1" >/dev/null || return 1
  fi
  detail "volume $1 made"
}

# volume_directory_check DIRECTORY RELEASE: a directory is made by its owner, never by us.
volume_directory_check() {
  directory_owner=$(engine run --rm --pull never --network none --read-only --cap-drop ALL --label "app=$APP_NAME" \
    --entrypoint id "$(env_value "$2" DATABASE_IMAGE)" -u) || return 1
  [ "$(stat -c %u "$1" 2>/dev/null)" != "$directory_owner" ] || return 0
  FAILED_SERVICE=database FAILED_REASON="the directory $1 must exist and belong to user $directory_owner, the database server's"
  say "$FAILED_REASON"
  say "  next, on the host: install -d -m 0711 -o $directory_owner -g $directory_owner $1"
  return 1
}

# slots_ensure: blue and green are writable for uid 101 whoever made them; the 0750 above keeps everybody else out.
slots_ensure() {
  ensure_directory "$DEPLOYMENT_PATH/slots" 0755 || return 1
  ensure_directory "$DEPLOYMENT_PATH/slots/blue" 0777 || return 1
  ensure_directory "$DEPLOYMENT_PATH/slots/green" 0777 || return 1
  slots_label
}

# With SELinux enforced by the engine, a bind mount needs a label that containers may use. Not testable in the lab.
slots_label() {
  [ -d /sys/fs/selinux ] && command -v chcon >/dev/null 2>&1 || return 0
  case $(engine info --format '{{json .SecurityOptions}}') in
  *name=selinux*) chcon -Rt container_file_t "$DEPLOYMENT_PATH/slots" ;;
  esac
}
