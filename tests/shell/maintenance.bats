# maintenance on the host: its page, twice, cut half-way, and what an activation does meanwhile. exec-target beside it.

load fake/kit

page() { cat "$FAKE_PATH/slots/maintenance/page.html"; }

# The fake engine's published port answers whoever asks; the real edge's page is for the check with its name alone.
closed_edge() { sed -i 's|^run_() {$|&\n  case $* in */.checks/*) ;; *) [ ! -f "$FAKE_PATH/slots/maintenance/page.html" ] \|\| { echo "health: ${NO_ANSWER:-HTTP 503}" >\&2; return 1; } ;; esac|' "$1"; }

with_edge() {
  cp "$BATS_TEST_DIRNAME/fake/docker" "$FAKE/engine" && closed_edge "$FAKE/engine"
  sed -i "s|$BATS_TEST_DIRNAME/fake/docker|$FAKE/engine|" "$FAKE/bin/docker"
}

@test "on, again, with another message, off, again" {
  for shell in $SHELLS; do
    fresh && with_edge
    activated "$shell" one
    run host "$shell" maintenance on 'a <b> & "c"'
    [ "$status" = 0 ]
    [[ $output == *'maintenance=on'*'changed=yes'*'since=20'* ]]
    page | grep -qF 'a &lt;b&gt; &amp; "c"'
    [ "$(stat -c %a "$FAKE_PATH/slots/maintenance" "$FAKE_PATH/slots/maintenance/page.html" | tr '\n' ' ')" = '755 644 ' ]
    since=$(sed -n 's/^since=//p' "$FAKE_PATH/slots/maintenance/facts")
    for message in '' 'a <b> & "c"'; do
      run host "$shell" maintenance on "$message"
      [[ $output == *'changed=no'* ]]
    done
    run host "$shell" maintenance on other
    [[ $output == *'changed=yes'*"since=$since"* ]]
    page | grep -q '<p>other</p>'
    host "$shell" status | grep -qx "maintenance  on since $since"
    host "$shell" facts | grep -qx "maintenance.since=$since"
    run host "$shell" maintenance off
    [[ $output == *'maintenance=off'*'changed=yes'* ]]
    run host "$shell" maintenance off
    [[ $output == *'changed=no'* ]]
    [ "$(ls -A "$FAKE_PATH/slots" | tr '\n' ' ')" = 'acme active blue green ' ]
    run host "$shell" maintenance perhaps
    [ "$status" = 2 ]
  done
}

@test "an edge of which it cannot be seen: refused with the reason, and open again" {
  for shell in $SHELLS; do
    fresh && with_edge
    activated "$shell" one
    NO_ANSWER='connect ECONNREFUSED 127.0.0.1:80' run host "$shell" maintenance on
    [ "$status" = 1 ]
    [[ $output == *'could not be seen'*ECONNREFUSED* ]]
    [ ! -e "$FAKE_PATH/slots/maintenance" ]
  done
}

@test "an activation under it comes up by the checks' own way, and leaves it on" {
  for shell in $SHELLS; do
    fresh && with_edge
    activated "$shell" one
    host "$shell" maintenance on >/dev/null 2>&1
    activated "$shell" two
    [ "$(status_of two)" = active ]
    [ -f "$FAKE_PATH/slots/maintenance/page.html" ]
    run host "$shell" verify
    [ "$status" = 0 ]
    grep -q '^run .*/\.checks/[0-9a-f]\{32\}/health$' "$FAKE/calls"
  done
}

@test "an edge that shows everybody the application: refused, and a release with such an edge is put back" {
  for shell in $SHELLS; do
    fresh
    activated "$shell" one
    run host "$shell" maintenance on
    [ "$status" = 1 ]
    [[ $output == *'no maintenance page yet: the application stays open'* ]]
    [ ! -e "$FAKE_PATH/slots/maintenance" ]
    cp "$FAKE/bin/docker" "$FAKE/old-edge"
    with_edge
    host "$shell" maintenance on >/dev/null 2>&1
    cp "$FAKE/old-edge" "$FAKE/bin/docker"
    pushed two
    run host "$shell" activate two
    [ "$status" = 1 ]
    [[ $output == *'the edge of this release does not know it'* ]]
    [ "$(status_of two)" = failed ]
  done
}

@test "nothing deployed: refused; what a kill left half-way means nothing" {
  for shell in $SHELLS; do
    fresh && with_edge
    run host "$shell" maintenance on
    [ "$status" = 1 ]
    [[ $output == *'no edge runs here'* ]]
    activated "$shell" one
    mkdir -p "$FAKE_PATH/slots/.maintenance.new/checks" "$FAKE_PATH/slots/.maintenance.old"
    run host "$shell" status
    [[ $output != *maintenance* ]]
    host "$shell" maintenance on >/dev/null 2>&1
    [ "$(ls "$FAKE_PATH/slots/maintenance/checks" | wc -l)" = 1 ]
    [ "$(ls -A "$FAKE_PATH/slots" | tr '\n' ' ')" = 'acme active blue green maintenance ' ]
  done
}

@test "exec-target: the serving slot's container, or what runs" {
  for shell in $SHELLS; do
    fresh
    run host "$shell" exec-target backend
    [ "$status" = 1 ]
    activated "$shell" one && activated "$shell" two
    [ "$(host "$shell" exec-target backend)" = container=green-backend ]
    [ "$(host "$shell" exec-target database)" = container=platform-database ]
    sed -i 's/^state=.*/state=exited/' "$FAKE/containers/green-backend"
    run host "$shell" exec-target backend
    [ "$status" = 1 ]
    [[ $output == *'backend does not run here'*'what runs: database edge frontend; '* ]]
  done
}
