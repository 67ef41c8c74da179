# The certificate: it arrives whole or not at all, is looked at, put beside the old one, read anew by the edge that runs, and seen to
# be served; what cannot be served is put back. The fake engine runs what is really in the images (containers/*/certificate*).

load fake/kit

setup_file() {
  cd "$BATS_TEST_DIRNAME/../.."
  PAIRS=$BATS_FILE_TMPDIR/pairs
  python -m tests.certificates "$PAIRS"
  export PAIRS HTTPS=true
}

print_of() { sed '/-----END/q' "$1/fullchain.pem" | sed '/-----/d' | base64 -d | sha256sum | sed 's/ .*//'; }
pair_of() { printf '%.16s-%.8s\n' "$(print_of "$1")" "$(sha256sum <"$1/fullchain.pem")"; }
record() { sed -n "s/^$1=//p" "$FAKE_PATH/certificate"; }
in_volume() { ls -A "$FAKE/mounts/app_certs" | grep -v '^current$' | tr '\n' ' '; }

# sent SHELL PAIR [AS]: as a workstation sends it; in $output what the host said.
sent() {
  tar -C "$PAIRS/$2" -cf "$FAKE/tar" fullchain.pem privkey.pem
  DATA=$FAKE/tar host "$1" receive-certificate "${3:-$(pair_of "$PAIRS/$2")}"
}

# serving_https SHELL: release `one` serves over HTTPS with the pair `one`.
serving_https() {
  fresh
  sent "$1" one >/dev/null 2>&1
  activated "$1" one >/dev/null 2>&1
  [ "$(cat "$FAKE/served")" = "$(print_of "$PAIRS/one")" ]
  cp -r "$FAKE/containers" "$FAKE/containers.before"
  : >"$FAKE/calls"
}

# nothing_replaced: no container was made, removed or started.
nothing_replaced() {
  never grep -qE '^(compose|restart|stop|rm) ' "$FAKE/calls"
  diff -r "$FAKE/containers.before" "$FAKE/containers"
}

# still_one: what was served is served, and recorded, and what was refused is not kept.
still_one() {
  [ "$(cat "$FAKE/served")" = "$(print_of "$PAIRS/one")" ]
  [ "$(readlink "$FAKE/mounts/app_certs/current")" = "$(pair_of "$PAIRS/one")" ]
  [ "$(record pair)" = "$(pair_of "$PAIRS/one")" ]
  [ ! -e "$FAKE_PATH/certificate.new" ]
  nothing_replaced
}

@test "a first deployment brings it up: in the volume before the edge starts, 0400, recorded; without one it is refused" {
  for shell in $SHELLS; do
    fresh
    run activated "$shell" one
    [ "$status" = 1 ]
    [[ $output == *'ENABLE_HTTPS is true, and this host has no certificate'* ]]
    [ ! -e "$FAKE/containers/platform-edge" ]
    run sent "$shell" one
    echo "$shell $output"
    [ "$status" = 0 ]
    [ "$(stat -c %a "$FAKE_PATH/certificate.new" "$FAKE_PATH/certificate.new/privkey.pem" | tr '\n' ' ')" = '700 600 ' ]
    host "$shell" facts | grep -qx "certificate.staged=$(pair_of "$PAIRS/one")"
    run host "$shell" activate one
    echo "$output"
    [ "$status" = 0 ]
    [ "$(grep -n 'entrypoint /usr/local/bin/certificates .* put ' "$FAKE/calls" | tail -n 1 | cut -d: -f1)" -lt "$(grep -n '^compose.* up .*edge$' "$FAKE/calls" | head -n 1 | cut -d: -f1)" ]
    [ "$(cat "$FAKE/served")" = "$(print_of "$PAIRS/one")" ]
    [ "$(stat -c %a "$FAKE/mounts/app_certs/current/privkey.pem")" = 400 ]
    [ ! -e "$FAKE_PATH/certificate.new" ]
    [ "$(record fingerprint)" = "$(print_of "$PAIRS/one")" ]
    [ "$(record names)" = 'example.org,*.example.org' ]
    [ "$(date -u -d "$(record until)" +%s)" = "$(record not_after)" ]
    host "$shell" status | grep -qx "certificate  example.org,\*.example.org, 79 days left, until $(record until)"
    host "$shell" facts | grep -qx "certificate.pair=$(pair_of "$PAIRS/one")"
    never grep -rq 'PRIVATE KEY' "$FAKE_PATH" "$LOGS" "$FAKE/calls"
    [ ! -e "$FAKE/lock-leaks" ]
  done
}

