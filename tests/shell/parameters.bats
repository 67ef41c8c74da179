# Parameters arrive as data: from NAME='value' lines, and from a release.facts.

load fake/kit

@test "hostile values of NAME='value' lines are data" {
  for shell in $SHELLS; do
    fresh
    run bash -c "{ printf \"OPERATOR='\\\$(touch $FAKE/owned)\\\`touch $FAKE/owned\\\`;\\\"\\\\\\\\ it'\\\\\\\\''s'\\n\"; } | $([ "$shell" = busybox ] && echo busybox sh || echo "$shell") -s; true"
    [ ! -e "$FAKE/owned" ]
  done
}

@test "release.facts is data: names are checked, values are never run, and PATH stays ours" {
  for shell in $SHELLS; do
    fresh
    cat >"$FAKE/facts" <<END
APP_NAME=\$(touch $FAKE/owned)
LOG_PATH='; touch $FAKE/owned; '
PATH=/nowhere
lower=1
BAD-NAME=1
X\$(touch $FAKE/owned)=1
HTTP_PORT=81=82
END
    run within "$shell" "parameters_read '$FAKE/facts'; printf '%s|%s|%s\n' \"\$APP_NAME\" \"\$LOG_PATH\" \"\$HTTP_PORT\"; ls >/dev/null"
    [ "$status" = 0 ]
    [ "$output" = "\$(touch $FAKE/owned)|'; touch $FAKE/owned; '|81=82" ]
    [ ! -e "$FAKE/owned" ]
  done
}

@test "as a file of a release it takes its parameters from release.facts, whatever the environment says" {
  for shell in $SHELLS; do
    fresh
    pushed one
    export DEPLOYMENT_PATH=/somewhere/else APP_NAME=other
    run as "$shell" "$FAKE_PATH/releases/one/bin/host.sh" status
    unset DEPLOYMENT_PATH APP_NAME
    [ "$status" = 0 ]
    [[ $output == *"app in $FAKE_PATH"* ]]
  done
}

@test "no parameters, no command, a bad release name: exit 2" {
  for shell in $SHELLS; do
    fresh
    run bash -c "as() { :; }; cat '$FAKE/bundle' | env -u DEPLOYMENT_PATH $([ "$shell" = busybox ] && echo busybox sh || echo "$shell") -s facts"
    [ "$status" = 2 ]
    run host "$shell" nonsense
    [ "$status" = 2 ]
    for name in '' ../up 'a b' 'a;b' -x .hidden 'a/b'; do
      run host "$shell" receive "$name"
      [ "$status" = 2 ]
    done
  done
}

@test "values of 64 KiB, and lines without an end" {
  for shell in $SHELLS; do
    fresh
    printf 'LONG=%s\nLAST=end' "$(head -c 65536 /dev/zero | tr '\0' x)" >"$FAKE/facts"
    [ "$(within "$shell" "parameters_read '$FAKE/facts'; echo \"\${#LONG} \$LAST\"")" = "65536 end" ]
    [ "$(within "$shell" "value_of '$FAKE/facts' LAST")" = end ]
  done
}
