# Tell which system this is, without deciding anything: the workstation does that.
#
# Parameters: none.
# Output:     facts arch, os_release (a line each, raw), os_fallback (FILE:FIRST LINE), clock, tools.missing.
# Exit codes: none of its own.

os_facts() {
  fact arch "$(uname -m)"
  os_release_facts "${OS_ROOT:-}"
  fact clock "$(date +%s)"
  fact tools.missing "$(os_missing_tools)"
}

# os_release_facts ROOT: /etc/os-release, /usr/lib/os-release, else what older systems have. ROOT is empty but in tests.
os_release_facts() {
  for os_file in "$1/etc/os-release" "$1/usr/lib/os-release"; do
    [ -r "$os_file" ] || continue
    while IFS= read -r os_line || [ -n "$os_line" ]; do
      printf 'os_release=%s\n' "$os_line"
    done <"$os_file"
    return 0
  done
  for os_file in /etc/centos-release /etc/redhat-release /etc/system-release /etc/alpine-release /etc/debian_version \
    /etc/SuSE-release; do
    [ -r "$1$os_file" ] || continue
    os_line=
    IFS= read -r os_line <"$1$os_file" || [ -n "$os_line" ] || continue
    printf 'os_fallback=%s:%s\n' "$os_file" "$os_line"
  done
}

# os_init: systemd, openrc or none: what starts the engine.
os_init() {
  if [ -d /run/systemd/system ]; then
    echo systemd
  elif [ -d /run/openrc ] || command -v openrc-run >/dev/null 2>&1; then
    echo openrc
  else
    echo none
  fi
}

# The tools that everything here assumes; busybox has them all.
os_missing_tools() {
  os_missing=
  for os_tool in flock timeout head tail mv sync setsid stat sha256sum tar sed df date; do
    command -v "$os_tool" >/dev/null 2>&1 || os_missing="$os_missing $os_tool"
  done
  printf '%s\n' "${os_missing# }"
}