# Turned red by: no `engine kill -s HUP` in certificate_present; a renewal that goes through `activate`.
@test "renewed: the same containers, the previous pair is kept and the one before is not; again, already so; another chain is another pair" {
  for shell in $SHELLS; do
    serving_https "$shell"
    sent "$shell" two
    run host "$shell" renew-certs
    echo "$shell $output"
    [ "$status" = 0 ]
    [[ $output == *changed=yes*"pair=$(pair_of "$PAIRS/two")"* ]]
    [ "$(cat "$FAKE/served")" = "$(print_of "$PAIRS/two")" ]
    [ "$(in_volume)" = "$(printf '%s\n' "$(pair_of "$PAIRS/one")" "$(pair_of "$PAIRS/two")" | sort | tr '\n' ' ')" ]
    nothing_replaced
    for again in '' two; do
      [ -z "$again" ] || sent "$shell" two
      : >"$FAKE/calls"
      run host "$shell" renew-certs
      [[ $output == *changed=no* ]]
      never grep -q '^kill ' "$FAKE/calls"
      [ ! -e "$FAKE_PATH/certificate.new" ]
    done
    sent "$shell" leaf
    run host "$shell" renew-certs
    [[ $output == *changed=yes* ]]
    [ "$(in_volume)" = "$(printf '%s\n' "$(pair_of "$PAIRS/two")" "$(pair_of "$PAIRS/leaf")" | sort | tr '\n' ' ')" ]
    sent "$shell" chain
    run host "$shell" renew-certs
    [[ $output == *changed=yes*"fingerprint=$(print_of "$PAIRS/leaf")"* ]]
    nothing_replaced
    [ ! -e "$FAKE/lock-leaks" ]
  done
}

@test "an activation without a new one keeps it; with a new one it is served before the switch; going back brings no old one" {
  for shell in $SHELLS; do
    serving_https "$shell"
    activated "$shell" two
    [ "$(cat "$FAKE/served")" = "$(print_of "$PAIRS/one")" ]
    never grep -q '^kill ' "$FAKE/calls"
    sent "$shell" two
    activated "$shell" three
    [ "$(cat "$FAKE/served")" = "$(print_of "$PAIRS/two")" ]
    run host "$shell" rollback
    echo "$shell $output"
    [ "$status" = 0 ]
    [ "$(cat "$FAKE/served")" = "$(print_of "$PAIRS/two")" ]
    HTTPS=false EDGE=plain activated "$shell" four
    [ ! -e "$FAKE/https" ]
    host "$shell" rollback
    [ -s "$FAKE/https" ]
    [ "$(cat "$FAKE/served")" = "$(print_of "$PAIRS/two")" ]
  done
}

# Turned red by: no faults looked at in certificate_install.
@test "a pair that cannot be used is refused with the reason; what is served is served" {
  set -- $SHELLS $SHELLS
  for each in 'expired/expired on' 'mismatched/does not belong to the certificate' 'encrypted/privkey.pem is encrypted' \
    "names/is not for www.example.org.example, only for example.org"; do
    IFS=/ read -r pair reason <<<"$each"
    serving_https "$1"
    NAMES_WANTED=
    if [ "$pair" = names ]; then pair=two NAMES_WANTED=example.org,www.example.org.example; fi
    sent "$1" "$pair"
    run host "$1" renew-certs
    NAMES_WANTED=
    echo "$1 $output"
    [ "$status" = 1 ]
    [[ $output == *"cannot be used: "*"$reason"*'the one that was served goes on'* ]]
    still_one
    shift
  done
}

# Turned red by: no certificate_back in certificate_present.
@test "an edge that cannot load it, or never presents it: put back, and said" {
  for shell in $SHELLS; do
    for fault in unloadable deaf; do
      serving_https "$shell"
      sent "$shell" two
      echo "$fault" >"$FAKE/faults"
      TIMEOUT=1 run host "$shell" renew-certs
      echo "$shell $output"
      [ "$status" = 1 ]
      [[ $output == *"the new certificate is not served: the edge "*"put back: $(pair_of "$PAIRS/one") is served"* ]]
      if [ $fault = deaf ]; then
        [[ $output == *'waiting until port '*'does not present it within 1 s; put back'*'docker restart '* ]]
      else
        [[ $output == *'[emerg] cannot load certificate'* ]]
      fi
      still_one
      rm "$FAKE/faults"
      run host "$shell" renew-certs
      [[ $output == *changed=no* ]]
    done
  done
}

