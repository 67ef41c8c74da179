# Tell all that the workstation needs to know, in one go; change nothing, start nothing.
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
  release_facts
  port_facts
  ! command -v docker >/dev/null 2>&1 || {
    image_facts
    container_facts
    volume_facts
  }
  lock_facts
}

# disk=MOUNT FREE_KIB FREE_INODES, for the deployment's directory and the engine's.
disk_facts() {
  disk_done=
  for disk_path in "$(existing_parent "$DEPLOYMENT_PATH")" "$(existing_parent "${DOCKER_ROOT:-/}")"; do
    disk_line=$(df -Pk "$disk_path" 2>/dev/null | sed -n '$s/^.* \([0-9-][0-9-]*\)  *[0-9-]*%  *\(.*\)$/\1 \2/p')
    [ -n "$disk_line" ] || continue
    disk_mount=${disk_line#* }
    case "$disk_done" in *"|$disk_mount|"*) continue ;; esac
    disk_done="$disk_done|$disk_mount|"
    fact disk "$disk_mount ${disk_line%% *} $(df -Pi "$disk_path" 2>/dev/null | sed -n '$s/^.* \([0-9-][0-9-]*\)  *[0-9-]*%  *.*$/\1/p')"
  done
}

existing_parent() {
  parent=$1
  while [ ! -d "$parent" ]; do
    parent=${parent%/*}
    [ -n "$parent" ] || parent=/
  done
  printf '%s\n' "$parent"
}

path_facts() {
  if [ -d "$DEPLOYMENT_PATH" ]; then
    fact path present
    fact path.owner "$(stat -c '%U %u:%g' "$DEPLOYMENT_PATH")"
    path_try=$DEPLOYMENT_PATH
  else
    fact path missing
    fact path.owner ''
    path_try=$(existing_parent "$DEPLOYMENT_PATH")
  fi
  if [ -w "$path_try" ]; then fact path.writable yes; else fact path.writable no; fi
}

release_facts() {
  fact link "$(served_slot)"
  prefixed_lines active. "$DEPLOYMENT_PATH/active"
  prefixed_lines active_facts= "$(release_path "$(active_value release)")/release.facts"
  prefixed_lines journal. "$DEPLOYMENT_PATH/activation"
  prefixed_lines identity. "$DEPLOYMENT_PATH/identity"
  for release_directory in "$DEPLOYMENT_PATH"/releases/*/; do
    [ -f "$release_directory/release.facts" ] || continue
    release_directory=${release_directory%/}
    release_name=${release_directory##*/}
    release_hash=$(value_of "$release_directory/release.facts" configuration_hash)
    # never edited, so the directory's own time is when it was pushed, by this host's clock
    fact release "$release_name $(state_value "$release_name" status) $release_hash $(stat -c %Y "$release_directory")"
  done
}

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
  engine inspect --format 'container={"service":{{json (index .Config.Labels "service")}},"slot":{{json (index .Config.Labels "slot")}},"release":{{json (index .Config.Labels "release")}},"fingerprint":{{json (index .Config.Labels "fingerprint")}},"state":{{json .State.Status}},"health":{{if .State.Health}}{{json .State.Health.Status}}{{else}}""{{end}},"image":{{json .Config.Image}},"id":{{json .ID}}}' \
    $container_ids 2>/dev/null || true
}
