# Know who we are. Privilege was chosen once, by whoever started the script (root, sudo, or the user as it is).
#
# Parameters: none.
# Output:     facts user, privilege; path.unreadable=WHAT and path.next=REMEDY where this user may not look.
# Exit codes: 1 this user may nothing here (privilege_require).

# Once, because the answer cannot change and is asked for often.
privilege_find() { OUR_UID=$(id -u); }

# privilege: root, sudo, docker (may speak to the engine) or none.
privilege() {
  if [ "$OUR_UID" = 0 ]; then
    if [ -n "${SUDO_UID:-}" ]; then echo sudo; else echo root; fi
  elif engine_answers || is_in_docker_group; then
    echo docker
  else
    echo none
  fi
}

# Also while the engine does not run: then that is the fault, and not the right.
is_in_docker_group() { id -nG 2>/dev/null | tr ' ' '\n' | grep -qx docker; }

# privilege_require: a user without any right is told both ways to get one; a directory alone would not help.
privilege_require() {
  [ "$(privilege)" = none ] || return 0
  privilege_user=$(id -un 2>/dev/null || id -u)
  refuse 1 "$privilege_user is neither root, nor allowed \`sudo -n\`, nor in the group docker" \
    "echo '$privilege_user ALL=(ALL) NOPASSWD: ALL' | sudo tee /etc/sudoers.d/$privilege_user  (without requiretty), or usermod -aG docker $privilege_user and a DEPLOYMENT_PATH that $privilege_user may write"
}

# require_readable: what may not be read is not nothing. Refuses with who may, and the way.
require_readable() {
  readable_path=$(unreadable)
  [ -z "$readable_path" ] || refuse 1 "$(unreadable_text "$readable_path")" "$(unreadable_next)"
}

# unreadable: the first of what every reading task looks into that this user may not read; nothing when all may be read.
unreadable() {
  [ "$OUR_UID" != 0 ] || return 0
  unreadable_above=$(existing_parent "$DEPLOYMENT_PATH")
  if [ ! -x "$unreadable_above" ]; then
    printf '%s\n' "$unreadable_above"
    return
  fi
  for unreadable_one in '' /releases /slots /active /history.jsonl; do
    [ -e "$DEPLOYMENT_PATH$unreadable_one" ] && [ ! -r "$DEPLOYMENT_PATH$unreadable_one" ] || continue
    printf '%s\n' "$DEPLOYMENT_PATH$unreadable_one"
    return
  done
}

# unreadable_text PATH: who may not, and who may: its owner, root, and its group where that has the bits.
unreadable_text() {
  unreadable_who=$(stat -L -c %U "$1")
  [ "$unreadable_who" = root ] || unreadable_who="$unreadable_who and root"
  case $(stat -L -c %A "$1") in d???r?[xs]* | -???r*) unreadable_who="$unreadable_who, and the group $(stat -L -c %G "$1")," ;; esac
  printf '%s may not read %s; %s may\n' "$(id -un 2>/dev/null || id -u)" "$1" "$unreadable_who"
}

unreadable_next() {
  printf 'sudo chown -R %s:%s %s   (on the host) gives it to this user; or log in as who may, or allow this user sudo without a password\n' \
    "$(id -u)" "$(id -g)" "$DEPLOYMENT_PATH"
}

privilege_facts() {
  fact user "${SUDO_USER:-$(id -un 2>/dev/null || id -u)}"
  fact privilege "$(privilege)"
  privilege_path=$(unreadable)
  [ -z "$privilege_path" ] || {
    fact path.unreadable "$(unreadable_text "$privilege_path")"
    fact path.next "$(unreadable_next)"
  }
}
