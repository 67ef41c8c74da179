# The journal of the activation in progress: DEPLOYMENT_PATH/activation, key=value, replaced by rename at each phase.
#
# Keys: release, previous (release that served before, or empty), from and to (slots; from may be `none`), phase (started,
# migrated, slot-up, switched, committed), seq, task, operator, started, log, platform (services changed),
# session (the activation's process session, see recover.sh).
#
# Parameters: DEPLOYMENT_PATH.
# Output:     none.
# Exit codes: none of its own.

journal_path() { printf '%s/activation\n' "$DEPLOYMENT_PATH"; }
is_journal() { [ -f "$DEPLOYMENT_PATH/activation" ]; }

# journal_write PHASE: from the J_ variables, which journal_read sets too.
journal_write() {
  J_PHASE=$1
  replace "$DEPLOYMENT_PATH/activation" <<END
schema=1
release=$J_RELEASE
previous=$J_PREVIOUS
from=$J_FROM
to=$J_TO
phase=$J_PHASE
seq=$J_SEQ
task=$J_TASK
operator=$J_OPERATOR
started=$J_STARTED
log=$J_LOG
platform=$J_PLATFORM
session=$J_SESSION
END
  detail "phase $1"
}

journal_read() {
  J_RELEASE='' J_PREVIOUS='' J_FROM=none J_TO='' J_PHASE=started J_SEQ='' J_TASK='' J_OPERATOR='' J_STARTED='' J_LOG='' J_PLATFORM='' J_SESSION=''
  while IFS='=' read -r journal_key journal_value; do
    case $journal_key in
    release) J_RELEASE=$journal_value ;;
    previous) J_PREVIOUS=$journal_value ;;
    from) J_FROM=$journal_value ;;
    to) J_TO=$journal_value ;;
    phase) J_PHASE=$journal_value ;;
    seq) J_SEQ=$journal_value ;;
    task) J_TASK=$journal_value ;;
    operator) J_OPERATOR=$journal_value ;;
    started) J_STARTED=$journal_value ;;
    log) J_LOG=$journal_value ;;
    platform) J_PLATFORM=$journal_value ;;
    session) J_SESSION=$journal_value ;;
    esac
  done <"$DEPLOYMENT_PATH/activation"
}

journal_remove() {
  rm -f "$DEPLOYMENT_PATH/activation" && flush "$DEPLOYMENT_PATH"
}