# Turned red by: no certificate_stays.
@test "going back takes none from the CERT_PATH of then, which may be older or gone" {
  for shell in $SHELLS; do
    fresh
    mkdir -p "$FAKE/then" && cp "$PAIRS/one"/*.pem "$FAKE/then"
    CERT_AT=$FAKE/then activated "$shell" one
    sent "$shell" two
    activated "$shell" two
    [ "$(cat "$FAKE/served")" = "$(print_of "$PAIRS/two")" ]
    for there in yes no; do
      [ $there = yes ] || rm -r "$FAKE/then"
      run host "$shell" rollback
      echo "$shell $output"
      [ "$status" = 0 ]
      [ "$(cat "$FAKE/served")" = "$(print_of "$PAIRS/two")" ]
      run host "$shell" restart
      [ "$status" = 0 ]
      host "$shell" activate two
    done
  done
}

# Turned red by: what was sent wins in a rollback, as in a deployment.
@test "going back does not wait for one that was sent and never served: it stays where it is, and renew-certs serves it" {
  for shell in $SHELLS; do
    serving_https "$shell"
    activated "$shell" two
    for sent in expired two; do
      sent "$shell" "$sent"
      for task in rollback restart; do
        run host "$shell" "$task"
        echo "$shell $output"
        [ "$status" = 0 ]
        [ "$(cat "$FAKE/served")" = "$(print_of "$PAIRS/one")" ]
      done
    done
    host "$shell" renew-certs
    [ "$(cat "$FAKE/served")" = "$(print_of "$PAIRS/two")" ]
    sent "$shell" one
    ln -sfn "$(pair_of "$PAIRS/one")" "$FAKE/mounts/app_certs/current" # cut off before the edge was told
    host "$shell" rollback
    [ "$(cat "$FAKE/served")" = "$(print_of "$PAIRS/one")" ]
    [ "$(record pair)" = "$(pair_of "$PAIRS/one")" ]
  done
}

# Turned red by: no look into the volume in certificate_is_served; the merged outputs as they are.
@test "cut off before the edge was told, then the old one again: the link goes back; without a record it is served, and said; warnings are no answer" {
  for shell in $SHELLS; do
    serving_https "$shell"
    one=$(pair_of "$PAIRS/one") two=$(pair_of "$PAIRS/two")
    cp -r "$PAIRS/two" "$FAKE/mounts/app_certs/$two" && ln -sfn "$two" "$FAKE/mounts/app_certs/current"
    sent "$shell" one
    run host "$shell" renew-certs
    echo "$shell $output"
    [ "$status" = 0 ]
    still_one
    rm "$FAKE_PATH/certificate"
    run host "$shell" restart
    echo "$output"
    [ "$status" = 0 ]
    [[ $output == *"$one is in the volume, and $FAKE_PATH/certificate does not tell of it"* ]]
    [ "$(cat "$FAKE/served")" = "$(print_of "$PAIRS/one")" ]
    echo unswapped >"$FAKE/faults"
    sent "$shell" two
    run activated "$shell" two
    echo "$output"
    [ "$status" = 0 ]
    [ "$(cat "$FAKE/served")" = "$(print_of "$PAIRS/two")" ]
    run host "$shell" renew-certs
    [[ $output == *changed=no* ]]
    rm "$FAKE/faults"
  done
}

@test "of the host: links are followed, and what certbot renews there is served by one line; facts tell what is there" {
  for shell in $SHELLS; do
    fresh
    mkdir -p "$FAKE/live" "$FAKE/archive"
    cp -r "$PAIRS/one" "$PAIRS/two" "$FAKE/archive"
    for file in fullchain.pem privkey.pem; do ln -s "../archive/one/$file" "$FAKE/live/$file"; done
    CERT_AT=$FAKE/live
    activated "$shell" one
    [ "$(record source)" = "host:$FAKE/live" ]
    : >"$FAKE/calls"
    for file in fullchain.pem privkey.pem; do ln -sfn "../archive/two/$file" "$FAKE/live/$file"; done
    host "$shell" facts | grep -qx "certificate.path=$(pair_of "$PAIRS/two")"
    run as "$shell" "$FAKE_PATH/current/bin/host.sh" renew-certs
    echo "$shell $output"
    [ "$status" = 0 ]
    [ "$(cat "$FAKE/served")" = "$(print_of "$PAIRS/two")" ]
    [ ! -e "$FAKE_PATH/certificate.new" ]
    : >"$FAKE/calls"
    run as "$shell" "$FAKE_PATH/current/bin/host.sh" renew-certs
    [[ $output == *changed=no* ]]
    chmod 644 "$FAKE/archive/two/privkey.pem"
    host "$shell" facts | grep -q '^certificate.path_fault=.*by everybody'
    rm "$FAKE/live/fullchain.pem"
    run host "$shell" renew-certs
    [ "$status" = 1 ]
    [[ $output == *"$FAKE/live/fullchain.pem is not there"* ]]
    [ "$(id -u)" = 0 ] || skip 'the rest needs root'
    OUR=1 run within "$shell" 'OUR_UID=1; certificate_readable || echo "$FAILED_REASON: $FAILED_NEXT"'
    [[ $output == *'root may: on the host: sudo '*'/current/bin/host.sh renew-certs'* ]]
    CERT_AT=
  done
}

@test "damaged, cut or exchanged on its way: refused, and what was sent before stays" {
  for shell in $SHELLS; do
    fresh
    sent "$shell" one
    run sent "$shell" two "$(pair_of "$PAIRS/one")"
    [ "$status" = 1 ]
    [[ $output == *'not the one that was announced'* ]]
    tar -C "$PAIRS/two" -cf - fullchain.pem privkey.pem | head -c 700 >"$FAKE/tar"
    DATA=$FAKE/tar run host "$shell" receive-certificate "$(pair_of "$PAIRS/two")"
    [ "$status" = 1 ]
    [ "$(pair_of "$FAKE_PATH/certificate.new")" = "$(pair_of "$PAIRS/one")" ]
    [ -z "$(find "$FAKE_PATH" -name '.*.new')" ]
  done
}

@test "nothing serves, or no HTTPS: refused with what to do; down --volumes takes the record, too" {
  for shell in $SHELLS; do
    fresh
    run host "$shell" renew-certs
    [ "$status" = 1 ]
    [[ $output == *'nothing serves here'*'next: fab -H HOST deploy'* ]]
    HTTPS=false activated "$shell" plain
    run host "$shell" renew-certs
    [ "$status" = 1 ]
    [[ $output == *'has no HTTPS'*'ENABLE_HTTPS=true'* ]]
    serving_https "$shell"
    host "$shell" down volumes
    [ ! -e "$FAKE_PATH/certificate" ]
    [ ! -e "$FAKE/volumes/app_certs" ]
  done
}

@test "verify asks for it; status warns near its end" {
  for shell in $SHELLS; do
    serving_https "$shell"
    run host "$shell" verify
    [[ $output == *'check=certificate healthy port 58124 presents it: example.org'* ]]
    echo 0 >"$FAKE/served"
    run host "$shell" verify
    [ "$status" = 1 ]
    [[ $output == *"check=certificate unhealthy port 58124 does not present $(print_of "$PAIRS/one")"* ]]
    rm "$FAKE_PATH/certificate"
    run host "$shell" verify
    [ "$status" = 1 ]
    [[ $output == *"check=certificate unhealthy $FAKE_PATH/certificate is gone"* ]]
    sent "$shell" short
    run host "$shell" renew-certs
    [[ $output == *'warning: certificate: example.org'*', 9 days left'* ]]
    sed -i "s/^not_after=.*/not_after=$(($(date +%s) + 300))/" "$FAKE_PATH/certificate"
    run host "$shell" status
    [[ $output == *', LESS THAN A DAY left, until '* ]]
    sed -i 's/^not_after=.*/not_after=1/' "$FAKE_PATH/certificate"
    run host "$shell" status
    [[ $output == *'EXPIRED on '* ]]
  done
}

