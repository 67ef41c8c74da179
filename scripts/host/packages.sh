# Run a package manager without questions: its output goes into a log, and a line about it to the person now and then.
#
# Parameters: PACKAGES, BY_HAND (what to type instead), PACKAGE_WAIT (seconds to wait for another package manager; 300),
#             PROGRESS_SECONDS (between two signs of life; 4).
# Output:     installed=PACKAGE VERSION (repeated); on failure failed.command=, failed.exit=, output= (its last 20 lines).
# Exit codes: 1 a command failed; the packages it had brought are removed again (put_back.sh).

# logged WHAT COMMAND...: in a session of its own, because half an installation is worse than one that nobody watches any
# more. Gives the command's exit code; LOGGED_FROM is where its output begins in the log.
logged() {
  logged_what=$1
  shift
  printf '%s + %s\n' "$(now)" "$*" >>"$INSTALL_LOG"
  LOGGED_FROM=$(($(wc -l <"$INSTALL_LOG") + 1))
  say "$logged_what"
  setsid "$@" </dev/null >>"$INSTALL_LOG" 2>&1 9>&- &
  logged_pid=$! logged_code=0
  read_clock && logged_began=$CLOCK logged_said=$CLOCK
  while kill -0 "$logged_pid" 2>/dev/null; do
    sleep 0.2 9>&-
    read_clock
    [ $((CLOCK - logged_said)) -lt $((PROGRESS_SECONDS * 1000)) ] || logged_sign
  done
  wait "$logged_pid" || logged_code=$?
  return "$logged_code"
}

logged_sign() {
  logged_said=$CLOCK
  say "$logged_what: $(((CLOCK - logged_began) / 1000)) s, $(tail -n 1 "$INSTALL_LOG" | cut -c 1-100)"
}

logged_output() { tail -n "+$LOGGED_FROM" "$INSTALL_LOG"; }

# apt VERB ARGUMENT...: removes nothing that is there (podman-docker, say); waits for the locks of dpkg by itself (apt 1.9.11), and here for those of the lists; first finishes
# what a dpkg that was killed has left, once apt says so (while another dpkg is at work it looks the same).
apt() {
  apt_mended=no
  read_clock && apt_until=$((CLOCK + PACKAGE_WAIT * 1000))
  while :; do
    apt_code=0
    apt_run "$@" || apt_code=$?
    [ "$apt_code" != 0 ] || return 0
    apt_said=$(logged_output)
    case $apt_said in
    *'dpkg was interrupted'*)
      [ "$apt_mended" = no ] || return "$apt_code"
      apt_mended=yes
      dpkg_waiting --configure -a || return $?
      ;;
    *'Unmet dependencies'*)
      [ "$apt_mended" != fixed ] || return "$apt_code"
      apt_mended=fixed
      apt_run install --no-install-recommends --fix-broken || return $?
      ;;
    *'Could not get lock'* | *'Unable to lock'*)
      read_clock
      [ "$CLOCK" -lt "$apt_until" ] || return "$apt_code"
      say "another package manager is at work on this host: waiting for it"
      sleep 2 9>&-
      ;;
    *) return "$apt_code" ;;
    esac
  done
}

apt_run() {
  logged "apt-get $1" env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 APT_LISTCHANGES_FRONTEND=none \
    apt-get -q -y --no-remove -o DPkg::Lock::Timeout="$PACKAGE_WAIT" -o Dpkg::Use-Pty=0 \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
    -o Dpkg::Options::="--status-logger=cat >>'$PACKAGE_LOG'" "$@"
}

# dpkg_waiting ARGUMENT...: dpkg itself waits for nobody.
dpkg_waiting() {
  read_clock && dpkg_until=$((CLOCK + PACKAGE_WAIT * 1000))
  while :; do
    dpkg_code=0
    logged "dpkg $1" env DEBIAN_FRONTEND=noninteractive dpkg --force-confdef --force-confold "$@" || dpkg_code=$?
    [ "$dpkg_code" != 0 ] || return 0
    case $(logged_output) in *'locked by another process'*) ;; *) return "$dpkg_code" ;; esac
    read_clock
    [ "$CLOCK" -lt "$dpkg_until" ] || return "$dpkg_code"
    say "another package manager is at work on this host: waiting for it"
    sleep 2 9>&-
  done
}

# packages_unfinished: those that a killed or failed dpkg has left neither installed nor gone, in one line.
packages_unfinished() {
  dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' 2>/dev/null 9>&- |
    sed -n -e '/^.[nc]/d' -e '/^.i  /d' -e 's/^... *//p' | tr '\n' ' ' | sed 's/ $//'
}

# packages_finish: before anything is asked of apt. What stays so is not always in the way: installing tells.
packages_finish() {
  finish_left=$(packages_unfinished)
  [ -n "$finish_left" ] || return 0
  say "an installation was cut off on this host; finishing it first: $finish_left"
  dpkg_waiting --configure -a || warn "dpkg --configure -a ended with exit code $?"
}

# apt_update: a source that fails is not the end, if the others have what is wanted: installing tells.
apt_update() {
  APT_UPDATED=yes
  apt update || warn "apt-get update ended with exit code $?"
}

apt_knows() {
  for apt_package; do
    apt-cache policy "$apt_package" 2>/dev/null 9>&- | grep -q '^  Candidate: [^(]' || return 1
  done
}

# apt_install PACKAGE...: with the lists as they are; with fresh ones when those do not know it or are out of date.
apt_install() {
  apt_knows "$@" || [ "$APT_UPDATED" = yes ] || apt_update
  apt install --no-install-recommends "$@" && return
  apt_code=$?
  [ "$APT_UPDATED" = no ] || return "$apt_code"
  apt_update
  apt install --no-install-recommends "$@"
}

# apt_all: everything in PACKAGES.
apt_all() {
  APT_UPDATED=no
  put_back_prepare
  packages_finish
  # Where the kernel has AppArmor, the engine needs its program, and only recommends it.
  [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" != Y ] || command -v apparmor_parser >/dev/null ||
    PACKAGES="$PACKAGES apparmor"
  [ -z "$DOCKER_REPOSITORY" ] || docker_repository_add
  # shellcheck disable=SC2086 # one argument a package
  apt_install $PACKAGES || package_failed "apt-get install -y $PACKAGES" $?
  # shellcheck disable=SC2086
  dpkg-query -W -f 'installed=${Package} ${Version}\n' $PACKAGES 9>&-
  rm -f "$PACKAGE_LOG"
}

# package_failed COMMAND CODE: say all that helps, put back what came, and end.
package_failed() {
  # Of all commands: what apt-get install cannot find, an apt-get update before it could not fetch.
  failed_output=$(sed -e '/^[[:space:]]*$/d' -e '/^[0-9TZ:-]* + /d' "$INSTALL_LOG" | tail -n 20)
  failed_tell "$1" "$2"
  put_back
  refuse 1 "the installation failed; all of the output is in $INSTALL_LOG" "$BY_HAND"
}

# failed_tell COMMAND CODE: from failed_output.
failed_tell() {
  fact failed.command "$1"
  fact failed.exit "$2"
  say "failed: $1 (exit code $2)"
  [ -n "$failed_output" ] || return 0
  printf '%s\n' "$failed_output" | sed 's/^/output=/'
  printf '%s\n' "$failed_output" | say_lines '  | '
}
