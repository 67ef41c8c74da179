# Install Docker and Compose with this host's package manager, and start the engine. What is there already is left alone.
#
# Which packages is decided by whoever starts this (tasks/core/installation.py); nothing here knows a distribution.
#
# Parameters: PACKAGE_MANAGER (apt-get; others are refused), PACKAGES (those to install; empty: only start the engine),
#             DOCKER_REPOSITORY, DOCKER_KEY (docker_repository.sh), DOCKER_USER (who joins the group docker; empty: nobody),
#             BY_HAND (what to type instead), PACKAGE_WAIT, PROGRESS_SECONDS (packages.sh), APT_ROOT (empty but in tests).
# Output:     log=PATH of the package manager's whole output, beside the task's log; installed=PACKAGE VERSION (repeated); started=systemd|openrc|session; group=USER; packages.sh's.
# Exit codes: 0 the engine answers; 1 failed, said what and put back; 3 a package manager that is not served yet.

install_docker() {
  : "${PACKAGE_MANAGER:=}" "${PACKAGES:=}" "${DOCKER_REPOSITORY:=}" "${DOCKER_USER:=}" "${BY_HAND:=}"
  : "${DOCKER_KEY:=}" "${PACKAGE_WAIT:=300}" "${PROGRESS_SECONDS:=4}" "${APT_ROOT:=}"
  : "${ENGINE_LOG:=$APT_ROOT/var/log/dockerd.log}"
  [ -z "$PACKAGES" ] || install_is_served
  [ "$OUR_UID" = 0 ] || refuse 1 "installing Docker needs root, and $(our_name) may not sudo without a password" \
    "log in as root, or allow it: $(allow_sudo)"
  deployment_path_make
  install_log
  # dpkg's scripts and dockerd make what others read; a login over SSH may lack the places of programs for root.
  umask 022
  PATH=$PATH:/usr/sbin:/sbin
  [ -z "$PACKAGES" ] || apt_all
  engine_group
  engine_answers || engine_start
  engine_enabled
  [ -z "$DOCKER_USER" ] || install_group
}

# engine_group: a package that was cut off may have made none, and then docker.socket does not start.
engine_group() {
  ! has_docker_group || return 0
  groupadd --system docker 2>/dev/null || addgroup -S docker || refuse 1 "the group docker is missing and cannot be made" "groupadd --system docker, on the host"
  say 'made the group docker, which was missing'
}

# engine_enabled: what answers now must do so after a restart too.
engine_enabled() {
  [ "$(os_init)" = systemd ] || return 0
  ! systemctl is-enabled --quiet docker.service 2>/dev/null 9>&- || return 0
  logged 'systemctl enable docker' systemctl enable docker.service || warn "Docker does not start at boot: systemctl enable docker, on the host"
}

install_is_served() {
  case $PACKAGE_MANAGER in
  apt-get) ;;
  *) refuse 3 "Docker is installed by hand for now where packages come by ${PACKAGE_MANAGER:-another package manager}; nothing was changed" "$BY_HAND" ;;
  esac
}

install_log() {
  operation_join install
  [ -n "$LOG_FILE" ] || log_open || refuse 1 "no log can be begun in $log_directory: no space or no inodes are left there" "on the host: df -h $log_directory; df -i $log_directory"
  INSTALL_LOG=${LOG_FILE%.log}.output
  : >>"$INSTALL_LOG"
  chmod 0640 "$INSTALL_LOG"
  own "$INSTALL_LOG"
  fact log "$INSTALL_LOG"
}

install_group() {
  case " $(id -nG "$DOCKER_USER") " in *' docker '*) return 0 ;; esac
  usermod -aG docker "$DOCKER_USER" || refuse 1 "usermod -aG docker $DOCKER_USER failed"
  # Only this command has made it so far, for the lock: as root's, it would keep the user out who is to deploy.
  [ -e "$DEPLOYMENT_PATH/releases" ] || [ "$(path_owner)" != root ] || chown -R "$DOCKER_USER:" "$DEPLOYMENT_PATH"
  fact group "$DOCKER_USER"
}

# engine_start: by the init system that runs, else in a session of its own.
engine_start() {
  case $(os_init) in
  systemd)
    logged 'systemctl enable --now docker' systemctl enable --now docker || engine_failed 'systemctl enable --now docker' $?
    engine_started systemd
    ;;
  openrc)
    logged 'rc-update add docker' rc-update add docker default || engine_failed 'rc-update add docker' $?
    logged 'rc-service docker start' rc-service docker start || engine_failed 'rc-service docker start' $?
    engine_started openrc
    ;;
  *) engine_start_session ;;
  esac
}