@test "the volume: a damaged pair is not taken, a run that was cut off is finished, an unknown pair is not used" {
  for shell in $SHELLS; do
    fresh
    export CERTS=$FAKE/certs
    mkdir "$CERTS"
    sums() { sha256sum <"$PAIRS/$1/fullchain.pem" | cut -d' ' -f1 && sha256sum <"$PAIRS/$1/privkey.pem" | cut -d' ' -f1; }
    put() { tar -C "$PAIRS/$1" -cf - fullchain.pem privkey.pem | as "$shell" "$ROOT/containers/edge/certificates" put "$1" $(sums "$1"); }
    [ "$(put one)" = previous= ]
    run as "$shell" "$ROOT/containers/edge/certificates" put two 0 0 < <(tar -C "$PAIRS/two" -cf - fullchain.pem privkey.pem)
    [ "$status" = 1 ]
    [ "$(ls -A "$CERTS" | tr '\n' ' ')" = 'current one ' ]
    mkdir -p "$CERTS/.two.new" "$CERTS/two"
    [ "$(put two)" = previous=one ]
    [ "$(put two)" = previous=one ]
    [ "$(as "$shell" "$ROOT/containers/edge/certificates" look)" = current=two ]
    as "$shell" "$ROOT/containers/edge/certificates" use one
    chmod 600 "$CERTS/one/privkey.pem" && : >"$CERTS/one/privkey.pem" # emptied behind our back
    as "$shell" "$ROOT/containers/edge/certificates" look >"$FAKE/seen"
    [ ! -s "$FAKE/seen" ]
    put one
    cmp "$CERTS/one/privkey.pem" "$PAIRS/one/privkey.pem"
    [ "$(put chain)" = previous=one ]
    [ "$(ls -A "$CERTS" | tr '\n' ' ')" = 'chain current one ' ]
    run as "$shell" "$ROOT/containers/edge/certificates" use two
    [ "$status" = 1 ]
    unset CERTS
  done
}
