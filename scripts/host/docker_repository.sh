# Use Docker's own package repository, where the distribution's engine or Compose is too old.
#
# Nothing but apt's own tools is assumed: a minimal host has neither curl nor gpg. The repository's key is taken only if
# it is the one key in its file, and its fingerprint is the expected one.
#
# Parameters: DOCKER_REPOSITORY (`URL SUITE COMPONENT`, or empty), DOCKER_KEY (fingerprint, 40 hexadecimal digits).
# Output:     none of its own.
# Exit codes: 1 the repository cannot be reached, or shows another key; nothing of it is left.

docker_repository_add() {
  # Somebody has set it up already: theirs, and not ours to remove.
  ! grep -qrs download.docker.com "$APT_ROOT/etc/apt/sources.list" "$APT_ROOT/etc/apt/sources.list.d" || return 0
  command -v update-ca-certificates >/dev/null || apt_install ca-certificates ||
    package_failed 'apt-get install -y ca-certificates' $?
  repository_url=${DOCKER_REPOSITORY%% *}
  REPOSITORY_KEY=$APT_ROOT/etc/apt/keyrings/docker.asc REPOSITORY_LIST=$APT_ROOT/etc/apt/sources.list.d/docker.list
  mkdir -p "$APT_ROOT/etc/apt/keyrings"
  logged "fetching $repository_url/gpg" "$APT_ROOT/usr/lib/apt/apt-helper" -o Acquire::Retries=1 -o APT::Sandbox::User=root \
    download-file "$repository_url/gpg" "$REPOSITORY_KEY.new" ||
    package_failed "apt-helper download-file $repository_url/gpg" $?
  repository_key_check "$REPOSITORY_KEY.new"
  chmod 644 "$REPOSITORY_KEY.new" && mv "$REPOSITORY_KEY.new" "$REPOSITORY_KEY"
  printf 'deb [arch=%s signed-by=%s] %s\n' "$(dpkg --print-architecture)" "$REPOSITORY_KEY" "$DOCKER_REPOSITORY" >"$REPOSITORY_LIST"
  chmod 644 "$REPOSITORY_LIST"
  apt_update
}

repository_key_check() {
  repository_found=$(openpgp_fingerprint "$1")
  [ "$repository_found" = "$DOCKER_KEY" ] && return
  printf '%s\n' "fingerprint found: ${repository_found:-none}, expected: $DOCKER_KEY" >>"$INSTALL_LOG"
  package_failed "compare the key's fingerprint" 1
}

docker_repository_remove() {
  [ -n "${REPOSITORY_LIST:-}" ] || return 0
  rm -f "$REPOSITORY_LIST" "$REPOSITORY_KEY" "$REPOSITORY_KEY.new" "$REPOSITORY_KEY.new.FAILED"
}

# openpgp_fingerprint FILE: of the only primary key in an armoured file; nothing when it is not exactly one.
# RFC 9580, 4.2 (packets) and 5.5.4.2: SHA-1 over 0x99, two bytes of length, and the packet's content, which for a
# packet with an old-style two-byte length (as GnuPG writes keys) is the packet as it stands.
openpgp_fingerprint() {
  openpgp_binary=$(sed -e '1,/^[[:space:]]*$/d' -e '/^[=-]/,$d' "$1" | base64 -d 2>/dev/null | od -An -v -tu1 | tr -s '\n' ' ')
  [ "$(grep -c -e '-----BEGIN' "$1")" = 1 ] || return 0
  # shellcheck disable=SC2086 # one number a byte
  openpgp_keys $openpgp_binary || return 0
  [ "$openpgp_primaries" = 1 ] && [ "$openpgp_at" = 0 ] || return 0
  sed -e '1,/^[[:space:]]*$/d' -e '/^[=-]/,$d' "$1" | base64 -d | head -c "$openpgp_bytes" | sha1sum |
    cut -c 1-40 | tr 'a-f' 'A-F'
}

# openpgp_keys BYTE...: count the primary keys (tag 6); where the first stands, and how long it is.
openpgp_keys() {
  openpgp_primaries=0 openpgp_at='' openpgp_bytes=0 openpgp_passed=0
  while [ $# -gt 3 ]; do
    openpgp_size=0
    if [ "$1" -ge 192 ]; then
      openpgp_tag=$(($1 - 192))
      if [ "$2" -lt 192 ]; then
        openpgp_size=$((2 + $2))
      elif [ "$2" -lt 224 ]; then
        openpgp_size=$((3 + ($2 - 192) * 256 + $3 + 192))
      fi
    else
      [ "$1" -ge 128 ] || return 1
      openpgp_tag=$((($1 - 128) / 4))
      case $(($1 % 4)) in
      0) openpgp_size=$((2 + $2)) ;;
      1) openpgp_size=$((3 + $2 * 256 + $3)) ;;
      esac
    fi
    [ "$openpgp_size" -gt 0 ] && [ "$openpgp_size" -le $# ] || return 1
    if [ "$openpgp_tag" = 6 ]; then
      openpgp_primaries=$((openpgp_primaries + 1))
      [ "$1" = 153 ] || return 1
      openpgp_at=${openpgp_at:-$openpgp_passed}
      [ "$openpgp_primaries" -gt 1 ] || openpgp_bytes=$openpgp_size
    fi
    openpgp_passed=$((openpgp_passed + openpgp_size))
    shift "$openpgp_size"
  done
}
