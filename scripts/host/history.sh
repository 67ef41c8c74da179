# What was committed and what happened: active, releases/RELEASE.state, history.jsonl, the links for people.
#
# active: schema, release, previous, slot, seq, time. It follows the link slots/active, which decides.
# state:  schema, status (pending, active, failed, rolled_back, retired), seq, slot, changed, health.SERVICE=healthy|unhealthy TIME MESSAGE.
# history.jsonl: one object a line, `seq` first; seq grows by one with every activation, failed ones too.
#
# Parameters: DEPLOYMENT_PATH.
# Output:     history={...} (repeated), of `history`.
# Exit codes: 2 not a number of lines.

active_value() { value_of "$DEPLOYMENT_PATH/active" "$1"; }

# active_write RELEASE PREVIOUS SLOT SEQ
active_write() {
  replace "$DEPLOYMENT_PATH/active" <<END
schema=1
release=$1
previous=$2
slot=$3
seq=$4
time=$(now)
END
}

# active_repair: what serves is the link, and `active` follows it: also when somebody has removed it.
active_repair() {
  [ ! -f "$DEPLOYMENT_PATH/active" ] && [ "$(served_slot)" != none ] && command -v docker >/dev/null 2>&1 || return 0
  repair_release=$(containers_of "$(served_slot)" '{{.Label "release"}}' | sed '/^$/d' | head -n 1)
  is_release_name "$repair_release" && [ -d "$(release_path "$repair_release")" ] || return 0
  repair_seq=$(history_last)
  active_write "$repair_release" '' "$(served_slot)" "${repair_seq:-0}" || return 1
  links_repair
  say "the record of what serves was missing: release $repair_release serves from slot $(served_slot), written again"
}

state_path() { printf '%s/releases/%s.state\n' "$DEPLOYMENT_PATH" "$1"; }
state_value() { value_of "$(state_path "$1")" "$2"; }

# state_write RELEASE STATUS SEQ SLOT [HEALTH LINES]
state_write() {
  {
    printf 'schema=1\nstatus=%s\nseq=%s\nslot=%s\nchanged=%s\n' "$2" "$3" "$4" "$(now)"
    [ -z "${5:-}" ] || printf '%s\n' "$5"
  } | replace "$(state_path "$1")"
}

# state_change RELEASE STATUS: only the status and its time; seq, slot and health stay.
state_change() {
  [ -d "$(release_path "$1")" ] || return 0
  state_health=$(sed -n '/^health\./p' "$(state_path "$1")" 2>/dev/null || true) # a release without a state has none
  state_write "$1" "$2" "$(state_value "$1" seq)" "$(state_value "$1" slot)" "$state_health"
}

# history_last: the newest seq. Every line is ours and begins with it, so that nothing has to parse JSON.
history_last() {
  [ -f "$DEPLOYMENT_PATH/history.jsonl" ] || return 0
  sed -n 's/^{"seq":\([0-9][0-9]*\),.*}$/\1/p' "$DEPLOYMENT_PATH/history.jsonl" | tail -n 1
}

# next_seq: one more than whatever was given out before.
next_seq() {
  seq_active=$(active_value seq) seq_history=$(history_last)
  [ "${seq_active:-0}" -ge "${seq_history:-0}" ] || seq_active=$seq_history
  printf '%s\n' $((${seq_active:-0} + 1))
}

# history_add RESULT [SERVICE REASON]: one line about the activation in the J_ variables. Done again after a crash, it adds
# nothing; a line that a power cut has torn is dropped.
history_add() {
  [ "$(history_last)" != "$J_SEQ" ] || return 0
  # One that is there and cannot be read must not be replaced by a single line.
  history_kept=$([ ! -f "$DEPLOYMENT_PATH/history.jsonl" ] || sed -n '/^{.*}$/p' "$DEPLOYMENT_PATH/history.jsonl") || return 1
  {
    [ -z "$history_kept" ] || printf '%s\n' "$history_kept"
    json_object seq# "$J_SEQ" time "$(now)" started "$J_STARTED" task "$J_TASK" operator "$J_OPERATOR" \
      release "$J_RELEASE" previous "$J_PREVIOUS" slot "$J_TO" result "$1" \
      service "${2:-}" reason "${3:-}" log "$J_LOG"
    printf '\n'
  } | replace "$DEPLOYMENT_PATH/history.jsonl"
}

# history_show LINES: the newest, oldest of them first.
history_show() {
  case $1 in '' | *[!0-9]*) refuse 2 "not a number of lines: $1" ;; esac
  require_readable
  [ -f "$DEPLOYMENT_PATH/history.jsonl" ] || return 0
  tail -n "$1" "$DEPLOYMENT_PATH/history.jsonl" | sed 's/^/history=/'
}

# links_repair: current and previous, for people, as `active` says.
links_repair() {
  link_repair current "$(active_value release)"
  link_repair previous "$(active_value previous)"
}

link_repair() {
  if [ -z "$2" ]; then
    rm -f "$DEPLOYMENT_PATH/$1"
  elif [ "$(readlink "$DEPLOYMENT_PATH/$1" 2>/dev/null)" != "releases/$2" ]; then
    link_to "releases/$2" "$DEPLOYMENT_PATH/$1"
  fi
}
