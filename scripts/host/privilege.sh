# Know who we are. Privilege was chosen once, by whoever started the script (root, sudo, or the user as it is).
#
# Parameters: none.
# Output:     facts user, uid, privilege.
# Exit codes: none of its own.

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

privilege_facts() {
  fact user "${SUDO_USER:-$(id -un 2>/dev/null || id -u)}"
  fact uid "$OUR_UID"
  fact privilege "$(privilege)"
}
