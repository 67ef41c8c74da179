# Keep what a failed activation had to say, and say it again.
#
# A report is the activation's result (activate.sh), beside its log: <log's name without .log>.failure.
#
# Parameters: LOG_PATH, DEPLOYMENT_PATH. Argument: [RELEASE].
# Output:     the lines of the report; history={...}, the last failed activation's line; active=RELEASE, what serves now.
# Exit codes: 0, also when there is none; 1 it may not be read; 2 not a release's name.

# failure_keep: the result, on standard input, beside its log; those whose log is gone go too.
failure_keep() {
  for failure_old in "$LOG_PATH"/*.failure "$DEPLOYMENT_PATH"/logs/*.failure; do
    [ ! -f "$failure_old" ] || [ -f "${failure_old%.failure}.log" ] || rm -f "$failure_old"
  done
  [ -z "$J_LOG" ] || replace "${J_LOG%.log}.failure"
}

# explain [RELEASE]: what is kept of the last failure here, or of the last one of that release.
explain() {
  require_readable
  [ -z "${1:-}" ] || is_release_name "$1" || refuse 2 "not a release name: $1"
  explain_found='' explain_seq=-1
  for explain_file in "$LOG_PATH"/*.failure "$DEPLOYMENT_PATH"/logs/*.failure; do
    [ -r "$explain_file" ] || continue
    [ -z "${1:-}" ] || [ "$(value_of "$explain_file" release)" = "$1" ] || continue
    explain_this=$(value_of "$explain_file" seq)
    [ "${explain_this:-0}" -lt "$explain_seq" ] || explain_found=$explain_file explain_seq=${explain_this:-0}
  done
  [ -z "$explain_found" ] || sed -n p "$explain_found"
  # An activation that was cut off has only its line in the history.
  [ ! -f "$DEPLOYMENT_PATH/history.jsonl" ] || sed -n '/"result":"failed"/s/^/history=/p' "$DEPLOYMENT_PATH/history.jsonl" |
    sed -n "/\"release\":\"${1:-[^\"]*}\",/p" | tail -n 1
  fact active "$(active_value release)"
}
