# Know who we are. Privilege was chosen once, by whoever started the script (root, sudo, or the user as it is).
#
# Parameters: none.
# Output:     facts user, privilege, and privilege.next=REMEDY where root's right is lacking; path.unreadable=WHAT where this user
#             may not look.
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

# A package of Docker's makes it: before, nobody can be put into it.
has_docker_group() { grep -q '^docker:' "${APT_ROOT:-}/etc/group"; }

# privilege_require: a directory alone would not help a user without any right.
privilege_require() {
  [ "$(privilege)" = none ] || return 0
  refuse 1 "$(our_name) is neither root, nor allowed \`sudo -n\`, nor in the group docker" "$(privilege_next none)"
}

our_name() { id -un 2>/dev/null || id -u; }

# allow_sudo: the command that lets this user do everything without a password.
allow_sudo() { printf "echo '%s ALL=(ALL) NOPASSWD: ALL' | sudo tee /etc/sudoers.d/%s  (on the host, without requiretty)" "$(our_name)" "$(our_name)"; }

# privilege_next docker|none: each way in which a user with that right gets the one that is lacking. Below DEPLOYMENT_PATH all is its
# owner's, so the group docker is a way only for that owner.
privilege_next() {
  privilege_group="usermod -aG docker $(our_name) and a DEPLOYMENT_PATH that $(our_name) may write"
  if [ "$1" = docker ]; then
    printf '%s, or have an administrator do it\n' "$(allow_sudo)"
  elif path_is_another_s; then
    printf '%s, or log in as %s, who deploys here\n' "$(allow_sudo)" "$(path_owner)"
  elif has_docker_group; then
    printf '%s, or %s\n' "$(allow_sudo)" "$privilege_group"
  else
    printf '%s, or, once an administrator has installed Docker, %s\n' "$(allow_sudo)" "$privilege_group"
  fi
}

# path_owner: of DEPLOYMENT_PATH; nothing where it is not there, or cannot be seen.
path_owner() { stat -L -c %U "$DEPLOYMENT_PATH" 2>/dev/null || :; }

# path_is_another_s: neither this user's nor root's, who may write there whoever has it.
path_is_another_s() { case $(path_owner) in '' | root | "$(our_name)") return 1 ;; esac }

# path_next: how this user gets to read and write in DEPLOYMENT_PATH. Never by taking it from a user who deploys there.
path_next() {
  if [ "$(privilege)" = none ]; then # the directory alone would not help
    privilege_next none
    return
  elif path_is_another_s; then
    path_way="log in as $(path_owner), who deploys here"
  elif [ -n "$(path_owner)" ]; then
    path_way="sudo chown -R $(id -u):$(id -g) $DEPLOYMENT_PATH   (on the host) gives it to $(our_name)"
  elif path_above=$(existing_parent "$DEPLOYMENT_PATH") && [ -x "$path_above" ]; then
    path_way="sudo install -d -m 0750 -o $(id -u) -g $(id -g) $DEPLOYMENT_PATH   (on the host)"
  else
    path_way="log in as $(stat -L -c %U "$path_above"), who may read $path_above"
  fi
  printf '%s; or %s\n' "$path_way" "$(allow_sudo)"
}

# require_readable: what may not be read is not nothing. Refuses with who may, and the way.
require_readable() {
  readable_path=$(unreadable)
  [ -z "$readable_path" ] || refuse 1 "$(unreadable_text "$readable_path")" "$(path_next)"
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
  printf '%s may not read %s; %s may\n' "$(our_name)" "$1" "$unreadable_who"
}

privilege_facts() {
  fact user "${SUDO_USER:-$(our_name)}"
  privilege_found=$(privilege)
  fact privilege "$privilege_found"
  [ "$OUR_UID" = 0 ] || fact privilege.next "$(privilege_next "$privilege_found")"
  privilege_path=$(unreadable)
  [ -z "$privilege_path" ] || fact path.unreadable "$(unreadable_text "$privilege_path")"
}