# A pid file that a dead host has left may name somebody else by now, and then the engine does not start.
engine_start_session() {
  for engine_pid in "$APT_ROOT/run/docker.pid" "$APT_ROOT/run/docker/containerd/containerd.pid"; do
    case $(cat "/proc/$(cat "$engine_pid" 2>/dev/null || echo none)/comm" 2>/dev/null) in
    dockerd | containerd) ;;
    *) rm -f "$engine_pid" ;;
    esac
  done
  say 'starting dockerd'
  setsid dockerd </dev/null >>"$ENGINE_LOG" 2>&1 9>&- &
  ENGINE_PID=$!
  engine_started session
  warn "no init system runs here: after a restart of this host, start the engine with: setsid dockerd >>$ENGINE_LOG 2>&1 </dev/null &"
}

# engine_started HOW: wait until it answers.
engine_started() {
  read_clock && engine_since=$CLOCK engine_signed=$CLOCK
  until engine_answers; do
    read_clock
    [ $((CLOCK - engine_since)) -lt 60000 ] || engine_failed "start of Docker ($1)" "no answer for 60 s"
    [ -z "${ENGINE_PID:-}" ] || kill -0 "$ENGINE_PID" 2>/dev/null || engine_failed dockerd "ended"
    if [ $((CLOCK - engine_signed)) -ge $((PROGRESS_SECONDS * 1000)) ]; then
      engine_signed=$CLOCK
      say "waiting for Docker to answer: $(((CLOCK - engine_since) / 1000)) s"
    fi
    sleep 0.2 9>&-
  done
  fact started "$1"
}

# engine_failed COMMAND CODE: packages stay, because the next try starts where this one ended.
engine_failed() {
  if [ -n "${ENGINE_PID:-}" ]; then
    failed_output=$(tail -n 20 "$ENGINE_LOG")
  elif [ -d /run/systemd/system ]; then
    failed_output=$(journalctl -u docker -n 20 --no-pager -o cat 2>/dev/null)
  else
    failed_output=$(logged_output | tail -n 20)
  fi
  failed_tell "$1" "$2"
  failed_why=$(engine_misconfigured "$failed_output")
  fact failed.why "$failed_why"
  [ -z "$failed_why" ] || refuse 1 "Docker is installed, but does not start: $failed_why" "$(engine_mend "$failed_why")"
  refuse 1 "Docker is installed, but does not start" "mend what it says; start it on the host: systemctl start docker (or dockerd); then the same again"
}

# Facts for whoever decides: whether an engine is there at all, and whose packages; who is in the group docker; which of the
# packages a dpkg that was killed has left half way (they count as missing: their set-up has not run, whatever answers); and
# where something is missing, candidate.PACKAGE: what the package manager would install, as far as its lists know.
install_facts() {
  install_daemon=no
  for install_place in /usr/bin /usr/sbin /usr/local/bin /usr/local/sbin /snap/bin; do
    [ ! -x "${OS_ROOT:-}$install_place/dockerd" ] || install_daemon=yes
  done
  ! command -v dockerd >/dev/null 2>&1 || install_daemon=yes
  # Debian has the command in a package of its own, which the engine's only recommends.
  command -v docker >/dev/null 2>&1 || [ -x "${OS_ROOT:-}/snap/bin/docker" ] || install_daemon=no
  fact docker.installed "$install_daemon"
  case " $(id -nG "${SUDO_USER:-$(our_name)}" 2>/dev/null) " in
  *' docker '*) fact docker.group yes ;;
  *) fact docker.group no ;;
  esac
  install_unfinished=
  ! command -v dpkg-query >/dev/null || install_unfinished=$(packages_unfinished)
  [ -z "$install_unfinished" ] || fact packages.unfinished "$install_unfinished"
  [ -z "$install_unfinished" ] && [ "$install_daemon" = yes ] && [ -n "${COMPOSE_VERSION:-}" ] || install_candidates
}

install_candidates() {
  [ -n "${COMPOSE_VERSION:-}" ] || fact compose.v1 "$(docker-compose version --short 2>/dev/null </dev/null 9>&- || true)"
  command -v dpkg-query >/dev/null || return 0
  fact docker.package "$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' docker-ce docker.io 2>/dev/null 9>&- | sed -n 's/^i. *//p' | head -n 1)"
  apt-cache policy docker.io docker-ce docker-compose docker-compose-v2 docker-compose-plugin 2>/dev/null 9>&- |
    sed -n -e 's/^\([a-z].*\):$/\1/;t keep' -e '/^  Candidate: (/d' -e '/^  Candidate: /{s///;G;s/\(.*\)\n\(.*\)/candidate.\2=\1/p;}' -e d -e ': keep' -e h
}
