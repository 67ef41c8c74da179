# Killed before and after every external command of every script that changes a host (fake/shim): the next command puts it
# right, the old or the new release serves, what is recorded agrees, and nothing is left over.
#
# The everyday run takes some of the points, evenly; with FULL=1 (scripts/test --full) it takes all of them.
#
# Turned red by: no leftover_files in recover (scripts/host/recover.sh).

load fake/kit

setup() {
  export CRASH=$BATS_TEST_TMPDIR/crash SECRETS='KEY TOKEN'
  mkdir -p "$CRASH/links"
  python3 - "$BATS_TEST_DIRNAME/fake/shim" "$CRASH/links" <<'END'
import os, sys
names = {name for place in os.environ["PATH"].split(":") if os.path.isdir(place) for name in os.listdir(place)}
for name in names:
    os.symlink(sys.argv[1], os.path.join(sys.argv[2], name))
END
}

# crashing SHELL COMMAND...: as `host`, under the shim, in a process group of its own; what it said is in $CRASH/out.
crashing() {
  local shell=$1
  shift
  rm -f "$CRASH"/{calls,launched,killed}
  { parameters && cat "$FAKE/bundle"; } >"$CRASH/script"
  set -m
  { echo "$BASHPID" >"$CRASH/group" && SHIMMED=1 as "$shell" -s "$@" <"$CRASH/script"; } >"$CRASH/out" 2>&1 &
  set +m
  wait "$!" 2>/dev/null || true
}

