# Take back the packages that a failed installation has brought, and no others.
#
# Which those are is what dpkg has told about our own runs of it (--status-logger in packages.sh): packages that were not there
# and that it began to install. Another person's come by another dpkg, however long ours has waited for the lock. One that is
# not as our dpkg left it, or that somebody has asked for by name since, is left; so is what others need: dpkg refuses that.
#
# Nothing is purged where there may be something to lose: configuration files that were there before, or the engine's data (a
# purge of docker.io removes /var/lib/docker).
#
# Parameters: PACKAGES, INSTALL_LOG; APT_ROOT (empty but in tests).
# Output:     put_back=WHAT BECAME OF THEM (repeated).
# Exit codes: none of its own: what cannot be taken back is named.

# put_back_prepare: before the first package manager is started. Sets PACKAGE_LOG.
put_back_prepare() {
  PACKAGE_LOG=$INSTALL_LOG.packages
  : >"$PACKAGE_LOG"
  own "$PACKAGE_LOG"
  PUT_BACK_BY=--purge
  for put_back_data in docker containerd; do
    [ -z "$(ls -A "$APT_ROOT/var/lib/$put_back_data" 2>/dev/null)" ] || PUT_BACK_BY=--remove
  done
  PUT_BACK_CONFIGURED=$(dpkg-query -W -f '${db:Status-Abbrev} ${binary:Package}\n' 2>/dev/null 9>&- | sed -n 's/^.c. *//p')
}

put_back() {
  docker_repository_remove
  { put_back_came=$(put_back_ours); } 3>&1
  rm -f "$PACKAGE_LOG"
  put_back_with "$PUT_BACK_BY" "$(printf '%s\n' "$put_back_came" | grep -vxF -e "$PUT_BACK_CONFIGURED" || true)"
  put_back_with --remove "$(printf '%s\n' "$put_back_came" | grep -xF -e "${PUT_BACK_CONFIGURED:-.}" || true)"
}

# put_back_with --purge|--remove PACKAGES, a line each.
put_back_with() {
  [ -n "$2" ] || return 0
  # shellcheck disable=SC2046,SC2086 # one argument a package
  dpkg_waiting "$1" $2 || true
  put_back_gone='' put_back_left=''
  for put_back_package in $2; do
    case $(put_back_status "$put_back_package") in
    '' | not-installed* | config-files*) put_back_gone="$put_back_gone $put_back_package" ;;
    *) put_back_left="$put_back_left $put_back_package" ;;
    esac
  done
  [ -z "$put_back_gone" ] || fact put_back "removed again:$put_back_gone"
  [ -z "$put_back_left" ] || fact put_back "left, because others need it or dpkg could not remove it:$put_back_left"
}

# put_back_ours: a line a package.
put_back_ours() {
  put_back_manual=$(apt-mark showmanual 2>/dev/null 9>&-) || put_back_manual=
  sed -n 's/^processing: install: //p' "$PACKAGE_LOG" | sort -u | while IFS= read -r put_back_package; do
    case $(put_back_status "$put_back_package") in '' | not-installed* | config-files*) continue ;; esac
    if is_put_back_ours "$put_back_package"; then
      printf '%s\n' "$put_back_package"
    else
      fact put_back "left, because another has changed it since: $put_back_package" >&3
    fi
  done
}

# is_put_back_ours PACKAGE[:ARCHITECTURE]: status and version are still those that our dpkg has told.
is_put_back_ours() {
  put_back_name=${1%%:*}
  put_back_told=$(sed -n -e "s/^status: $1: //p" "$PACKAGE_LOG" | tail -n 1)
  put_back_version=$(sed -n "s/^Unpacking $1 (\([^)]*\)).*/\1/p" "$INSTALL_LOG" | tail -n 1)
  case $(put_back_status "$1") in "$put_back_told $put_back_version" | "$put_back_told ") ;; *) return 1 ;; esac
  case " $PACKAGES ca-certificates " in *" $put_back_name "*) return 0 ;; esac
  ! printf '%s\n' "$put_back_manual" | grep -qxF -e "$put_back_name" -e "$1"
}

# put_back_status PACKAGE: STATUS VERSION, or nothing when it is not known.
put_back_status() {
  dpkg-query -W -f '${Status} ${Version}\n' "$1" 2>/dev/null 9>&- | sed -n '1s/^[^ ]* [^ ]* //p'
}
