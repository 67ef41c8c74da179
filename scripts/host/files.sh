# Write files so that a kill or a power cut at any point leaves the old content or the new, never half of one.
#
# Parameters: DEPLOYMENT_PATH (its owner gets what is written).
# Output:     none, but for value_of.
# Exit codes: a function that fails returns 1; callers run under set -e or check.

# replace PATH: standard input becomes the file's content, by rename, after it is on the disk.
replace() {
  replace_new=${1%/*}/.${1##*/}.new
  rm -f "$replace_new" # one that was cut off may be another user's
  if cat >"$replace_new" && own "$replace_new" && flush "$replace_new" && mv -T "$replace_new" "$1"; then
    flush "${1%/*}"
    return
  fi
  rm -f "$replace_new"
  return 1
}

# flush PATH: on the disk when this returns: fsync of that file or directory (`sync FILE`: coreutils 8.24, busybox 1.29);
# a sync that knows no operands writes everything. syncfs (-f) would also wait for all that the engine has just written.
flush() {
  sync "$1" 2>/dev/null || sync
}

# link_to TARGET PATH: a relative symlink, swapped by rename (`ln -sfn` removes first, and for a moment there is none).
link_to() {
  link_new=${2%/*}/.${2##*/}.new
  rm -f "$link_new" || return 1
  ln -s "$1" "$link_new" || return 1
  own "$link_new" || return 1
  mv -T "$link_new" "$2" || return 1
  flush "${2%/*}"
}

# ensure_directory PATH MODE: make it, or set its mode; the owner is the one of DEPLOYMENT_PATH. It appears with both, or not
# at all: one that root was killed over would keep everyone else out. An empty one that is not ours to write is made again.
ensure_directory() {
  [ ! -d "$1" ] || [ -w "$1" ] || rmdir "$1" 2>/dev/null || true # what has files stays as it is
  if [ ! -d "$1" ]; then
    ensure_new=${1%/*}/.${1##*/}.$$.new
    (umask 022 && mkdir -p "${1%/*}") && mkdir "$ensure_new" && chmod "$2" "$ensure_new" && own "$ensure_new" && mv -T "$ensure_new" "$1"
  elif [ "$(stat -c %a "$1")" != "${2#0}" ]; then
    chmod "$2" "$1"
  fi
}

# own PATH...: give what root has written to the owner of DEPLOYMENT_PATH. Anyone else can only be that owner already.
own() {
  is_handed_over || return 0
  chown -R -h "$OWNER" "$@"
}

# is_handed_over: whether what we write belongs to somebody else; sets OWNER.
is_handed_over() {
  [ "$OUR_UID" = 0 ] || return 1
  [ -n "${OWNER:-}" ] || OWNER=$(stat -L -c %u:%g "$DEPLOYMENT_PATH")
  [ "$OWNER" != 0:0 ]
}

# own_leftovers: what root was killed over before it could hand it on, mended by root's next task. A slot's socket is uid 101's.
own_leftovers() {
  is_handed_over || return 0
  find "$DEPLOYMENT_PATH" -xdev -user 0 ! -type s -exec chown -h "$OWNER" {} +
}

# is_owner: whether what we write below DEPLOYMENT_PATH belongs to its owner; a right to write alone would not do that.
is_owner() { [ "$OUR_UID" = 0 ] || [ "$(stat -L -c %u "$DEPLOYMENT_PATH")" = "$OUR_UID" ]; }

# physical DIRECTORY: where it is, without links; as it was given when it is not there.
physical() { (cd -P "$1" 2>/dev/null && pwd -P) || printf '%s\n' "$1"; }

# value_of FILE KEY: the value of a key=value line, or nothing.
value_of() {
  [ -f "$1" ] || return 0
  while IFS= read -r value_line || [ -n "$value_line" ]; do
    case $value_line in
    "$2="*)
      printf '%s\n' "${value_line#*=}"
      return 0
      ;;
    esac
  done <"$1"
}

# same_content A B: without cmp, which a minimal host may lack.
same_content() {
  [ -f "$1" ] && [ -f "$2" ] && [ "$(sha256sum <"$1")" = "$(sha256sum <"$2")" ]
}
