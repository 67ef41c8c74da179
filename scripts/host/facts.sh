# Tell all that the workstation needs to know, in one go; change nothing, start nothing. A database that runs is asked which
# cluster and which migrations it has (`docker exec`), the log of one that does not is read.
#
# Parameters: APP_NAME, DEPLOYMENT_PATH, ports and volume names.
# Output:     key=value lines, some keys repeated; see each function.
# Exit codes: 0.

facts() {
  fact schema 1
  privilege_facts
  os_facts
  engine_facts
  install_facts
  disk_facts
  path_facts
  account_facts
  release_facts
  port_facts
  ! command -v docker >/dev/null 2>&1 || {
    image_facts
    container_facts
    volume_facts
    database_facts
    migration_facts
    stack_facts
  }
  fault_facts
  data_facts
  maintenance_facts
  certificate_facts
  lock_facts
}

# disk=ROLES MOUNT FREE_KIB FREE_INODES, a line a file system; - where it makes inodes as it needs them.
disk_facts() {
  disk_lines=$(disk_of deployment "$DEPLOYMENT_PATH" && disk_of log "$LOG_PATH" && disk_of docker "${DOCKER_ROOT:-/var/lib/docker}" &&
    disk_of data "${DATA_PATH:-${DOCKER_ROOT:-/var/lib/docker}}" && { [ ! -d /var/lib/containerd ] || disk_of containerd /var/lib/containerd; })
  disk_done=
  printf '%s\n' "$disk_lines" | while read -r disk_role disk_kib disk_inodes disk_mount; do
    case "$disk_done" in *"|$disk_mount|"*) continue ;; esac # told already; what is free may have changed since
    disk_done="$disk_done|$disk_mount|"
    [ -z "$disk_mount" ] || fact disk "$(disk_roles "$disk_mount" "$disk_lines") $disk_mount $disk_kib $disk_inodes"
  done
}

# disk_of ROLE PATH: ROLE FREE_KIB FREE_INODES MOUNT
disk_of() {
  disk_path=$(existing_parent "$2")
  disk_line=$(df -Pk "$disk_path" 2>/dev/null | sed -n '$s/^.* \([0-9-][0-9-]*\)  *[0-9-]*%  *\(\/.*\)$/\1 \2/p')
  [ -n "$disk_line" ] || return 0
  # TOTAL and FREE: a total of 0 is a file system that does not count them
  disk_inodes=$(df -Pi "$disk_path" 2>/dev/null | sed -n '$s/^.* \([1-9][0-9]*\)  *[0-9-][0-9]*  *\([0-9][0-9]*\)  *[0-9-]*%  *\/.*$/\2/p')
  printf '%s %s %s %s\n' "$1" "${disk_line%% *}" "${disk_inodes:--}" "${disk_line#* }"
}

# disk_roles MOUNT LINES: what lies on one file system, separated by commas.
disk_roles() {
  printf '%s\n' "$2" | while read -r disk_role disk_kib disk_inodes disk_mount; do
    [ "$disk_mount" != "$1" ] || printf '%s,' "$disk_role"
  done | sed 's/,$//'
}

existing_parent() {
  parent=$1
  while [ ! -d "$parent" ]; do
    case $parent in /?*/*) parent=${parent%/*} ;; *) parent=/ ;; esac
  done
  printf '%s\n' "$parent"
}

path_facts() {
  if [ -d "$DEPLOYMENT_PATH" ]; then fact path present; else fact path missing; fi
  path_fault=$(path_obstacle)
  [ -z "$path_fault" ] || fact path.obstacle "$path_fault"
  [ -z "$path_fault" ] && [ -z "$(unreadable)" ] || fact path.next "$(path_next)"
}

release_facts() {
  fact link "$(served_slot)"
  prefixed_lines active. "$DEPLOYMENT_PATH/active"
  prefixed_lines active_facts= "$(release_path "$(active_value release)")/release.facts"
  prefixed_lines active_state= "$(state_path "$(active_value release)")"
  prefixed_lines journal. "$DEPLOYMENT_PATH/activation"
  prefixed_lines identity. "$DEPLOYMENT_PATH/identity"
  for release_name in $(release_names); do
    [ -f "$(release_path "$release_name")/release.facts" ] || continue
    release_hash=$(release_value "$release_name" configuration_hash)
    is_release_whole "$release_name" || release_hash=edited
    # never edited, so the directory's own time is when it was pushed, by this host's clock
    fact release "$release_name $(state_value "$release_name" status) $release_hash $(stat -c %Y "$(release_path "$release_name")") $(state_value "$release_name" seq)"
  done
}

# database.fault=REASON and database.next=REMEDY, where the server has not this host's data.
database_facts() (
  database_fault || {
    fact database.fault "$FAILED_REASON"
    fact database.next "$FAILED_NEXT"
  }
)

# prefixed_lines PREFIX FILE
prefixed_lines() {
  [ -r "$2" ] || return 0
  while IFS= read -r prefixed_line || [ -n "$prefixed_line" ]; do
    printf '%s%s\n' "$1" "$prefixed_line"
  done <"$2"
}

container_facts() {
  container_ids=$(engine ps -aq --no-trunc --filter "label=app=$APP_NAME" 2>/dev/null) || return 0
  [ -n "$container_ids" ] || return 0
  # shellcheck disable=SC2086 # one argument an id
  engine inspect --format 'container={"service":{{json (index .Config.Labels "service")}},"slot":{{json (index .Config.Labels "slot")}},"release":{{json (index .Config.Labels "release")}},"fingerprint":{{json (index .Config.Labels "fingerprint")}},"state":{{json .State.Status}},"health":{{if .State.Health}}{{json .State.Health.Status}}{{else}}""{{end}}}' \
    $container_ids 2>/dev/null || true # one that went meanwhile is left out
}
