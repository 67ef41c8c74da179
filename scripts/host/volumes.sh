# Have the volumes and the slots' directories that the Compose files take as given.
#
# All are external with explicit names: a shared volume would go with the last project's `down -v`. The data volume is made
# once, on the first deployment; when it is missing later, nothing may start on an empty one.
#
# Parameters: DEPLOYMENT_PATH, APP_NAME, DATA_VOLUME, SOCKET_VOLUME, ASSETS_VOLUME, CERTS_VOLUME.
# Output:     facts volume=NAME (those that are there).
# Exit codes: a function returns 1, with the reason said.

volume_names() { printf '%s\n' "$DATA_VOLUME" "$SOCKET_VOLUME" "$ASSETS_VOLUME" "$CERTS_VOLUME"; }

# is_volume NAME: one that is there, or a directory of the host that is given in place of one.
is_volume() {
  case $1 in
  /*) [ -d "$1" ] ;;
  *) printf '%s\n' "$VOLUMES" | grep -qxF -e "$1" ;;
  esac
}

volume_facts() {
  VOLUMES=$(engine volume ls -q 2>/dev/null) || return 0
  volume_names | while IFS= read -r volume_name; do
    ! is_volume "$volume_name" || fact volume "$volume_name"
  done
}

# volumes_ensure: sets ASSETS_FRESH=yes when the assets volume was made just now: its first user gives it owner and mode, and
# that has to be the frontend image.
volumes_ensure() {
  VOLUMES=$(engine volume ls -q) || return 1
  ASSETS_FRESH=no
  volume_data_check || return 1
  for volume_name in "$SOCKET_VOLUME" "$CERTS_VOLUME"; do
    is_volume "$volume_name" || volume_make "$volume_name" || return 1
  done
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
  volume_make "$DATA_VOLUME"
}

volume_make() {
  case $1 in
  /*)
    FAILED_REASON="the directory $1 does not exist; one that is set in place of a volume is made by its owner, never by us"
    say "$FAILED_REASON"
    return 1
    ;;
  esac
  engine volume create --label "app=$APP_NAME" "$1" >/dev/null || return 1
  detail "volume $1 made"
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
