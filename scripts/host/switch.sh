# Change what is served: the link slots/active, and nothing else. No reload, no signal, no container.
#
# Parameters: DEPLOYMENT_PATH, HTTP_PORT, HTTPS_PORT, ENABLE_HTTPS, HEALTH_RETRIES; the release's image.backend.
# Output:     none.
# Exit codes: a function returns 1.

# served_slot: blue, green or none.
served_slot() {
  case $(readlink "$DEPLOYMENT_PATH/slots/active" 2>/dev/null) in
  blue) echo blue ;;
  green) echo green ;;
  *) echo none ;;
  esac
}

other_slot() { if [ "$1" = blue ]; then echo green; else echo blue; fi; }

# switch_to blue|green|none
switch_to() {
  if [ "$1" = none ]; then
    rm -f "$DEPLOYMENT_PATH/slots/active" && flush "$DEPLOYMENT_PATH/slots"
  else
    link_to "$1" "$DEPLOYMENT_PATH/slots/active"
  fi
}

public_url() {
  if [ "$ENABLE_HTTPS" = true ]; then
    printf 'https://127.0.0.1:%s%s\n' "$HTTPS_PORT" "$1"
  else
    printf 'http://127.0.0.1:%s%s\n' "$HTTP_PORT" "$1"
  fi
}

# public_release RELEASE PATH: the X-Release of the answer through the published port; a bare host has no HTTP client, so a
# one-shot of the release's backend image asks.
public_release() { public_request "$1" "$(check_path "$2")"; }

# public_request RELEASE PATH: the same as everybody gets it, under maintenance too.
public_request() { request_release host "$1" "$(public_url "$2")"; }

# request_release NETWORK RELEASE URL: the X-Release of the answer, or what went wrong.
request_release() { request_run "$1" "$2" --print-header X-Release "$3"; }

# request_run NETWORK RELEASE WORD...: asked by the release's backend image (containers/backend/request).
request_run() {
  request_network=$1 request_image=$(release_value "$2" image.backend)
  shift 2
  answer_of engine_quietly run --rm --network "$request_network" --read-only --cap-drop ALL --security-opt no-new-privileges --pids-limit 64 --memory 256m \
    --pull never --log-driver none --label "app=$APP_NAME" --label service=request --label slot=none --user "$API_USER_UID:$API_USER_GID" \
    --entrypoint /usr/local/bin/request "$request_image" "$@"
}

# public_wait RELEASE: the published port answers with this release.
public_wait() {
  public_try=0
  backoff_start
  while :; do
    public_said=$(public_release "$1" /health) && [ "$public_said" = "$1" ] && break
    public_try=$((public_try + 1))
    tried "$(public_url /health), $public_try times" "$(last_said "$public_said")"
    ! container_fault platform edge || return 1
    if [ $public_try -ge "$HEALTH_RETRIES" ] || ! backoff; then
      blame edge "the published port does not answer with release $1"
      return
    fi
  done
  ! is_maintenance || public_closed
}

# public_closed: under maintenance; an edge of before there was such a thing shows everybody the application.
public_closed() {
  is_closed && return 0
  [ -z "$CLOSED_SAID" ] || {
    blame edge "maintenance is on, and it could not be seen that everybody gets its page: $CLOSED_SAID"
    return
  }
  blame edge "maintenance is on, and the edge of this release does not know it: it would show everybody the application" \
    "fab -H HOST maintenance --off, when everybody may see it"
}