# walk EVERY AFTERWARDS COMMAND...: from the host as it is now, kill COMMAND at every EVERY-th command and call AFTERWARDS, which
# prints what is wrong then. What comes next is in turn another command (NEXT=other) and the same again (NEXT=again).
walk() {
  local every=$1 afterwards=$2 shell=${CRASH_SHELL:-dash} when at points=0 missed=0 wrong
  shift 2
  [ -z "${FULL:-}" ] || every=1
  rm -rf "$CRASH/host" && cp -a "$FAKE" "$CRASH/host"
  for when in before after; do
    at=1
    [ $when = after ] || at=$(((every + 1) / 2))
    while :; do
      rm -rf "$FAKE" && cp -a "$CRASH/host" "$FAKE"
      echo "$at $when" >"$CRASH/kill"
      crashing "$shell" "$@"
      # Killed at none: it has fewer commands than that, or this time another number of them.
      [ -e "$CRASH/killed" ] || {
        [ "$(wc -l <"$CRASH/calls")" -ge "$at" ] || break
        missed=$((missed + 1)) at=$((at + every))
        continue
      }
      points=$((points + 1))
      NEXT=other
      [ $(((at / every + ${#when}) % 2)) = 0 ] || NEXT=again
      wrong=$($afterwards "$@" 2>&1)
      [ -z "$wrong" ] || {
        printf '%s, %s: killed %s command %s (%s), then %s\n' "$shell" "$*" $when $at "$(sed -n "${at}s/^[0-9]* //p" "$CRASH/calls")" $NEXT
        printf '%s\n' "$wrong" | sed 's/^/  /'
        sed 's/^/  | /' "$CRASH/out" "$CRASH/next"
        return 1
      }
      at=$((at + every))
    done
  done
  printf '# %s: %s points (%s missed), of %s commands\n' "$*" $points $missed "$(wc -l <"$CRASH/calls")" >&3
  [ $points -ge 6 ]
  [ $missed -le $((points / 20)) ]
}

# next COMMAND...: what a person does then must succeed; what it said is in $CRASH/next.
next() { host dash "$@" </dev/null >"$CRASH/next" 2>&1 || echo "the next command, $*, ended with exit code $?"; }

# next_of COMMAND...: the next command, as NEXT says.
next_of() { if [ $NEXT = other ]; then next maintenance off; else next "$@"; fi; }

old_or_new() {
  next_of "$@"
  if [ $NEXT = again ] && [ "$1" = activate ]; then unsettled "$2"; else unsettled one two; fi
}

@test "a deployment, with a migration, a dump, another edge and a release to forget" {
  fresh
  export KEEP=2
  activated dash zero && activated dash one
  echo 1 >"$FAKE/tables"
  EDGE=other pushed two more
  walk 73 old_or_new activate two
}

# nothing_or RELEASE: of a host that has had none.
nothing_or() {
  [ ! -L "$FAKE_PATH/slots/active" ] || { unsettled "$1" && return; }
  [ ! -e "$FAKE_PATH/active" ] || echo "active is there, and nothing serves"
  case $(containers) in '' | 'platform-database ' | 'platform-edge ' | 'platform-database platform-edge ') ;; *) echo "containers: $(containers)" ;; esac
  [ -z "$(ls "$FAKE/networks")" ] || echo "networks: $(ls "$FAKE/networks")"
  never ls "$FAKE"/volumes/app_secrets_* 2>/dev/null
  history_faults
  left_over
}

first_or_nothing() {
  next_of "$@"
  if [ $NEXT = again ]; then unsettled one; else nothing_or one; fi
}

@test "the first deployment" {
  fresh
  pushed one one
  walk 73 first_or_nothing activate one
}

after_failure() { rm -f "$FAKE/faults" && old_or_new "$@"; }

@test "a deployment that fails" {
  fresh
  activated dash one
  EDGE=other pushed two
  echo crash >"$FAKE/faults"
  walk 73 after_failure activate two
}

@test "a rollback" {
  fresh
  activated dash one && EDGE=other activated dash two
  walk 73 old_or_new rollback
}

restarted() { next_of "$@" && unsettled one; }

@test "a restart" {
  fresh
  activated dash one
  walk 73 restarted restart
}

@test "a backup" {
  fresh
  activated dash one
  echo 1 >"$FAKE/tables"
  walk 17 restarted backup
}

# one_database: the application's, with the old content or the dump's; and what was put aside, if anything.
one_database() {
  sleep 1 # the name under which it is put aside has the second
  next_of "$@"
  unsettled one
  grep -qx -e new -e 'the data' "$FAKE/databases/app" || echo "app holds '$(cat "$FAKE/databases/app")'"
  [ ! -e "$FAKE/databases/app_restored" ] || echo "app_restored is left over"
  [ "$(cat "$FAKE/databases/app")" = new ] || grep -qx new "$FAKE"/databases/app_before_* || echo "what was there is gone"
}

@test "a restore" {
  fresh
  activated dash one
  echo 1 >"$FAKE/tables"
  mkdir "$FAKE/databases" && echo new >"$FAKE/databases/app"
  host dash backup
  walk 15 one_database restore "$(cd "$FAKE_PATH/backups" && echo *.dump)"
}

# down_or_up: `down` again ends it; or the release is brought up again.
down_or_up() {
  if [ $NEXT = again ]; then
    next "$@"
    nothing_or one
    [ "$(status_of one)" = retired ] || echo "one is $(status_of one)"
    [ -z "$(containers)" ] || echo "containers: $(containers)"
  else
    next activate one
    unsettled one
  fi
}

@test "down" {
  fresh
  activated dash one
  walk 11 down_or_up down
}

@test "down with the volumes" {
  fresh
  activated dash one
  walk 19 down_or_up down volumes
}

# cut_in NUMBER: a deployment that also changes the edge, killed just after it has written its journal for that time: 1 started,
# 2 edge, 3 migrated, 4 slot-up, 5 switched, 6 committed.
cut_in() {
  local at
  fresh
  activated dash one
  EDGE=other pushed two
  cp -a "$FAKE" "$CRASH/before"
  crashing dash activate two
  at=$(grep -n 'sync .*/\.activation\.new$' "$CRASH/calls" | sed -n "$1s/:.*//p")
  rm -rf "$FAKE" && cp -a "$CRASH/before" "$FAKE"
  echo "$((at + 1)) after" >"$CRASH/kill"
  crashing dash activate two
  grep -qx "phase=$2" "$FAKE_PATH/activation"
}

@test "the recovery that undoes a deployment" {
  cut_in 4 slot-up
  walk 21 old_or_new maintenance off
}

@test "the recovery that finishes one" {
  cut_in 5 switched
  walk 33 old_or_new maintenance off
}

@test "maintenance, on and off" {
  fresh
  activated dash one
  echo public >"$FAKE/faults" # nobody is let in any more
  walk 15 restarted maintenance on
  host dash maintenance on
  walk 7 restarted maintenance off
}

# one_or_two: which of the two the edge serves is what the next renewal leaves: the new one, wherever the first was cut off.
one_or_two() {
  if [ $NEXT = again ]; then next renew-certs; else next maintenance off; fi
  local served new=$FAKE_PATH/certificate.new
  served=$(cat "$FAKE/served")
  [ $NEXT = other ] || [ "$served" = "$(sed -n 's/^fingerprint=//p' "$FAKE_PATH/certificate")" ] || echo "served: $served"
  [ $NEXT = other ] || [ "$served" = "$(cat "$CRASH/wanted")" ] || echo "the old one is served"
  [ $NEXT = other ] || [ ! -e "$new" ] || echo "$new is still there"
  [ -s "$FAKE/mounts/app_certs/current/privkey.pem" ] || echo "current is no pair"
  [ $NEXT = other ] || [ "$(ls -A "$FAKE/mounts/app_certs" | wc -l)" -le 3 ] || ls -A "$FAKE/mounts/app_certs"
}

# Turned red by: the pair that was sent is removed before it is served (certificate_install in scripts/host/certificates.sh).
@test "a renewal" {
  fresh
  export HTTPS=true
  (cd "$ROOT" && python -m tests.certificates "$FAKE/pairs")
  mkdir -p "$FAKE_PATH" && cp -r "$FAKE/pairs/one" "$FAKE_PATH/certificate.new"
  activated dash one
  cp -r "$FAKE/pairs/two" "$FAKE_PATH/certificate.new"
  sed '/-----/d' "$FAKE/pairs/two/fullchain.pem" | base64 -d | sha256sum | sed 's/ .*//' >"$CRASH/wanted"
  walk 9 one_or_two renew-certs
}
