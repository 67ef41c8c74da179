# Show what this host serves, for a person on the host; a workstation asks for `facts` instead.
#
# Parameters: DEPLOYMENT_PATH, APP_NAME.
# Output:     a few lines and a table on stdout.
# Exit codes: 0, also when nothing is deployed; 1 the engine does not answer, so that it cannot be told what runs, or what is deployed may not be read.

status() {
  require_readable
  printf 'application  %s in %s\n' "$APP_NAME" "$DEPLOYMENT_PATH"
  if [ "$(served_slot)" = none ]; then
    printf 'serving      nothing is deployed\n'
    printf 'next         %s\n' "$(next_deployment)"
  else
    printf 'serving      %s from slot %s, since %s\n' "$(active_value release)" "$(served_slot)" "$(active_value time)"
    printf 'previous     %s\n' "$(active_value previous)"
  fi
  ! is_journal || printf 'in progress  %s, phase %s\n' "$(value_of "$(journal_path)" release)" "$(value_of "$(journal_path)" phase)"
  ! is_maintenance || printf 'maintenance  on since %s\n' "$(value_of "$(maintenance_path)/facts" since)"
  [ -z "$(certificate_value pair)" ] || ! is_https || printf 'certificate  %s\n' "$(certificate_text)"
  printf 'lock         %s\n' "$(lock_facts | sed 's/^lock=//')"
  database_fault || printf 'database     %s\n  next       %s\n' "$FAILED_REASON" "$FAILED_NEXT"
  [ "$(served_slot)" = none ] || faults 2>/dev/null | while read -r status_service status_why; do
    printf '%-12s %s\n  next       fab -H HOST up\n' "$status_service" "$status_why"
  done
  status_releases
  engine ps -a --filter "label=app=$APP_NAME" --format 'table {{.Label "service"}}\t{{.Label "slot"}}\t{{.Label "release"}}\t{{.Status}}' 2>/dev/null ||
    engine_refuse
}

status_releases() {
  for status_release in $(release_names); do
    printf 'release      %s %s\n' "$status_release" "$(state_value "$status_release" status)"
  done
}

# next_deployment: the command that makes something serve here. Without an identity the data is gone too (`down --volumes`), and
# nothing is to be brought back.
next_deployment() {
  next_release=
  [ ! -f "$DEPLOYMENT_PATH/identity" ] || next_release=$(served_last)
  if [ -n "$next_release" ]; then next_task=up; else next_task=deploy; fi
  printf 'fab -H HOST %s   (on a workstation)\n' "$next_task"
  [ -z "$next_release" ] ||
    printf '  or what served last: %s/bin/host.sh activate %s\n' "$(release_path "$next_release")" "$next_release"
}

# served_last [RELEASE]: of the releases that are here, have served and do not serve now, the one that served last; but for RELEASE.
# One still called active where nothing serves is what a `down` that was cut off has not come to.
served_last() {
  served_now=$([ "$(served_slot)" = none ] || active_value release)
  for served_name in $(release_names); do
    if [ "$served_name" = "${1:-}" ] || [ "$served_name" = "$served_now" ]; then continue; fi
    case $(state_value "$served_name" status) in
    retired | rolled_back | active) printf '%s %s\n' "$(state_value "$served_name" seq)" "$served_name" ;;
    esac
  done | sort -k1,1n | sed -n '$s/^[0-9]* //p'
}
