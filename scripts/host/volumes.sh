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
# Exit codes: a function returns 1, with `blame` (failure.sh).

volume_names() { printf '%s\n' "$DATA_VOLUME" "$SOCKET_VOLUME" "$ASSETS_VOLUME" "$CERTS_VOLUME"; }

is_volume() { printf '%s\n' "$VOLUMES" | grep -qxF -e "$1"; }

# volume_directory NAME: the directory of the host that it is bound to, or an empty line; fails when there is no such volume.
volume_directory() { engine_quietly volume inspect --format '{{if .Options}}{{index .Options "device"}}{{end}}' "$1"; }

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
  volume_lost_check || return 1
  volume_check "$DATA_VOLUME" DATA_PATH "$DATA_PATH" "$1" || return 1
  volume_check "$SOCKET_VOLUME" SOCKET_PATH "$SOCKET_PATH" "$1" || return 1
  is_volume "$DATA_VOLUME" || volume_make "$DATA_VOLUME" "$DATA_PATH" "$(data_labels "$1")" || return 1
  is_volume "$SOCKET_VOLUME" || volume_make "$SOCKET_VOLUME" "$SOCKET_PATH" || return 1
  is_volume "$CERTS_VOLUME" || volume_make "$CERTS_VOLUME" || return 1
  if ! is_volume "$ASSETS_VOLUME"; then
    volume_make "$ASSETS_VOLUME" || return 1
    ASSETS_FRESH=yes
  fi
}

volume_lost_check() {
  is_volume "$DATA_VOLUME" || [ ! -f "$DEPLOYMENT_PATH/identity" ] ||
    blame database "the data volume $DATA_VOLUME is missing; this host had a database, and an empty one will not be started in its place" \
      "bring the volume back (docker volume ls), then fab -H HOST up; $(database_lost)"
}

# volume_check NAME SETTING DIRECTORY RELEASE: before any is made. One that is there is where the setting says: a first deployment
# that failed may have left it elsewhere.
volume_check() {
  if ! is_volume "$1"; then
    [ -z "$3" ] || volume_directory_check "$3" "$4"
    return
  fi
  [ ! -f "$DEPLOYMENT_PATH/identity" ] || return 0
  check_directory=$(volume_directory "$1") || return 1
  [ "$check_directory" = "$3" ] ||
    blame database "the volume $1 is there from before, in ${check_directory:-the place that Docker chose}, and $2 is ${3:-not set}" \
      "set $2=$check_directory; or, if nothing in it is needed, on the host: docker volume rm $1, then the same command again"
}

# volume_make NAME [DIRECTORY [LABELS]]: on the directory where one is given.
volume_make() {
  # shellcheck disable=SC2086 # options
  if [ -n "${2:-}" ]; then
    engine volume create --label "app=$APP_NAME" ${3:-} --opt type=none --opt o=bind --opt "device=$2" "$1" >/dev/null || return 1
  else
    engine volume create --label "app=$APP_NAME" ${3:-} "$1" >/dev/null || return 1
  fi
  detail "volume $1 made"
}

# volume_directory_check DIRECTORY RELEASE: a directory is made by its owner, never by us.
volume_directory_check() {
  directory_owner=$(engine run --rm --pull never --network none --read-only --cap-drop ALL --label "app=$APP_NAME" \
    --entrypoint id "$(env_value "$2" DATABASE_IMAGE)" -u) || {
    blame database "its image $(env_value "$2" DATABASE_IMAGE) could not be asked for its user"
    return 1
  }
  [ "$(stat -L -c %u "$1" 2>/dev/null)" != "$directory_owner" ] || return 0
  blame database "the directory $1 must exist and belong to user $directory_owner, the database server's" \
    "on the host: install -d -m 0711 -o $directory_owner -g $directory_owner $1"
}

# slots_ensure: blue and green are writable for uid 101 whoever made them; the 0750 above keeps everybody else out. In acme an ACME
# client of the host puts what an authority asks for.
slots_ensure() {
  ensure_directory "$DEPLOYMENT_PATH/slots" 0755 || return 1
  ensure_directory "$DEPLOYMENT_PATH/slots/blue" 0777 || return 1
  ensure_directory "$DEPLOYMENT_PATH/slots/green" 0777 || return 1
  ensure_directory "$DEPLOYMENT_PATH/slots/acme" 0755 || return 1
  slots_label
}

# With SELinux enforced by the engine, a bind mount needs a label that containers may use. Not testable in the lab.
slots_label() {
  [ -d /sys/fs/selinux ] && command -v chcon >/dev/null 2>&1 || return 0
  case $(engine info --format '{{json .SecurityOptions}}') in
  *name=selinux*) chcon -Rt container_file_t "$DEPLOYMENT_PATH/slots" ;;
  esac
}
