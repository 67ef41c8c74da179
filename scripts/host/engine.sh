# Speak to the engine. Everything that runs docker goes through `engine`, `engine_within`, or one of `compose_…`.
#
# Parameters: APP_NAME, DEPLOYMENT_PATH.
# Output:     facts docker.*, compose.version.
# Exit codes: docker's own.

# compose takes these from its callers, and never from the environment.
COMPOSE_WITHIN='' COMPOSE_DATA='' COMPOSE_SOCKET=''

# engine_quietly ARGUMENT...: docker; it never reads the command stream, and never gets the lock.
# For callers that take its standard error as data too; `engine` is the same, and shown in verbose mode.
engine_quietly() { docker "$@" </dev/null 9>&-; }

# engine_within SECONDS ARGUMENT...: as engine_quietly; what hangs is given up (exit code 124; busybox 143).
engine_within() {
  engine_patience=$1
  shift
  timeout "$engine_patience" docker "$@" </dev/null 9>&-
}

engine() {
  is_verbose || {
    engine_quietly "$@"
    return
  }
  read_clock && engine_began=$CLOCK engine_code=0
  engine_quietly "$@" || engine_code=$?
  read_clock && say "+ docker $* (exit $engine_code, $((CLOCK - engine_began)) ms)"
  return "$engine_code"
}

# Exit code 0 is not enough: `docker info` also ends so when the server did not let us in.
engine_answers() { [ -n "$(engine info --format '{{.ServerVersion}}' 2>/dev/null)" ]; }

# compose PROJECT SLOT ARGUMENT...: in the release's directory, with the environment cleared: a variable of the caller's
# would win over the release's .env. COMPOSE_WITHIN: seconds it may take; COMPOSE_DATA, COMPOSE_SOCKET: volumes to use instead.
compose() {
  compose_project=$1 compose_slot=$2
  shift 2
  ${COMPOSE_WITHIN:+timeout "$COMPOSE_WITHIN"} env -i PATH="$PATH" HOME="${HOME:-/}" LC_ALL=C SLOT="$compose_slot" \
    ${COMPOSE_DATA:+DATA_VOLUME="$COMPOSE_DATA"} ${COMPOSE_SOCKET:+SOCKET_VOLUME="$COMPOSE_SOCKET"} ${DOCKER_HOST:+DOCKER_HOST="$DOCKER_HOST"} \
    ${DOCKER_CONFIG:+DOCKER_CONFIG="$DOCKER_CONFIG"} ${DOCKER_CONTEXT:+DOCKER_CONTEXT="$DOCKER_CONTEXT"} \
    docker compose --ansi never --progress plain -p "$compose_project" --env-file .env "$@" </dev/null 9>&-
}

# compose_slot RELEASE SLOT ARGUMENT...
compose_slot() (
  cd "$(release_path "$1")" || exit 1
  slot_called=$2
  shift 2
  compose "$APP_NAME-$slot_called" "$slot_called" -f docker-compose.yml -f app.env.json "$@"
)

# compose_platform RELEASE ARGUMENT...
compose_platform() { compose_project "$APP_NAME" "$@"; }

# compose_project PROJECT RELEASE ARGUMENT...: the platform's files.
compose_project() (
  cd "$(release_path "$2")" || exit 1
  project_called=$1
  shift 2
  if [ -f https.yml ]; then
    compose "$project_called" platform -f platform.yml -f https.yml "$@"
  else
    compose "$project_called" platform -f platform.yml "$@"
  fi
)

# containers_of SLOT [FORMAT]: ids (or what the format says) of our containers in blue, green or platform, running or not.
containers_of() {
  containers_format=${2:-}
  [ -n "$containers_format" ] || containers_format='{{.ID}}'
  engine ps -a --no-trunc --filter "label=app=$APP_NAME" --filter "label=slot=$1" --format "$containers_format"
}

