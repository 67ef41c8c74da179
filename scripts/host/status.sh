# Show what this host serves, for a person on the host; a workstation asks for `facts` instead.
#
# Parameters: DEPLOYMENT_PATH, APP_NAME.
# Output:     a few lines and a table on stdout.
# Exit codes: 0.

status() {
  printf 'application  %s in %s\n' "$APP_NAME" "$DEPLOYMENT_PATH"
  if [ "$(served_slot)" = none ]; then
    printf 'serving      nothing is deployed\n'
  else
    printf 'serving      %s from slot %s, since %s\n' "$(active_value release)" "$(served_slot)" "$(active_value time)"
    printf 'previous     %s\n' "$(active_value previous)"
  fi
  ! is_journal || printf 'in progress  %s, phase %s\n' "$(value_of "$(journal_path)" release)" "$(value_of "$(journal_path)" phase)"
  printf 'lock         %s\n' "$(lock_facts | sed 's/^lock=//')"
  status_releases
  engine ps -a --filter "label=app=$APP_NAME" --format 'table {{.Label "service"}}\t{{.Label "slot"}}\t{{.Label "release"}}\t{{.Status}}' || true
}

status_releases() {
  for status_directory in "$DEPLOYMENT_PATH"/releases/*/; do
    [ -d "$status_directory" ] || continue
    status_directory=${status_directory%/}
    printf 'release      %s %s\n' "${status_directory##*/}" "$(state_value "${status_directory##*/}" status)"
  done
}
