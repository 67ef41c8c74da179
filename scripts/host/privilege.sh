# Know who we are. Privilege was chosen once, by whoever started the script (root, sudo, or the user as it is).
#
# Parameters: none.
# Output:     facts user, privilege.
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

# require_readable: what may not be read is not nothing.
require_readable() {
  [ ! -d "$DEPLOYMENT_PATH" ] || { [ -r "$DEPLOYMENT_PATH" ] && [ -x "$DEPLOYMENT_PATH" ]; } ||
    refuse 1 "$(id -un 2>/dev/null || id -u) may not read $DEPLOYMENT_PATH" "fab -H HOST doctor says what is missing"
}

privilege_facts() {
  fact user "${SUDO_USER:-$(id -un 2>/dev/null || id -u)}"
  fact privilege "$(privilege)"
}
