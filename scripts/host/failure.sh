# What failed and why: remembered where it is found, said once, and all that helps to understand it kept in the log, before
# what failed is removed.
#
# `docker inspect` also holds the environment, with the application's secrets: only named parts of it are written.
#
# Parameters: APP_NAME, DEPLOYMENT_PATH, LOG_PATH; J_STARTED (journal.sh).
# Output:     FAILED_SERVICE, FAILED_REASON, FAILED_NEXT, FAILED_TRIED, FAILED_ANSWER; lines of the log; FAILURE_FACTS.
# Exit codes: blame and told return 1; a failing report never hides the first error.

# Seconds that the engine may take for each answer of a report.
FAILURE_PATIENCE=${FAILURE_PATIENCE:-20}

# blame SERVICE REASON [NEXT]: remember what failed, and what to do about it. Whoever ends the activation says it.
blame() {
  FAILED_SERVICE=$1 FAILED_REASON=$2 FAILED_NEXT=${3:-}
  return 1
}

# tried WHAT ANSWER: remember what was asked, and what came back last.
tried() { FAILED_TRIED=$1 FAILED_ANSWER=$2; }

# failure_say WHERE: what is remembered.
failure_say() {
  say "FAILED $1${FAILED_SERVICE:+, service $FAILED_SERVICE}: $FAILED_REASON"
  [ -z "${FAILED_TRIED:-}" ] || say "  tried: $FAILED_TRIED${FAILED_ANSWER:+, the last answer: $FAILED_ANSWER}"
  [ -z "$FAILED_NEXT" ] || say "  next: $FAILED_NEXT"
}

# told SERVICE COMMAND...: run it; when it fails, what it says goes to the log, and its last line is the reason.
told() {
  told_service=$1 told_code=0
  shift
  told_output=$("$@" 2>&1) || told_code=$?
  if [ $told_code = 0 ]; then
    ! is_verbose || printf '%s\n' "$told_output" | say_lines "  $told_service: "
    return 0
  fi
  told_output=$(printf '%s\n' "$told_output" | sed '/^[[:space:]]*$/d')
  printf '%s\n' "$told_output" | sed '$d' | say_lines "  $told_service: "
  FAILED_CODE=$told_code FAILED_OUTPUT=$(printf '%s\n' "$told_output" | tail -n 20)
  told_output=$(printf '%s\n' "$told_output" | tail -n 1)
  blame "$told_service" "${told_output:-exit code $told_code}"
}

# failure_reserve: room for the report of a failure, should there be none left then: blocks, and some inodes.
failure_reserve() {
  for reserve in 1 2 3; do
    reserve=$DEPLOYMENT_PATH/.reserve.$reserve
    [ -s "$reserve" ] || { head -c 65536 /dev/zero >"$reserve" && own "$reserve"; } 2>/dev/null || true # a disk that is full already has none to give
  done
}

# failure_reason CODE: completed: what a step that ended without a word cannot say, and which disk is full.
failure_reason() {
  failure_full=$(failure_disks)
  case $1 in
  130 | 143) failure_what="it was told to stop in step $STEP" ;;
  *) failure_what="step $STEP ended with exit code $1" ;;
  esac
  [ -n "$FAILED_REASON" ] || FAILED_REASON=$failure_what${failure_full:+: $failure_full}
  case $FAILED_REASON in *"$failure_full"*) ;; *) FAILED_REASON="$FAILED_REASON ($failure_full)" ;; esac
}

# failure_reserve_give: once the disks have been looked at.
failure_reserve_give() { rm -f "$DEPLOYMENT_PATH"/.reserve.*; }

# failure_disks: the first file system that is full, of blocks or of inodes; nothing when none is.
failure_disks() {
  failure_root=$(failure_engine info --format '{{.DockerRootDir}}' 2>/dev/null) || failure_root=
  for failure_path in "$DEPLOYMENT_PATH" "${J_LOG:-$LOG_PATH}" ${failure_root:+"$failure_root"}; do
    # TOTAL FREE; some file systems have 0 inodes of 0
    case $(failure_df -Pk "$failure_path") in
    *' '[0-9] | *' '[0-9][0-9] | *' '[0-9][0-9][0-9]) printf 'no space left on the file system of %s\n' "$failure_path" && return ;;
    esac
    case $(failure_df -Pi "$failure_path") in
    '0 0') ;;
    *' 0') printf 'no space left on the file system of %s: no inodes\n' "$failure_path" && return ;;
    esac
  done
}

failure_df() { df "$1" "$2" 2>/dev/null | sed -n '$s/^.* \([0-9][0-9]*\)  *[0-9-][0-9]*  *\([0-9][0-9]*\)  *[0-9-][0-9]*%  *\/.*$/\1 \2/p'; }

# failure_engine ARGUMENT...: as engine_quietly; an engine that hangs does not hold the report up.
failure_engine() { engine_within "$FAILURE_PATIENCE" "$@"; }

# failure_capture SLOT: of every container of the slot and the platform state and log, for the log file; of each that failed
# the last lines are shown too. In the step `trial` there is no slot yet. FAILURE_FACTS has what the workstation shows.
failure_capture() {
  FAILURE_FACTS=
  [ -z "${FAILED_OUTPUT:-}" ] || failure_show "$FAILED_SERVICE" "$FAILED_OUTPUT"
  failure_first=$1
  [ "${STEP:-}" != trial ] || failure_first=trial
  for failure_slot in "$failure_first" platform; do
    failure_list=$(failure_engine ps -a --no-trunc --filter "label=app=$APP_NAME" --filter "label=slot=$failure_slot" \
      --format '{{.ID}} {{.Label "service"}}' 2>&1) || {
      failure_lost "the containers of $failure_slot" "$failure_list"
      continue
    }
    # shellcheck disable=SC2086 # an id, a service, an id …: no here-document, which some shells keep on the disk
    failure_each $failure_list
  done
}

