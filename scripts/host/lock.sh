# One changer at a time: flock on DEPLOYMENT_PATH/lock, by descriptor 9.
#
# The lock is as long as the descriptor is open in some process, so a killed holder or a reboot frees it. Hence every child
# but the activation is started with 9>&-: a daemon that inherited it would keep the lock.
#
# Parameters: DEPLOYMENT_PATH, TASK, OPERATOR.
# Output:     fact lock=free | held WHO | unknown.
# Exit codes: 1 the directory cannot be made; 4 somebody else holds the lock.

# deployment_path_make: the only change before the lock.
deployment_path_make() {
  case $DEPLOYMENT_PATH in
  /?*) ;;
  *) refuse 1 "DEPLOYMENT_PATH must be an absolute path: $DEPLOYMENT_PATH" ;;
  esac
  if [ ! -d "$DEPLOYMENT_PATH" ]; then
    (umask 022 && mkdir -p "${DEPLOYMENT_PATH%/*}/") 2>/dev/null && mkdir -m 0750 "$DEPLOYMENT_PATH" 2>/dev/null || [ -d "$DEPLOYMENT_PATH" ] || {
      privilege_require
      require_readable
      refuse 1 "cannot make $DEPLOYMENT_PATH as $(id -un 2>/dev/null || id -u)" \
        "sudo install -d -m 0750 -o $(id -u) -g $(id -g) $DEPLOYMENT_PATH   (on the host), or allow this user sudo without a password"
    }
  fi
  [ -w "$DEPLOYMENT_PATH" ] || {
    privilege_require
    refuse 1 "$DEPLOYMENT_PATH belongs to $(stat -L -c %U "$DEPLOYMENT_PATH"), and $(id -un 2>/dev/null || id -u) may not write there" \
      "sudo chown -R $(id -u):$(id -g) $DEPLOYMENT_PATH   (on the host), or allow this user sudo without a password"
  }
}

# lock_take: opens descriptor 9 and holds the lock, or ends with exit code 4.
# A reader that asks whether the lock is free holds it, shared, for an instant: hence more than one try.
lock_take() {
  [ -e "$DEPLOYMENT_PATH/lock" ] || { : >>"$DEPLOYMENT_PATH/lock" && own "$DEPLOYMENT_PATH/lock"; }
  [ -w "$DEPLOYMENT_PATH/lock" ] || refuse 1 "cannot write $DEPLOYMENT_PATH/lock"
  exec 9>>"$DEPLOYMENT_PATH/lock"
  lock_try=1
  until flock -n 9; do
    [ "$lock_try" -lt 5 ] || lock_refuse
    lock_try=$((lock_try + 1))
    sleep 0.1 9>&-
  done
  printf 'operator=%s task=%s since=%s pid=%s\n' "$(one_line "$OPERATOR")" "$TASK" "$(now)" "$$" >"$DEPLOYMENT_PATH/lock"
}

# locked COMMAND [ARGUMENT...]: under the lock, once what was cut off is put right: a task without a workstation.
locked() {
  deployment_path_make
  lock_take
  recover 9>&-
  stray_check 9>&-
  "$@"
}

lock_refuse() {
  lock_holder=$(head -n 1 "$DEPLOYMENT_PATH/lock" 9>&-)
  fact holder "$lock_holder"
  refuse 4 "locked: another task is changing this host: ${lock_holder:-unknown}" "wait until it has ended, then try again"
}

# Read-only, and shared: two who ask do not disturb each other.
lock_facts() {
  if [ -d "$DEPLOYMENT_PATH" ] && [ ! -x "$DEPLOYMENT_PATH" ]; then
    fact lock 'unknown (may not be read)'
  elif [ ! -r "$DEPLOYMENT_PATH/lock" ] || { flock -n -s 8; } 8<"$DEPLOYMENT_PATH/lock"; then
    fact lock free
  else
    fact lock "held $(head -n 1 "$DEPLOYMENT_PATH/lock" 9>&-)"
  fi
}
