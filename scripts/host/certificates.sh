# Have the certificate that is wanted served: it is the host's, like its data, and in no release; going back never brings an old one back.
#
# The volume CERTS_VOLUME has a directory a pair (containers/edge/certificates), named after the certificate and its chain, and the
# link `current`, swapped by rename. The edge reads `current` at its start and when it is told to read again (HUP): no container is
# replaced, and no connection is cut. What is wanted: of CERT_PATH=host:/path what is there; else what a workstation has sent
# (DEPLOYMENT_PATH/certificate.new); else what is current.
#
# Whether something is to be done is decided by what is *served*, so a run that was cut off anywhere is finished by the next.
#
# Parameters: APP_NAME, DEPLOYMENT_PATH, CERTS_VOLUME, CERT_PATH (/path on this host, or empty), SERVER_NAMES (commas between them),
#             HEALTH_TIMEOUT; of the release its images.
# Output:     DEPLOYMENT_PATH/certificate: schema, pair, fingerprint (SHA-256), names, not_after (epoch), until, installed, source.
#             renew-certs: changed=yes|no, and these; receive-certificate: received=PAIR; facts certificate.KEY.
# Exit codes: a function returns 1, with `blame` (failure.sh); renew-certs and receive-certificate: 1 refused, what was served is served.

# Seconds that the engine may take for a one-shot.
CERTIFICATE_PATIENCE=${CERTIFICATE_PATIENCE:-60}

# Days before its end at which a certificate is worth a warning.
CERTIFICATE_DAYS=30

certificate_record() { printf '%s/certificate\n' "$DEPLOYMENT_PATH"; }
certificate_staged() { printf '%s/certificate.new\n' "$DEPLOYMENT_PATH"; }
certificate_value() { value_of "$(certificate_record)" "$1"; }

# certificate_fingerprint FILE: SHA-256 of the first certificate's DER; nothing where there is none.
certificate_fingerprint() {
  fingerprint_text=$(sed -n '/-----BEGIN CERTIFICATE-----/,/-----END CERTIFICATE-----/p' "$1" 2>/dev/null | sed '/-----END/q' | tr -d '\r')
  [ -n "$fingerprint_text" ] || return 0
  fingerprint_sum=$(printf '%s\n' "$fingerprint_text" | sed '/-----/d' | base64 -d 2>/dev/null | sha256sum)
  printf '%s\n' "${fingerprint_sum%% *}"
}

file_sum() {
  sum_line=$(sha256sum <"$1")
  printf '%s\n' "${sum_line%% *}"
}

# certificate_pair DIRECTORY: the name of the pair that is there, 16 digits of the certificate and 8 of the chain: the same certificate
# with another chain is another pair. Nothing where there is no certificate, or it may not be read.
certificate_pair() {
  [ -r "$1/fullchain.pem" ] || return 0
  pair_certificate=$(certificate_fingerprint "$1/fullchain.pem") pair_chain=$(file_sum "$1/fullchain.pem")
  [ -z "$pair_certificate" ] || printf '%.16s-%.8s\n' "$pair_certificate" "$pair_chain"
}

# certificate_receive PAIR: a tar of the two files on standard input, after `ready`: whole, or not at all.
certificate_receive() {
  deployment_path_make
  operation_join push
  receive_part=$DEPLOYMENT_PATH/.certificate.$$.new
  rm -rf "$receive_part"
  mkdir -m 0700 "$receive_part"
  trap 'rm -rf "$receive_part"' EXIT
  trap 'exit 1' HUP INT TERM PIPE
  printf 'ready\n'
  (umask 077 && tar -xof - -C "$receive_part" 9>&-) || refuse 1 "the certificate did not arrive whole (tar ended early)" "fab -H HOST renew-certs, or deploy again"
  [ -n "$1" ] && [ -f "$receive_part/privkey.pem" ] && [ "$(certificate_pair "$receive_part")" = "$1" ] ||
    refuse 1 "the certificate that came is not the one that was announced: its files were changed meanwhile" "the same again"
  certificate_stage "$receive_part"
  trap - EXIT
  fact received "$1"
  record "certificate $1 is here"
}

# certificate_stage DIRECTORY: in the place of what was there.
certificate_stage() {
  chmod 0600 "$1/fullchain.pem" "$1/privkey.pem" && own "$1" && flush "$1/privkey.pem" && flush "$1/fullchain.pem" || return 1
  rm -rf "$(certificate_staged)" && mv -T "$1" "$(certificate_staged)" && flush "$DEPLOYMENT_PATH"
}

