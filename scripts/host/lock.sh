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
      refuse 1 "$(path_obstacle)" "$(path_next)"
    }
  fi
  owner_check
}

# owner_check: nothing is in the way of this user. What root was killed over, or somebody has made by hand, is; but an empty directory
# goes, and the next step makes it again.
owner_check() {
  owner_found=$(path_obstacle remove)
  [ -z "$owner_found" ] || {
    privilege_require
    refuse 1 "$owner_found" "$(path_next)"
  }
}

# path_obstacle [remove]: the first thing in DEPLOYMENT_PATH that keeps this user from writing there, and why; nothing where all is well.
# Empty directories are none; `remove` takes them away. The lock stays, whoever has made it: it may be held.
path_obstacle() {
  [ "$OUR_UID" != 0 ] || return 0
  if [ ! -d "$DEPLOYMENT_PATH" ]; then
    [ -w "$(existing_parent "$DEPLOYMENT_PATH")" ] || printf 'cannot make %s as %s\n' "$DEPLOYMENT_PATH" "$(our_name)"
    return 0
  fi
  for obstacle in '' /lock /releases /slots /slots/blue /slots/green /cache /cache/assets /backups /logs; do
    obstacle=$DEPLOYMENT_PATH$obstacle obstacle_what='write there'
    if [ "$obstacle" = "$DEPLOYMENT_PATH" ] && [ -w "$obstacle" ]; then
      ! is_owner || continue
      obstacle_what='own what is written there: the others could not go on with it'
    elif [ ! -e "$obstacle" ] || [ -w "$obstacle" ] || is_empty "$obstacle" "${1:-}"; then
      continue
    fi
    printf '%s belongs to %s, and %s may not %s\n' "$obstacle" "$(stat -L -c %U "$obstacle")" "$(our_name)" "$obstacle_what"
    return 0
  done
}

# is_empty PATH [remove]: a directory below ours with nothing in it.
is_empty() {
  [ "$1" != "$DEPLOYMENT_PATH" ] && [ -r "$1" ] && [ -d "$1" ] && [ -z "$(ls -A "$1")" ] || return 1
  [ "${2:-}" != remove ] || rmdir "$1" 2>/dev/null
}

# lock_take: opens descriptor 9 and holds the lock, or ends with exit code 4.
# A reader that asks whether the lock is free holds it, shared, for an instant: hence more than one try.
lock_take() {
  [ -e "$DEPLOYMENT_PATH/lock" ] || lock_make
  [ -w "$DEPLOYMENT_PATH/lock" ] || owner_check
  exec 9>>"$DEPLOYMENT_PATH/lock"
  lock_try=1
  until flock -n 9; do
    [ "$lock_try" -lt 5 ] || lock_refuse
    lock_try=$((lock_try + 1))
    sleep 0.1 9>&-
  done
  LOCK_SINCE=$(now)
  lock_write
}

lock_write() {
  printf 'operator=%s task=%s since=%s%s pid=%s\n' "$(one_line "$OPERATOR")" "$TASK" "$LOCK_SINCE" "${LOG_FILE:+ log=$LOG_FILE}" "$$" >"$DEPLOYMENT_PATH/lock"
}

# lock_log: the log of the task that holds the lock; nothing when nobody does.
lock_log() {
  [ -r "$DEPLOYMENT_PATH/lock" ] && ! { flock -n -s 8; } 8<"$DEPLOYMENT_PATH/lock" || return 0
  sed -n 's/^operator=.* since=[^ ]* log=\(.*\) pid=[0-9]*$/\1/p' "$DEPLOYMENT_PATH/lock"
}

# lock_make: it appears with its owner, or not at all. By a link: a rename would take the place of a lock that another task has
# made meanwhile, and holds.
lock_make() {
  lock_new=$DEPLOYMENT_PATH/.lock.$$.new
  rm -f "$lock_new" && : >"$lock_new" && own "$lock_new"
  ln "$lock_new" "$DEPLOYMENT_PATH/lock" 2>/dev/null || [ -e "$DEPLOYMENT_PATH/lock" ] ||
    { : >>"$DEPLOYMENT_PATH/lock" && own "$DEPLOYMENT_PATH/lock"; } # a file system without hard links
  rm -f "$lock_new"
}

# locked COMMAND [ARGUMENT...]: under the lock, once what was cut off is put right: a task without a workstation.
locked() {
  deployment_path_make
  lock_take
  operation_begin
  own_leftovers 9>&-
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
