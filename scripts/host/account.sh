# Look whether an account of this host has the number that the backend runs as: its processes could read the backend's environment
# and files, and end it.
#
# Parameters: API_USER_UID.
# Output:     facts account, account.free.
# Exit codes: 0.

# Where accounts are listed, beside what getent knows.
ACCOUNT_FILE=${ACCOUNT_FILE:-/etc/passwd}

# account=NAME: who has the number and could log in, unless it is who deploys, or may do all that root may anyway;
# account.free=NUMBER: one that nobody has.
account_facts() {
  account_line=$(account_of "$API_USER_UID")
  account_name=${account_line%%:*}
  [ -n "$account_name" ] && [ "$account_name" != "${SUDO_USER:-$(our_name)}" ] || return 0
  case ${account_line##*:} in */nologin | */false) return 0 ;; esac
  case " $(id -nG "$account_name" 2>/dev/null) " in *' docker '* | *' sudo '* | *' wheel '*) return 0 ;; esac
  fact account "$account_name"
  account_free=2001
  while [ -n "$(account_of "$account_free")" ]; do account_free=$((account_free + 1)); done
  fact account.free "$account_free"
}

# account_of NUMBER: its line of passwd(5); nothing where nobody has it.
account_of() {
  { getent passwd "$1" 2>/dev/null || sed -n "/^[^:]*:[^:]*:$1:/p" "$ACCOUNT_FILE"; } | head -n 1
}