# certificate_take: a copy of what CERT_PATH has, so that what is looked at is what is served; links are followed.
certificate_take() {
  certificate_readable || return 1
  take_part=$DEPLOYMENT_PATH/.certificate.$$.new
  rm -rf "$take_part" && mkdir -m 0700 "$take_part" || return 1
  if (umask 077 && cat "$CERT_PATH/fullchain.pem" >"$take_part/fullchain.pem" && cat "$CERT_PATH/privkey.pem" >"$take_part/privkey.pem") 2>/dev/null; then
    certificate_stage "$take_part"
    return
  fi
  rm -rf "$take_part"
  blame edge "the files in $CERT_PATH could not be copied to $DEPLOYMENT_PATH"
}

# certificate_readable: both files of CERT_PATH can be read, and the key not by everybody.
certificate_readable() {
  for certificate_file in "$CERT_PATH/fullchain.pem" "$CERT_PATH/privkey.pem"; do
    [ ! -r "$certificate_file" ] || continue
    if [ "$OUR_UID" = 0 ]; then
      blame edge "CERT_PATH is host:$CERT_PATH, and $certificate_file is not there" "set CERT_PATH to the directory of the host that has fullchain.pem and privkey.pem"
    else
      blame edge "$(our_name) may not read $certificate_file, or it is not there; root may" \
        "on the host: sudo $DEPLOYMENT_PATH/current/bin/host.sh renew-certs; or, so that deployments may, too: $(allow_sudo)"
    fi
    return
  done
  case $(stat -L -c %a "$CERT_PATH/privkey.pem") in
  *0) ;;
  *) blame edge "$CERT_PATH/privkey.pem can be read or written by everybody on this host" "on the host: chmod 600 $CERT_PATH/privkey.pem" ;;
  esac
}

# is_https_wanted: of the release that these parameters are.
is_https_wanted() { [ "$ENABLE_HTTPS" = true ]; }

# certificates_ensure RELEASE: sets CERTIFICATE_CHANGED=yes|no. What is new is looked at first; what is refused is not kept.
certificates_ensure() {
  CERTIFICATE_CHANGED=no
  certificate_edge || return 1
  ! certificate_stays || CERT_PATH=''
  certificate_wanted=$(certificate_pair "${CERT_PATH:-$(certificate_staged)}")
  ! certificate_stays || is_current "$1" "$certificate_wanted" || certificate_wanted=''
  [ -z "$CERT_PATH" ] || [ -n "$certificate_wanted" ] || certificate_readable || return 1
  if [ -z "$certificate_wanted" ] && [ -n "$CERT_PATH" ]; then
    blame edge "$CERT_PATH/fullchain.pem has no certificate" "set CERT_PATH to the directory of the host that has fullchain.pem and privkey.pem"
    return
  fi
  if certificate_is_served "$1"; then
    [ -n "$CERT_PATH" ] || [ -z "$certificate_wanted" ] || rm -rf "$(certificate_staged)"
    certificate_warn
    return 0
  fi
  if [ -z "$certificate_wanted" ]; then
    certificate_again "$1"
  else
    [ -z "$CERT_PATH" ] || certificate_take || return 1
    certificate_install "$1"
  fi
}

# certificate_stays: going back, or starting anew, takes none from the CERT_PATH of that release: it may be older, or gone by now; nor one
# that was sent and never served, but to finish what was cut off.
certificate_stays() { case ${J_TASK:-} in rollback | restart) [ -n "$(certificate_value pair)" ] ;; *) return 1 ;; esac }

# certificate_edge: the edge that runs, and its HTTPS port: none where it has none.
certificate_edge() {
  CERTIFICATE_PORT='' CERTIFICATE_EDGE=$(container_of platform edge) || return 1
  [ -z "$CERTIFICATE_EDGE" ] ||
    CERTIFICATE_PORT=$(engine_quietly inspect --format '{{range index .NetworkSettings.Ports "443/tcp"}}{{println .HostPort}}{{end}}' "$CERTIFICATE_EDGE" | head -n 1)
}

# certificate_served RELEASE: the fingerprint that the published port presents, or why there is none.
certificate_served() { request_run host "$1" --print-certificate "https://127.0.0.1:$CERTIFICATE_PORT/"; }

# certificate_is_served RELEASE: the record, the volume and, where an HTTPS edge runs, what it presents are the pair that is wanted.
certificate_is_served() {
  served_pair=$(certificate_value pair) served_print=$(certificate_value fingerprint)
  [ -n "$served_pair" ] && [ "${certificate_wanted:-$served_pair}" = "$served_pair" ] || return 1
  is_current "$1" "$served_pair" || return 1
  [ -z "$CERTIFICATE_PORT" ] || [ "$(certificate_served "$1")" = "$served_print" ]
}

# is_current RELEASE PAIR: the volume has it, and the edge reads it at its next start.
is_current() { [ -n "$2" ] && [ "$(certificate_volume "$1" look </dev/null)" = "current=$2" ]; }

