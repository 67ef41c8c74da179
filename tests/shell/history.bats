# What was committed and what happened: active, states, history, links; and what prune forgets.

load fake/kit

# about_to_record RELEASE SEQ: the J_ variables of an activation.
about_to_record() {
  echo "J_RELEASE=$1 J_SEQ=$2 J_STARTED=2026-01-01T00:00:00Z J_TASK=deploy J_OPERATOR=me J_PREVIOUS= J_TO=blue J_LOG=/x.log"
}

@test "active and states: written whole, read back; a change of status keeps number, slot and health" {
  for shell in $SHELLS; do
    fresh
    mkdir -p "$FAKE_PATH/releases/one"
    run within "$shell" 'active_write one zero green 7; active_value release; active_value previous; active_value slot; active_value seq
      state_write one active 7 green "health.edge=healthy now"; state_change one retired; state_value one status; state_value one seq
      state_value one slot; state_value one health.edge; state_value one nothing; state_change gone retired'
    [ "$status" = 0 ]
    [ "$(tr '\n' ' ' <<<"$output")" = 'one zero green 7 retired 7 green healthy now ' ]
    [ ! -e "$FAKE_PATH/releases/gone.state" ]
    [ -z "$(find "$FAKE_PATH" -name '.*.new')" ]
  done
}

@test "the next number: of what was committed or has failed, whichever is more" {
  for shell in $SHELLS; do
    fresh
    mkdir -p "$FAKE_PATH"
    [ "$(within "$shell" next_seq)" = 1 ]
    within "$shell" 'active_write one "" blue 4'
    [ "$(within "$shell" next_seq)" = 5 ]
    within "$shell" "$(about_to_record two 12); history_add failed edge 'it said \"no\"'"
    [ "$(within "$shell" next_seq)" = 13 ]
  done
}

@test "history: one line an activation, again nothing, and a torn line goes" {
  for shell in $SHELLS; do
    fresh
    mkdir -p "$FAKE_PATH"
    within "$shell" "$(about_to_record one 1); history_add active; history_add active"
    printf '{"seq":2,"time":"20' >>"$FAKE_PATH/history.jsonl"
    within "$shell" "$(about_to_record two 2); history_add failed edge 'it said \"no\"'"
    python3 - "$FAKE_PATH/history.jsonl" <<'END'
import json, sys

first, second = (json.loads(line) for line in open(sys.argv[1]))
assert (first["seq"], first["result"], first["service"]) == (1, "active", ""), first
assert (second["seq"], second["release"], second["result"], second["reason"]) == (2, "two", "failed", 'it said "no"'), second
END
  done
}

@test "the links for people follow what was committed" {
  for shell in $SHELLS; do
    fresh
    mkdir -p "$FAKE_PATH"
    within "$shell" 'active_write two one blue 2; links_repair'
    [ "$(readlink "$FAKE_PATH/current") $(readlink "$FAKE_PATH/previous")" = 'releases/two releases/one' ]
    within "$shell" 'active_write one "" blue 3; links_repair; links_repair'
    [ "$(readlink "$FAKE_PATH/current")" = releases/one ]
    [ ! -L "$FAKE_PATH/previous" ]
  done
}

# known NAME STATUS [SEQ]: a release, with images of its own and one that all have.
known() {
  pushed "$1"
  printf 'schema=1\nstatus=%s\nseq=%s\nslot=\n' "$2" "${3:-}" >"$FAKE_PATH/releases/$1.state"
  sed -i "s,^image.edge=.*,image.edge=app/edge:c-shared," "$FAKE_PATH/releases/$1/release.facts"
  : >"$FAKE/images/app+frontend:$1"
}

@test "prune: first those that failed, then by number; never what serves, served before, or has just failed" {
  for shell in $SHELLS; do
    fresh
    known z retired 1 && known y active 4 && known x retired 3 && known w failed 2 && known v failed 5 && known u pending
    printf 'release=y\nprevious=x\n' >"$FAKE_PATH/active"
    [ "$(KEEP=3 within "$shell" 'J_RELEASE=v; prune_victims' | tr '\n' ' ')" = 'w ' ]
    [ "$(KEEP=2 within "$shell" 'J_RELEASE=v; prune_victims' | tr '\n' ' ')" = 'w z ' ]
    [ "$(KEEP=1 within "$shell" 'J_RELEASE=v; prune_victims' | tr '\n' ' ')" = 'w z ' ]
    [ -z "$(KEEP=5 within "$shell" 'J_RELEASE=v; prune_victims')" ]
  done
}

