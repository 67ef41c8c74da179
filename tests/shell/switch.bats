# The switch is a rename: whoever looks at any moment sees one slot or the other, never none.

load fake/kit

@test "300 switches under a reader that never stops looking: the link is always there" {
  for shell in $SHELLS; do
    fresh
    mkdir -p "$FAKE_PATH/slots"
    ln -s blue "$FAKE_PATH/slots/active"
    python3 - "$FAKE_PATH/slots/active" "$FAKE/stop" "$FAKE/seen" 3>&- <<'END' &
import os, sys

link, stop, seen = sys.argv[1:]
looks, missing, slots = 0, 0, set()
while not os.path.exists(stop):
    for _ in range(200):
        looks += 1
        try:
            slots.add(os.readlink(link))
        except OSError:
            missing += 1
with open(seen, "w") as file:
    file.write(f"{missing} {' '.join(sorted(slots))} {looks}\n")
END
    reader=$!
    within "$shell" 'n=0; while [ $n -lt 50 ]; do switch_to green; switch_to blue; n=$((n + 1)); done; served_slot'
    : >"$FAKE/stop"
    wait "$reader"
    read -r missing first second looks <"$FAKE/seen"
    [ "$missing $first $second" = "0 blue green" ]
    [ "$looks" -gt 500 ]
    [ -z "$(ls -A "$FAKE_PATH/slots" | grep -v '^active$')" ]
  done
}

@test "none, a strange target, and a left-over of a kill" {
  for shell in $SHELLS; do
    fresh
    mkdir -p "$FAKE_PATH/slots"
    [ "$(within "$shell" served_slot)" = none ]
    ln -s elsewhere "$FAKE_PATH/slots/active"
    ln -s nowhere "$FAKE_PATH/slots/.active.new"
    [ "$(within "$shell" served_slot)" = none ]
    [ "$(within "$shell" 'switch_to green; served_slot; switch_to none; served_slot' | tr '\n' ' ')" = "green none " ]
  done
}
