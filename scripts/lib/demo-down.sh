# shellcheck shell=sh
# Take away what scripts/demo has made, by what is written down in LEDGER, and name each thing; what was there before stays.
#
# Usage: . scripts/lib/setup.sh and ssh-block.sh, set NAME, LEDGER and MARK as scripts/demo does, then this file.

has_made() { grep -qxF -e "$1" "$LEDGER" 2>/dev/null; }
made() { [ ! -f "$LEDGER" ] || sed -n "s/^$1 //p" "$LEDGER"; }
keep() { say "stays: $*"; }

remove() {
  rm -rf "$1" && say "removed: $1"
}

remove_files() {
  made settings | while read -r path; do
    if [ "$(head -n 1 "$path" 2>/dev/null)" = "$MARK" ]; then
      remove "$path"
    elif [ -f "$path" ]; then
      keep "$path, its first line says that it is yours"
    fi
  done
  made file | while read -r sum path; do
    [ -f "$path" ] || continue
    if [ "$(sha256sum "$path" | cut -d ' ' -f 1)" = "$sum" ]; then remove "$path"; else keep "$path, you changed it"; fi
  done
}

remove_new_app_images() {
  [ -f "$LEDGER.images" ] || return 0
  # shellcheck disable=SC2046 # image ids
  set -- $(app_images | comm -13 "$LEDGER.images" -)
  [ $# -gt 0 ] || return 0
  if docker rmi -f "$@" >/dev/null; then
    say "removed: $# images of the application, built since the demo began"
  else
    keep "some images of the application: docker images --filter label=app"
  fi
}

# Several rounds: an image that another stands on goes after it.
remove_lab_images() {
  for _ in 1 2 3; do
    for image in $(made image); do
      ! docker rmi "$image" >/dev/null 2>&1 || say "removed: image $image"
    done
  done
}

others() { docker ps -a --filter label=lab.host --format '{{.Label "lab.host"}}' | tr '\n' ' '; }

remove_images() {
  others=$(others)
  if [ -n "$others" ]; then
    keep "images, cache and keys: other hosts of the lab use them ($others)"
    return 0
  fi
  remove_new_app_images
  remove_lab_images
  if has_made engine; then
    ! docker builder prune -af >/dev/null 2>&1 || say "removed: the engine's build cache"
  else
    keep 'the build cache of your engine: docker builder prune'
  fi
}

stop_engine() {
  say "stopping the engine"
  if [ -d /run/systemd/system ]; then
    as_root systemctl stop docker.socket docker
  elif [ -f /var/run/docker.pid ]; then
    pid=$(cat /var/run/docker.pid)
    as_root kill "$pid"
    while as_root kill -0 "$pid" 2>/dev/null; do sleep 0.2; done
  fi
}

remove_host() {
  docker version >/dev/null 2>&1 || return 0
  if docker inspect --type container "lab-$NAME" >/dev/null 2>&1; then
    tests/lab/host down "$NAME"
    say "removed: the host $NAME and its disk"
  fi
  remove_images
  has_made engine || return 0
  if [ -n "$(docker ps -aq)" ]; then keep 'the engine: it has other containers'; else stop_engine; fi
}

remove_paths() {
  for path in $(made path); do
    if [ -f "$path/installed-requirements-test.lock" ]; then
      keep "$path, scripts/test uses it"
    elif [ "$path" = "$LAB_HOME" ] && [ -n "$(ls "$path/hosts" 2>/dev/null)" ]; then
      :
    elif [ -e "$path" ]; then
      remove "$path"
    fi
  done
  [ -d .venv ] || find fabfile.py tasks -name __pycache__ -prune -exec rm -rf {} +
}

# remove_packages yes|no
remove_packages() {
  # shellcheck disable=SC2046 # package names
  set -- "$1" $(made package)
  answer=$1 && shift
  [ $# -gt 0 ] || return 0
  # The engine goes with its data, its sources and its pins.
  places='/etc/apt/sources.list.d/lab.sources /etc/apt/preferences.d/lab'
  case " $* " in *' docker.io '*) places="$places /var/lib/docker /var/lib/containerd" ;; esac
  if [ "$answer" = no ]; then
    keep "packages that the demo installed, something else may rely on them by now: $*"
    say "       scripts/demo --down --all removes them and $places; till then their names are in $LEDGER"
    return 0
  fi
  say "removing $# packages with apt"
  case " $* " in *' docker.io '*) stop_engine ;; esac
  [ -z "$(made group)" ] || as_root gpasswd -d "$(made group)" docker >/dev/null
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o Dpkg::Use-Pty=0 purge -qq -y "$@" >/dev/null
  # shellcheck disable=SC2086 # a list
  as_root rm -rf $places 2>/dev/null || keep "some of $places: it is mounted there"
  sed -i '/^package /d; /^group /d' "$LEDGER"
}

# What is left of it is what stays.
remove_ledger() {
  directories=$(made directory)
  [ ! -f "$LEDGER" ] || sed -i -E '/^(package|group|directory) /!d' "$LEDGER"
  grep -qE '^(package|group) ' "$LEDGER" 2>/dev/null || rm -f "$LEDGER"
  rm -f "$LEDGER.images"
  for path in "$(dirname "$LEDGER")" $directories; do rmdir "$path" 2>/dev/null || true; done
}

remove_ssh_entry() {
  ! grep -qxF -e "$(begin_line "$NAME")" "$SSH_CONFIG" 2>/dev/null || say "removed: the host $NAME from $SSH_CONFIG"
  remove_ssh_block "$NAME"
}