# certificate_again RELEASE: nothing new came: what is current is to be served, as after a run that was cut off.
certificate_again() {
  again_pair=$(certificate_volume "$1" look </dev/null) || {
    blame edge "the volume $CERTS_VOLUME could not be looked into: $(one_line "$again_pair")"
    return
  }
  again_pair=${again_pair#current=}
  [ -n "$again_pair" ] || {
    blame edge "ENABLE_HTTPS is true, and this host has no certificate" "fab -H HOST renew-certs, or deploy, with CERT_PATH set: it sends one"
    return
  }
  [ "$again_pair" = "$(certificate_value pair)" ] ||
    warn "certificate: $again_pair is in the volume, and $(certificate_record) does not tell of it; fab -H HOST renew-certs, or deploy, with CERT_PATH set puts that right"
  [ -z "$CERTIFICATE_PORT" ] || certificate_present "$1" "$again_pair" "${again_pair%-*}"
}

# certificate_volume RELEASE WORD...: in the volume, as the user that reads it; standard input is the caller's.
certificate_volume() {
  volume_release=$1
  shift
  answer_of timeout "$CERTIFICATE_PATIENCE" docker run --rm -i --network none --read-only --cap-drop ALL --security-opt no-new-privileges --pids-limit 64 \
    --memory 256m --pull never --log-driver none --label "app=$APP_NAME" --label service=certificates --label slot=none --user 101:101 \
    -v "$CERTS_VOLUME:/etc/nginx/certs" --entrypoint /usr/local/bin/certificates "$(release_value "$volume_release" image.edge)" "$@" 9>&-
}

# certificate_look RELEASE DIRECTORY: the facts of the pair, and its faults, by the release's backend image.
certificate_look() {
  cat "$2/fullchain.pem" "$2/privkey.pem" | answer_of timeout "$CERTIFICATE_PATIENCE" docker run --rm -i --network none --read-only --cap-drop ALL \
    --security-opt no-new-privileges --pids-limit 64 --memory 256m --pull never --log-driver none --label "app=$APP_NAME" \
    --label service=certificates --label slot=none --user "$API_USER_UID:$API_USER_GID" --entrypoint /usr/local/bin/certificate \
    "$(release_value "$1" image.backend)" "$(wc -c <"$2/fullchain.pem" | tr -d ' ')" "${SERVER_NAMES:-}" 9>&-
}

# certificate_install RELEASE: the staged pair: looked at, put into the volume, served, recorded.
certificate_install() {
  install_new=$(certificate_staged)
  install_facts=$(certificate_look "$1" "$install_new") || {
    blame edge "the certificate could not be looked at: $(last_said "$install_facts")"
    return
  }
  install_faults=$(printf '%s\n' "$install_facts" | sed -n 's/^fault=//p')
  install_print=$(printf '%s\n' "$install_facts" | sed -n 's/^fingerprint=//p')
  if [ -n "$install_faults" ] || [ "$install_print" != "$(certificate_fingerprint "$install_new/fullchain.pem")" ]; then
    rm -rf "$install_new"
    blame edge "the certificate${CERT_PATH:+ in host:$CERT_PATH} cannot be used: $(printf '%s\n' "${install_faults:-it cannot be read}" | sed '$!s/$/;/' | tr '\n' ' ' | sed 's/ $//'); the one that was served goes on" \
      "mend the files of CERT_PATH, then fab -H HOST renew-certs"
    return
  fi
  say "certificate: installing $certificate_wanted ($(printf '%s\n' "$install_facts" | sed -n 's/^names=//p'))"
  install_said=$(tar -cf - -C "$install_new" fullchain.pem privkey.pem | certificate_volume "$1" put "$certificate_wanted" "$(file_sum "$install_new/fullchain.pem")" "$(file_sum "$install_new/privkey.pem")") || {
    blame edge "the certificate could not be put into the volume $CERTS_VOLUME: $(last_said "$install_said")"
    return
  }
  install_before=$(printf '%s\n' "$install_said" | sed -n 's/^previous=//p')
  [ -z "$CERTIFICATE_PORT" ] || certificate_present "$1" "$certificate_wanted" "$install_print" "$install_before" || return 1
  certificate_write || return 1
  rm -rf "$install_new"
  CERTIFICATE_CHANGED=yes
  certificate_warn
}

# certificate_write: the record, last of all.
certificate_write() {
  write_end=$(printf '%s\n' "$install_facts" | sed -n 's/^not_after=//p')
  {
    printf 'schema=1\npair=%s\nfingerprint=%s\n' "$certificate_wanted" "$install_print"
    printf '%s\n' "$install_facts" | sed -n -e '/^names=/p' -e '/^not_after=/p'
    printf 'until=%s\ninstalled=%s\nsource=%s\n' "$(date -u -d "@$write_end" +%Y-%m-%dT%H:%M:%SZ)" "$(now)" "${CERT_PATH:+host:}${CERT_PATH:-$(one_line "$OPERATOR")}"
  } | replace "$(certificate_record)"
}

# certificate_present RELEASE PAIR FINGERPRINT [PREVIOUS]: the edge that runs reads again, and is asked until it presents one whose
# fingerprint begins so. Where it never does, the link goes back, and it reads once more: what it has served it serves.
certificate_present() {
  present_said=$(engine_quietly exec "$CERTIFICATE_EDGE" nginx -t -q 2>&1) || {
    certificate_back "$1" "${4:-}" "the edge cannot load it: $(last_said "$present_said")" "mend the files of CERT_PATH, then fab -H HOST renew-certs"
    return
  }
  say "certificate: the edge reads it; waiting until port $CERTIFICATE_PORT presents it, $HEALTH_TIMEOUT s at most"
  engine kill -s HUP "$CERTIFICATE_EDGE" >/dev/null || return 1
  backoff_start
  while :; do
    present_said=$(certificate_served "$1") && [ "${present_said#"$3"}" != "$present_said" ] && {
      say "certificate: $2 is served on port $CERTIFICATE_PORT"
      return 0
    }
    tried "the certificate on port $CERTIFICATE_PORT" "$(last_said "$present_said")"
    backoff || break
  done
  present_error=$(engine_within 20 logs --tail 200 "$CERTIFICATE_EDGE" 2>&1 | sed -n '/\[emerg\]\|\[error\]\|\[alert\]/p' | tail -n 1 | tail -c 300)
  certificate_back "$1" "${4:-}" "the edge could load it, and does not present it within $HEALTH_TIMEOUT s${present_error:+: $present_error}" \
    "fab -H HOST logs --service edge, then fab -H HOST renew-certs; an edge that reads nothing any more is started anew on the host: docker restart $CERTIFICATE_EDGE"
}

# certificate_back RELEASE PREVIOUS REASON NEXT
certificate_back() {
  back_said='nothing served before it'
  if [ -n "$2" ] && certificate_volume "$1" use "$2" </dev/null >/dev/null; then
    engine kill -s HUP "$CERTIFICATE_EDGE" >/dev/null || true # it serves from memory what it had
    back_said="put back: $2 is served"
  fi
  rm -rf "$(certificate_staged)"
  blame edge "the new certificate is not served: $3; $back_said" "$4"
}

# certificate_days: whole days until the end of the one that is recorded; fewer than 0 when it has passed.
certificate_days() { printf '%s\n' $((($(certificate_value not_after) - $(date -u +%s)) / 86400)); }

# certificate_text: of the one that is recorded, for a person.
certificate_text() {
  if [ "$(certificate_value not_after)" -le "$(date -u +%s)" ]; then
    printf '%s, EXPIRED on %s\n' "$(certificate_value names)" "$(certificate_value until)"
  else
    text_days=$(certificate_days)
    case $text_days in 0) text_days='LESS THAN A DAY' ;; *) text_days="$text_days days" ;; esac
    printf '%s, %s left, until %s\n' "$(certificate_value names)" "$text_days" "$(certificate_value until)"
  fi
}

