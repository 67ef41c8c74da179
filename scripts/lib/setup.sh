# shellcheck shell=sh
# Shared by scripts/demo, scripts/test and .ci/run: a machine and a checkout with all that they need.
#
# Usage: cd to the repository's root, then . scripts/lib/setup.sh
#
# Every step says what it does, does only what is missing, and says how long that took. What was not there before is
# written down in LEDGER, one line a thing ("package git", "path DIRECTORY/.venv", "image lab/node:debian"), so that it can be undone.
#
# Settings (environment):
#   LEDGER   file to write down what was made  [none]

ROOT=$(pwd)
LEDGER=${LEDGER:-/dev/null}
LAB_HOME=${LAB_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/deploy-lab}
VENV=$ROOT/.venv
PATH=$VENV/bin:$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH LAB_HOME

say() { printf '%s\n' "$*" >&2; }
die() { say "$(basename "$0"): $*" && exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

now() { date +%s; }

# Kept when a script starts again (see join_docker_group).
SETUP_BEGAN=${SETUP_BEGAN:-$(now)}
export SETUP_BEGAN

# step WHAT COMMAND...: announces, runs, and says how long it took; the command's failure ends the script.
step() {
  what=$1 && shift
  began=$(now)
  say "== $what"
  "$@" || die "$what: failed (exit code $?), see above; run $0 again when the cause is gone"
  say "   $(($(now) - began)) s"
}

record() { grep -qxF -e "$*" "$LEDGER" 2>/dev/null || printf '%s\n' "$*" >>"$LEDGER"; }

# missing_packages PACKAGE...: those which dpkg does not know as installed.
missing_packages() {
  for package; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s\n' "$package"
  done
}

installed_packages() { dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p' | sort; }

# recording_packages COMMAND...: writes down every package that the command added, dependencies too.
recording_packages() {
  before=$(mktemp)
  installed_packages >"$before"
  result=0
  "$@" || result=$?
  for package in $(installed_packages | comm -13 "$before" -); do record package "$package"; done
  rm -f "$before"
  return "$result"
}

apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o Dpkg::Use-Pty=0 install -qq -y --no-install-recommends "$@" >/dev/null
}

apt_install_fresh() {
  apt_install "$@" 2>/dev/null || { as_root apt-get update -qq && apt_install "$@"; }
}

# ensure_packages PACKAGE...
ensure_packages() {
  command -v dpkg-query >/dev/null || die "this script installs packages on Debian and Ubuntu only; install what tests/lab/README.md lists"
  # shellcheck disable=SC2046 # package names
  set -- $(missing_packages "$@")
  [ $# -gt 0 ] || return 0
  say "   installing with apt: $*"
  recording_packages apt_install_fresh "$@"
}

is_good_python() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# find_python: prints the first Python that is new enough and able to make environments.
find_python() {
  for python in python3 /usr/bin/python3 python3.14 python3.13 python3.12 python3.11; do
    if is_good_python "$python"; then
      printf '%s\n' "$python"
      return
    fi
  done
  return 1
}

# Ubuntu 22.04's python3 is 3.10; its python3.11 is a package of its own.
ensure_python() {
  find_python >/dev/null && return
  ensure_packages python3 python3-venv
  find_python >/dev/null || ensure_packages python3.11 python3.11-venv || true
  find_python >/dev/null || die "needs Python 3.11 or newer with the module venv; python3 here is $(python3 --version)"
}

ensure_basics() {
  ensure_packages ca-certificates git openssh-client util-linux
  ensure_python
}

# stamp_of LOCK: what an environment made from it is known by.
stamp_of() { { cat "$1" && "$(find_python)" --version; } | sha256sum | cut -d ' ' -f 1; }

is_installed() { [ "$(cat "$VENV/installed-$1" 2>/dev/null)" = "$(stamp_of "$1")" ]; }

# On a machine whose programs trust a certificate of its own, pip has to be told.
trust_for_pip() {
  [ -n "${PIP_CERT:-}" ] || [ -z "${SSL_CERT_FILE:-}" ] || export PIP_CERT="$SSL_CERT_FILE"
}

# An environment whose Python is gone or another one is of no use; a moved checkout's neither.
is_usable_venv() {
  [ "$("$VENV/bin/python" --version 2>/dev/null)" = "$("$(find_python)" --version)" ] &&
    head -n 1 "$VENV/bin/pip" 2>/dev/null | grep -qF "$VENV/bin/python"
}

# install_venv LOCK: fills .venv from the lock; what is there already is kept.
install_venv() {
  is_installed "$1" && return
  [ ! -d "$VENV" ] || is_usable_venv || rm -rf "$VENV"
  [ -d "$VENV" ] || record "path $VENV"
  say "   pip installs $(grep -c '==' "$1") Python packages from $1, and says nothing meanwhile (20 to 90 s)"
  [ -x "$VENV/bin/python" ] || "$(find_python)" -m venv "$VENV"
  trust_for_pip
  "$VENV/bin/python" -m pip install -q --disable-pip-version-check --require-hashes --only-binary :all: -r "$1" >&2 || return
  for lock in requirements.lock "$1"; do stamp_of "$lock" >"$VENV/installed-$lock"; done
}

# ensure_venv LOCK: two scripts at a time wait for each other.
ensure_venv() {
  mkdir -p "$ROOT/.deploy"
  (
    flock 8
    install_venv "$1"
  ) 8>"$ROOT/.deploy/setup.lock"
}

# The test tools that npm has (bats, dclint), from their lock, reachable as .venv/bin/NAME like the others.
ensure_npm_tools() {
  tools=$ROOT/tests/tools
  stamp=$(sha256sum "$tools/package-lock.json" | cut -d ' ' -f 1)
  if [ "$(cat "$tools/node_modules/.stamp" 2>/dev/null)" != "$stamp" ]; then
    say "   installing bats and dclint from tests/tools/package-lock.json"
    (cd "$tools" && npm ci --silent --no-audit --no-fund --ignore-scripts >&2) || return
    printf '%s\n' "$stamp" >"$tools/node_modules/.stamp"
  fi
  ln -sf "$tools/node_modules/bats/bin/bats" "$tools/node_modules/.bin/dclint" "$VENV/bin/"
}

# ensure_engine: an engine that answers *this* user. Somebody who is not in the group docker is added, and the script
# starts again under `sg docker`: a group joined now counts only for new logins.
ensure_engine() {
  docker version >/dev/null 2>&1 || as_root docker version >/dev/null 2>&1 || record engine
  recording_packages tests/lab/engine || return
}

join_docker_group() {
  docker version >/dev/null 2>&1 && return
  [ -z "${SETUP_JOINED:-}" ] || die "the engine does not answer user $(id -un): see docker version"
  as_root docker version >/dev/null 2>&1 || die "no engine answers: see sudo docker version"
  say "   adding $(id -un) to the group docker (from the next login on: docker without sudo)"
  as_root usermod -aG docker "$(id -un)" && record group "$(id -un)"
  SETUP_JOINED=yes && export SETUP_JOINED
  quoted=$(for each in "$0" "$@"; do printf "'%s' " "$(printf '%s' "$each" | sed "s/'/'\\\\''/g")"; done)
  exec sg docker -c "$quoted"
}

# ensure_base_images TAG...
ensure_base_images() {
  for tag; do
    docker image inspect "lab/$tag" >/dev/null 2>&1 || record "image lab/$tag"
  done
  recording_packages tests/lab/base-images "$@" >&2
}

# The base images of an ordinary deployment in the lab, and what they stand on.
# shellcheck disable=SC2034 # the scripts use it
BASE_IMAGES='debian:trixie debian:bookworm node:debian nginx:debian postgres:15-debian'