# failure_each ID SERVICE...
failure_each() {
  while [ $# -ge 2 ]; do
    failure_state "$1" "$2"
    failure_log "$1" "$2"
    shift 2
  done
}

# failure_lost WHAT WHY: what could not be captured is said too.
failure_lost() {
  failure_why=$(one_line "$2" | tail -c 200)
  case $failure_why in '' | Terminated*) failure_why="no answer within $FAILURE_PATIENCE s" ;; esac
  say "$1 could not be captured: $failure_why"
  failure_fact lost "$1 could not be captured: $failure_why"
}

failure_fact() {
  FAILURE_FACTS="$FAILURE_FACTS$1=$(one_line "$2")
"
}

# failure_show SERVICE LINES
failure_show() {
  failure_rest="$2
"
  while [ -n "$failure_rest" ]; do
    failure_fact line "$1 ${failure_rest%%"
"*}"
    failure_rest=${failure_rest#*"
"}
  done
}

# failure_state ID SERVICE
failure_state() {
  printf -- '--- %s (%s) %.12s\n' "$2" "$failure_slot" "$1" | note
  # shellcheck disable=SC2016 # the template's own variables
  failure_said=$(failure_engine inspect --format 'image {{.Config.Image}} {{.Image}}
command {{json .Path}} {{json .Args}} user {{json .Config.User}}
restarts {{.RestartCount}}
state {{json .State}}
mounts {{json .Mounts}}
ports {{json .HostConfig.PortBindings}}
limits memory {{.HostConfig.Memory}} pids {{json .HostConfig.PidsLimit}}
networks {{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}' "$1" 2>&1) ||
    failure_lost "the state of $2" "$failure_said"
  printf '%s\n' "$failure_said" | sed "s/^/$2 inspect: /" | note
}

# failure_log ID SERVICE: 500 lines at most; the last 20 of one that failed are shown, and so not noted again.
failure_log() {
  failure_lines=$(failure_engine logs --timestamps --tail 500 "$1" 2>&1) || {
    failure_lost "the log of $2" "$failure_lines"
    failure_lines=
  }
  failure_found=$(failure_fault "$1") failure_shown=0
  [ -z "$failure_found" ] || failure_fact container "$2 $failure_found"
  # Where a remedy is known already, the log of what is only refused tells nothing more.
  if [ -n "$failure_found" ] || { is_blamed "$2" && [ -z "$FAILED_NEXT" ]; }; then failure_shown=20; fi
  failure_noted=$(($(printf '%s\n' "$failure_lines" | wc -l) - failure_shown))
  [ $failure_noted -le 0 ] || printf '%s\n' "$failure_lines" | head -n $failure_noted | sed "s/^/$2: /" | note
  [ $failure_shown != 0 ] && [ -n "$failure_lines" ] || {
    [ "$2" != database ] || failure_database "$1"
    return 0
  }
  failure_title "$2" "$failure_found"
  failure_lines=$(printf '%s\n' "$failure_lines" | tail -n $failure_shown | sed 's/^[^ ]* //')
  printf '%s\n' "$failure_lines" | say_lines '  | '
  failure_show "$2" "$failure_lines"
}

# is_blamed SERVICE: in failure_slot; of a service that was tried, the trial and not the one that serves.
is_blamed() { [ "$1" = "$FAILED_SERVICE" ] && { [ "${STEP:-}" != trial ] || [ "$failure_slot" = trial ]; }; }

# failure_database ID: what a database that is well has refused meanwhile.
failure_database() {
  failure_lines=$(failure_engine logs --since "${J_STARTED:-1m}" "$1" 2>&1 | grep -e ' FATAL: ' -e ' ERROR: ' -e ' PANIC: ' | tail -n 5)
  [ -n "$failure_lines" ] || return 0
  say "errors of database since then:"
  printf '%s\n' "$failure_lines" | say_lines '  | '
  failure_show database "$failure_lines"
}

# failure_fault ID: what is wrong with a container, or nothing.
failure_fault() {
  failure_line=$(failure_engine inspect --format "$STATES_FORMAT" "$1" 2>/dev/null) || return 0
  printf '%s\n' "$failure_line" | {
    read -r fault_service fault_state fault_restarts fault_code fault_oom fault_error && is_fault && fault_text
  } || true # nothing wrong is no failure
}

# failure_title SERVICE FAULT: what the reason has said is not said again (restarts may have become more since).
failure_title() {
  case $2/$1/$FAILED_REASON in
  /* | */"$FAILED_SERVICE/its container "*) say "last lines of $1:" ;;
  *) say "last lines of $1, which $2:" ;;
  esac
}

# failure_result: the result's lines about a failure.
failure_result() {
  fact time "$(now)"
  fact task "$J_TASK"
  fact active "$(active_value release)"
  fact answers "${ANSWERS:-}"
  fact failed.step "$STEP"
  fact failed.service "$FAILED_SERVICE"
  fact failed.reason "$FAILED_REASON"
  fact failed.next "$FAILED_NEXT"
  fact failed.tried "$FAILED_TRIED"
  fact failed.answer "$FAILED_ANSWER"
  fact failed.code "$FAILED_CODE"
  fact put_back "$FAILED_BACK"
  printf '%s' "$FAILURE_FACTS"
}