certificate_warn() {
  [ -n "$(certificate_value not_after)" ] && [ "$(certificate_days)" -lt "$CERTIFICATE_DAYS" ] || return 0
  warn "certificate: $(certificate_text)"
}

# renew_certs: the whole of the task, under the lock.
renew_certs() {
  renew_release=$(active_value release)
  [ "$(served_slot)" != none ] && [ -n "$renew_release" ] || refuse 1 "nothing serves here: a deployment brings the certificate, too" "$(next_deployment)"
  is_https || refuse 1 "the release that serves, $renew_release, has no HTTPS" "fab -H HOST deploy, with ENABLE_HTTPS=true"
  certificates_ensure "$renew_release" || refuse 1 "$FAILED_REASON" "$FAILED_NEXT"
  fact changed "$CERTIFICATE_CHANGED"
  prefixed_lines '' "$(certificate_record)"
}

# is_https: whether the release that serves has HTTPS.
is_https() { [ "$(release_value "$(active_value release)" ENABLE_HTTPS)" = true ]; }

# certificate_facts: the record; staged=PAIR; of CERT_PATH on this host path=PAIR, or path_fault=WHY.
certificate_facts() {
  prefixed_lines certificate. "$(certificate_record)"
  facts_staged=$(certificate_pair "$(certificate_staged)")
  [ -z "$facts_staged" ] || fact certificate.staged "$facts_staged"
  [ -n "${CERT_PATH:-}" ] && is_https_wanted || return 0
  (
    if certificate_readable; then fact certificate.path "$(certificate_pair "$CERT_PATH")"; else fact certificate.path_fault "$FAILED_REASON"; fi
  )
}
