# Look whether what should serve does: each container of the active release, and the published port. Reads only.
#
# Parameters: APP_NAME, ports, POSTGRES_DB.
# Output:     check=SERVICE healthy|unhealthy MESSAGE, a line a check; database.next=REMEDY where the database is not this host's.
# Exit codes: 0 all healthy; 1 one is not, nothing is deployed, or it may not be read.

verify() {
  require_readable
  VERIFY_CODE=0
  VERIFY_SLOT=$(served_slot) VERIFY_RELEASE=$(active_value release)
  if [ "$VERIFY_SLOT" = none ]; then
    check active unhealthy "nothing is deployed here"
    say "  next: $(next_deployment)"
    return 1
  fi
  verify_ids=$(exec 2>/dev/null && containers_of "$VERIFY_SLOT" && containers_of platform) || {
    check engine unhealthy "$(engine_error)"
    return 1
  }
  VERIFY_FAULT='' VERIFY_FAULTS=$(faults)
  database_fault || {
    VERIFY_FAULT=": $FAILED_REASON"
    fact database.next "$FAILED_NEXT"
  }
  verify_containers
  verify_answers
  ! is_https || verify_certificate
  return $VERIFY_CODE
}

# check SERVICE healthy|unhealthy MESSAGE
check() {
  fact check "$1 $2 $3"
  [ "$2" = healthy ] || VERIFY_CODE=1
}

# What the engine says. `starting` is not yet a verdict: then only the answers below count.
verify_containers() {
  # shellcheck disable=SC2086 # one argument an id
  verify_lines=$([ -z "$verify_ids" ] || engine inspect --format '{{index .Config.Labels "service"}} {{index .Config.Labels "release"}} {{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}' \
    $verify_ids) || verify_lines=
  for verify_service in database backend frontend edge; do
    verify_line=$(printf '%s\n' "$verify_lines" | grep -e "^$verify_service " | head -n 1)
    case $verify_line in
    '') check "$verify_service" unhealthy "it has no container" ;;
    *' running healthy' | *' running starting' | *' running none') verify_release "$verify_service" "$verify_line" ;;
    *' running '*) check "$verify_service" unhealthy "its container is running, and ${verify_line##* }$(verify_fault "$verify_service")" ;;
    *) check "$verify_service" unhealthy "its container is $(printf '%s\n' "${verify_line% *}" | sed 's/.* //')$(verify_fault "$verify_service")" ;;
    esac
  done
}

# verify_release SERVICE LINE: a slot's container belongs to the release that is recorded.
verify_release() {
  verify_why=$(verify_fault "$1")
  if [ -n "$verify_why" ]; then
    check "$1" unhealthy "its container is running$verify_why"
    return 0
  fi
  case $1-$2 in
  frontend-"frontend $VERIFY_RELEASE "* | backend-"backend $VERIFY_RELEASE "* | database-* | edge-*) check "$1" healthy "${2##* running }" ;;
  *) check "$1" unhealthy "it is not of release $VERIFY_RELEASE" ;;
  esac
}

# verify_fault SERVICE: why the database that runs is not this host's, or what runs cannot stay as it is.
verify_fault() {
  case $1$VERIFY_FAULT in
  database?*) printf '%s' "$VERIFY_FAULT" ;;
  *) printf '%s\n' "$VERIFY_FAULTS" | sed -n "s/^$1 it /: it /p" ;;
  esac
}

verify_answers() {
  PROBED=
  if verify_said=$(probe "$VERIFY_SLOT" /health); then
    check slot healthy "/health answers through slot $VERIFY_SLOT"
  else
    check slot unhealthy "/health does not answer through slot $VERIFY_SLOT: $(one_line "$verify_said")"
  fi
  verify_said=$(public_release "$VERIFY_RELEASE" /health) || true
  if [ "$verify_said" = "$VERIFY_RELEASE" ]; then
    check port healthy "$(public_url /health) answers with release $VERIFY_RELEASE"
  else
    check port unhealthy "$(public_url /health) does not answer with release $VERIFY_RELEASE: $(one_line "$verify_said")"
  fi
}

# verify_certificate: the published port presents the certificate that this host has.
verify_certificate() {
  certificate_edge || CERTIFICATE_PORT=
  if [ -z "$CERTIFICATE_PORT" ]; then
    check certificate unhealthy "no edge runs that has HTTPS"
  elif [ -z "$(certificate_value fingerprint)" ]; then
    check certificate unhealthy "$(certificate_record) is gone, so it is not known which is to be presented: fab -H HOST deploy or renew-certs, with CERT_PATH set, writes it"
  elif verify_said=$(certificate_served "$VERIFY_RELEASE") && [ "$verify_said" = "$(certificate_value fingerprint)" ]; then
    check certificate healthy "port $CERTIFICATE_PORT presents it: $(certificate_text)"
  else
    check certificate unhealthy "port $CERTIFICATE_PORT does not present $(certificate_value fingerprint), which this host has: $(one_line "$verify_said")"
  fi
}
