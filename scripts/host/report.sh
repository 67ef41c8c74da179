#!/bin/sh
# Speak: talk for people on stderr, facts and results as key=value lines on stdout.
#
# Parameters: STAMPED=yes puts time, step and host before each line (operation.sh); VERBOSE=1|true|yes shows commands.
# Output:     as named at each function.
# Exit codes: `refuse` ends the script with the code it is given.

FAILED_SERVICE='' FAILED_REASON='' FAILED_NEXT='' FAILED_TRIED='' FAILED_ANSWER='' FAILED_CODE='' FAILED_OUTPUT='' FAILED_BACK='' FAILURE_FACTS=''

now() { date -u +%Y-%m-%dT%H:%M:%SZ; }

# say TEXT...: one line for a person.
say() {
  if [ "${STAMPED:-no}" = yes ]; then
    operation_line "${STEP:-$TASK}" "$*" >&2 || :
  else
    printf '%s\n' "$*" >&2
  fi
}

# warn TEXT...: the same, marked.
warn() { say "warning: $*"; }

# refuse CODE WHAT [REMEDY]: say what is refused and what to do next, then end.
refuse() {
  say "error: $2"
  [ -z "${3:-}" ] || say "  next: $3"
  exit "$1"
}

is_verbose() {
  case ${VERBOSE:-} in
  1 | true | yes | on) return 0 ;;
  *) return 1 ;;
  esac
}

# detail TEXT...: a line that only verbose mode shows.
detail() { ! is_verbose || say "$@"; }

# fact KEY VALUE: one line on stdout, whatever the value holds.
fact() {
  case $2 in
  *"
"*) printf '%s=%s\n' "$1" "$(one_line "$2")" ;;
  *) printf '%s=%s\n' "$1" "$2" ;;
  esac
}

one_line() { printf '%s' "$1" | tr '\r\n' '  '; }

# say_lines PREFIX: say each line of standard input.
say_lines() {
  while IFS= read -r line_said || [ -n "$line_said" ]; do
    say "$1$line_said"
  done
}

# note: standard input, line by line, into the log only.
note() {
  noted_before=$(operation_line capture '')
  while IFS= read -r line_noted || [ -n "$line_noted" ]; do
    printf '%s%s\n' "$noted_before" "$line_noted" >&2 || :
  done
}

# record TEXT: one line into the log only.
record() { [ "${STAMPED:-no}" != yes ] || operation_line log "$1" >&2 || :; }

# read_clock: milliseconds time since the host started, for durations; no process is started.
# Sets CLOCK, so that it can be called without a subshell.
read_clock() {
  read -r CLOCK _ </proc/uptime
  CLOCK=${CLOCK%.*}${CLOCK#*.}0
}