# container_of SLOT SERVICE: the id of one running service's container, or nothing. One-shots have their own service name.
container_of() {
  engine ps --no-trunc --filter "label=app=$APP_NAME" --filter "label=slot=$1" --filter "label=service=$2" \
    --format '{{.ID}}' | head -n 1
}

# answer_of COMMAND...: what it says on both outputs, but for the engine's own warnings: where the kernel cannot limit swap, every
# `docker run` with a memory limit has one.
answer_of() {
  answer_code=0
  answer_said=$("$@" 2>&1) || answer_code=$?
  [ -z "$answer_said" ] || printf '%s\n' "$answer_said" | sed '/^WARNING: /d'
  return $answer_code
}

# engine_error: why it does not answer; that it cannot start with its configuration before that it does not run.
engine_error() {
  error_said=$(engine_quietly info --format '{{.ID}}' 2>&1 | sed '/^$/d' | head -n 1)
  case $error_said in *'permission denied'*) ;; *) error_said=$(engine_misconfigured "$(engine_validate)" | grep . || printf '%s\n' "$error_said") ;; esac
  printf '%s\n' "$error_said"
}

# engine_validate: what the daemon says of its configuration. It starts nothing; Docker 23 is the first that can be asked so.
engine_validate() { PATH=$PATH:/usr/sbin:/usr/local/sbin dockerd --validate 2>&1 </dev/null 9>&- || true; } # its complaint is what is wanted

# engine_misconfigured TEXT: of the daemon's own lines, the one that names the file and what is wrong with it; or nothing.
engine_misconfigured() { printf '%s\n' "$1" | sed -n 's/^.*\(unable to configure the Docker daemon with file \)/\1/p' | tail -n 1; }

# engine_mend LINE: the next step, for such a line.
engine_mend() {
  mend_file=${1#*with file }
  printf 'mend %s on the host, then the same again\n' "${mend_file%%: *}"
}

# engine_refuse: for a command that cannot do without the engine, and found it silent.
engine_refuse() {
  command -v docker >/dev/null 2>&1 || refuse 1 "Docker is not installed on this host" "fab -H HOST install-docker"
  engine_said=$(engine_error)
  case $engine_said in
  'unable to configure '*) refuse 1 "Docker does not start: $engine_said" "$(engine_mend "$engine_said")" ;;
  *'permission denied'*) refuse 1 "$engine_said" "the same with sudo, or as a user in the group docker" ;;
  *) refuse 1 "Docker does not answer: $engine_said" "systemctl start docker   (or dockerd), on the host" ;;
  esac
}

engine_facts() {
  if ! command -v docker >/dev/null 2>&1; then
    fact docker.version ''
    fact docker.error 'docker: not installed'
    fact compose.version ''
    return 0
  fi
  engine_said=$(engine info --format "{{.ServerVersion}}|{{.DockerRootDir}}|{{.Driver}}|{{json .DriverStatus}}|{{json .SecurityOptions}}" 2>/dev/null) ||
    engine_said=
  case $engine_said in
  '' | '|'* | '<'*)
    fact docker.version ''
    fact docker.error "$(engine_error)"
    ;;
  *) engine_info_facts "$engine_said" ;;
  esac
  COMPOSE_VERSION=$(engine compose version --short 2>/dev/null || true) # none is an answer too
  fact compose.version "$COMPOSE_VERSION"
}

# engine_info_facts VERSION|ROOT|DRIVER|STATUS|SECURITY
engine_info_facts() {
  fact docker.version "${1%%|*}"
  engine_rest=${1#*|}
  DOCKER_ROOT=${engine_rest%%|*}
  engine_rest=${engine_rest#*|}
  fact docker.error ''
  fact docker.root "$DOCKER_ROOT"
  case $engine_rest in
  *io.containerd.snapshotter*) fact docker.store containerd ;;
  *) fact docker.store "${engine_rest%%|*}" ;;
  esac
  case $engine_rest in *name=rootless*) fact docker.rootless yes ;; *) fact docker.rootless no ;; esac
}