@test "prune: directory, state, release tags and content names go, but a name that a kept release has" {
  for shell in $SHELLS; do
    fresh
    known one retired 1 && known two active 2
    : >"$FAKE/images/app+edge:c-shared"
    printf 'release=two\nprevious=\n' >"$FAKE_PATH/active"
    KEEP=1 within "$shell" prune
    [ "$(cd "$FAKE_PATH/releases" && echo *)" = 'two two.state' ]
    [ ! -e "$FAKE/images/app+frontend:one" ]
    [ ! -e "$FAKE/images/app+frontend:c-one" ]
    [ -e "$FAKE/images/app+frontend:two" ]
    [ -e "$FAKE/images/app+frontend:c-two" ]
    [ -e "$FAKE/images/app+edge:c-shared" ]
    : >"$FAKE/calls"
    KEEP=1 within "$shell" prune
    [ ! -s "$FAKE/calls" ]
  done
}

@test "prune: an image that is still used when its release goes is remembered, and goes when it is free" {
  for shell in $SHELLS; do
    fresh
    known one retired 1 && known two active 2
    printf 'release=two\nprevious=\n' >"$FAKE_PATH/active"
    echo layer >"$FAKE/images/app+database:c-one"
    echo app/database:c-one >"$FAKE/used"
    sed -i 's,^image.database=.*,image.database=app/database:c-one,' "$FAKE_PATH/releases/one/release.facts"
    KEEP=1 within "$shell" prune
    [ ! -e "$FAKE_PATH/releases/one" ]
    [ "$(cat "$FAKE_PATH/cache/images")" = app/database:c-one ]
    rm "$FAKE/used"
    KEEP=1 within "$shell" prune
    [ ! -e "$FAKE/images/app+database:c-one" ]
    [ ! -e "$FAKE_PATH/cache/images" ]
  done
}

@test "prune: of the logs our own, beyond the newest 200; nobody else's" {
  fresh
  mkdir -p "$LOGS"
  for number in $(seq 1000 1202); do
    : >"$LOGS/20260101T00${number}Z-deploy-one.log"
    : >"$LOGS/access-$number.log"
  done
  within dash prune >/dev/null
  [ "$(find "$LOGS" -name '*-deploy-one.log' | wc -l)" = 200 ]
  [ "$(find "$LOGS" -name 'access-*.log' | wc -l)" = 203 ]
}

# filled NAME: as an activation leaves it, whose frontend is of its own.
filled() {
  mkdir -p "$FAKE_PATH/cache/assets" "$FAKE_PATH/slots/blue"
  printf 'assets/%s-12345678.js\n' "$1" >"$FAKE_PATH/cache/assets/c-$1"
}

@test "prune: assets that no kept release has go, once; none while a release that served has no list" {
  for shell in $SHELLS; do
    fresh
    known one retired 1 && known two retired 2 && known three active 3
    printf 'release=three\nprevious=two\n' >"$FAKE_PATH/active"
    filled one && filled two && filled three
    ln -sfn blue "$FAKE_PATH/slots/active"
    rm "$FAKE_PATH/cache/assets/c-two"
    KEEP=2 within "$shell" prune
    [ ! -e "$FAKE/assets-kept" ]
    filled two
    echo copy-assets >"$FAKE/faults"
    KEEP=2 within "$shell" prune
    [ -e "$FAKE_PATH/cache/assets/c-one" ]
    : >"$FAKE/faults"
    KEEP=2 within "$shell" prune >/dev/null
    [ "$(tr '\n' ' ' <"$FAKE/assets-kept")" = 'assets/three-12345678.js assets/two-12345678.js ' ]
    [ "$(cd "$FAKE_PATH/cache/assets" && echo *)" = 'c-three c-two' ]
    rm "$FAKE/assets-kept"
    within "$shell" assets_prune
    [ ! -e "$FAKE/assets-kept" ]
  done
}

@test "assets are copied once a frontend image, and again into a volume that is fresh; a note of older versions is no list" {
  for shell in $SHELLS; do
    fresh
    known one pending
    mkdir -p "$FAKE_PATH/cache"
    echo app/frontend:c-one >"$FAKE_PATH/cache/assets"
    within "$shell" 'assets_fill one blue'
    [ "$(cat "$FAKE_PATH/cache/assets/c-one")" = 'assets/one-12345678.js' ]
    : >"$FAKE/calls"
    within "$shell" 'assets_fill one blue'
    [ ! -s "$FAKE/calls" ]
    within "$shell" 'ASSETS_FRESH=yes; assets_fill one blue'
    [ -s "$FAKE/calls" ]
  done
}
