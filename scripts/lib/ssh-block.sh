# shellcheck shell=sh
# One marked block in ~/.ssh/config, so that ssh, fab and every other tool finds a host of the lab by its name.
# A block and no `Include`: not every reader of that file (paramiko is one) knows Include.
#
# Usage: . scripts/lib/ssh-block.sh; then add_ssh_block NAME ADDRESS LAB_HOME, or remove_ssh_block NAME

SSH_CONFIG=$HOME/.ssh/config

begin_line() { printf '# >>> %s: made by scripts/demo, removed by scripts/demo --down >>>\n' "$1"; }
end_line() { printf '# <<< %s <<<\n' "$1"; }

# without_block NAME: the file as the user has it, byte for byte.
without_block() {
  [ ! -f "$SSH_CONFIG" ] || awk -v begin="$(begin_line "$1")" -v end="$(end_line "$1")" '
    $0 == begin { inside = 1 }
    !inside
    $0 == end { inside = 0 }' "$SSH_CONFIG"
}

defines_host() {
  without_block "$1" | awk -v name="$1" 'tolower($1) == "host" { for (i = 2; i <= NF; i++) if ($i == name) found = 1 } END { exit !found }'
}

# Written through the existing file: it may be a link into somebody's dotfiles, and keeps its mode.
write_ssh_config() {
  (umask 077 && mkdir -p "$HOME/.ssh" && cat "$1" >"$SSH_CONFIG")
  rm -f "$1"
}

# First in the file: for ssh the first value found wins, and a `Host *` of the user's may come early.
add_ssh_block() {
  [ -e "$HOME/.ssh" ] || record "directory $HOME/.ssh"
  block=$(mktemp)
  {
    begin_line "$1"
    printf 'Host %s\n  HostName %s\n  User deployer\n  IdentityFile %s\n  IdentitiesOnly yes\n  UserKnownHostsFile %s\n' \
      "$1" "$2" "$3/id_ed25519" "$3/known_hosts"
    end_line "$1"
    without_block "$1"
  } >"$block"
  write_ssh_config "$block"
}

# A file that held nothing else goes as well.
remove_ssh_block() {
  grep -qxF -e "$(begin_line "$1")" "$SSH_CONFIG" 2>/dev/null || return 0
  rest=$(mktemp)
  without_block "$1" >"$rest"
  if [ -s "$rest" ]; then
    write_ssh_config "$rest"
  else
    rm -f "$rest" "$SSH_CONFIG"
  fi
}
