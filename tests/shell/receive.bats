# A release directory arrives whole, or not at all.

load fake/kit

# sent RELEASE [COMMAND]: a tar of the pushed directory, through COMMAND.
sent() { tar -C "$FAKE/push/$1" -cf - . | ${2:-cat} >"$FAKE/tar"; }

@test "received, then the same; modes; another one under that name differs" {
  for shell in $SHELLS; do
    fresh
    release one
    sent one
    DATA=$FAKE/tar run host "$shell" receive one
    echo "$shell $output"
    [ "$status" = 0 ]
    [ "${lines[0]}" = ready ]
    [ "${lines[1]}" = received=one ]
    [ "$(status_of one)" = pending ]
    [ "$(cd "$FAKE_PATH/releases/one" && stat -c %a .env app.env.json release.facts release.json SHA256SUMS | tr '\n' ' ')" = "600 600 600 600 600 " ]
    [ "$(cd "$FAKE_PATH/releases/one" && stat -c %a bin bin/host.sh . platform.yml | tr '\n' ' ')" = "750 750 750 640 " ]
    DATA=$FAKE/tar run host "$shell" receive one
    [ "$status" = 0 ]
    [ "${lines[1]}" = same=one ]
    echo "# more" >>"$FAKE/push/one/platform.yml"
    (cd "$FAKE/push/one" && find . -type f ! -name SHA256SUMS | sort | xargs sha256sum >SHA256SUMS)
    sent one
    DATA=$FAKE/tar run host "$shell" receive one
    [ "$status" = 1 ]
    [ "${lines[1]}" = differs=one ]
    never grep -q more "$FAKE_PATH/releases/one/platform.yml"
    [ -z "$(find "$FAKE_PATH/releases" -name "*.part")" ]
    true
  done
}

@test "cut at any of 30 places, a wrong byte, a missing and an extra file: refused, nothing is left" {
  for shell in $SHELLS; do
    fresh
    release one
    sent one
    size=$(stat -c %s "$FAKE/tar")
    parameters >"$FAKE/script" && cat "$FAKE/bundle" >>"$FAKE/script"
    step=3
    [ "$shell" != dash ] || step=1
    for n in $(seq 1 $step 10); do
      head -c $((size * n / 12)) "$FAKE/tar" >"$FAKE/cut"
      DATA=$FAKE/cut run host "$shell" receive one
      [ "$status" = 1 ]
      [ -z "$(ls -A "$FAKE_PATH/releases")" ]
    done
    for damage in 'sed s/services/Services/' ; do
      sent one "$damage"
      DATA=$FAKE/tar run host "$shell" receive one
      [ "$status" = 1 ]
      [[ $output == *'a checksum is wrong'* ]]
    done
    mv "$FAKE/push/one/platform.yml" "$FAKE/aside"
    sent one
    DATA=$FAKE/tar run host "$shell" receive one
    [ "$status" = 1 ]
    [[ $output == *'platform.yml is missing'* ]]
    mv "$FAKE/aside" "$FAKE/push/one/platform.yml"
    : >"$FAKE/push/one/extra"
    sent one
    DATA=$FAKE/tar run host "$shell" receive one
    [ "$status" = 1 ]
    [[ $output == *'does not list'* ]]
    [ -z "$(ls -A "$FAKE_PATH/releases")" ]
  done
}
