# The shell's one JSON writer: whatever a value holds, python3 reads it back unchanged.

load fake/kit

@test "120 hostile strings come back unchanged" {
  for shell in $SHELLS; do
    fresh
    parameters >"$FAKE/parameters"
    FUNCTIONS=$FAKE/functions TOOLS=$FAKE/bin python3 - "$shell" <<'END'
import json, os, random, subprocess, sys

shell = ["busybox", "sh"] if sys.argv[1] == "busybox" else [sys.argv[1]]
random.seed(1)
parts = ['"', "\\", "'", "\n", "\t", "\r", "\b", "\x01", "\x1f", "\x7f", "$(id)", "`id`", "&", "/", "%s", "é", "日本", "😀", " ", "a", "#", "{}", "\u2028", "-n", ";"]
values = ["", "\n", "\n\n", "a\n", "\\", '"', "x" * 65536, "line\n" * 5000, "-e", "%"]
values += ["".join(random.choices(parts, k=random.randint(1, 40))) for _ in range(110)]
text = f". {os.environ['FUNCTIONS']}; LC_ALL=C; json_object first \"$VALUE\" number# 17 second \"$VALUE\"; echo"
for value in values:
    # A value of 64 KiB is more than an environment's string on some systems; it goes through a file.
    with open(os.environ["TOOLS"] + "/value", "w", newline="") as file:
        file.write(value + "x")
    run = subprocess.run([*shell, "-c", f"VALUE=$(cat {os.environ['TOOLS']}/value); VALUE=${{VALUE%x}}; {text}"], capture_output=True, check=True)
    read = json.loads(run.stdout)
    assert read == {"first": value, "number": 17, "second": value}, (value[:80], run.stdout[:200])
    assert run.stdout.count(b"\n") == 1, value[:80]
print(len(values), "values")
END
  done
}

@test "numbers are numbers or null, and an empty object is one" {
  for shell in $SHELLS; do
    fresh
    [ "$(within "$shell" 'json_object a# 0 b# 12 c# 012 d# 1x e# "" f# 9999')" = '{"a":0,"b":12,"c":null,"d":null,"e":null,"f":9999}' ]
    [ "$(within "$shell" json_object)" = '{}' ]
  done
}
