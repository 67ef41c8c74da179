# Find the container in which a person's command runs: the serving slot's, or the platform's.
#
# The command itself never comes here: the workstation starts `docker exec` with a terminal of its own.
#
# Parameters: APP_NAME, DEPLOYMENT_PATH. Argument: SERVICE.
# Output:     container=ID.
# Exit codes: 1 it does not run here, with what does.

exec_target() {
  logs_containers
  case $1 in
  database | edge) exec_slot=platform ;;
  *) exec_slot=$(served_slot) ;;
  esac
  exec_id=$(container_of "$exec_slot" "$1")
  [ -n "$exec_id" ] || refuse 1 "$1 does not run here" "$(exec_others)"
  fact container "$exec_id"
}

# What runs, in place of a command to type: there is none that would do it.
exec_others() {
  exec_running=$({
    engine ps --filter "label=app=$APP_NAME" --filter label=slot=platform --format '{{.Label "service"}}'
    engine ps --filter "label=app=$APP_NAME" --filter "label=slot=$(served_slot)" --format '{{.Label "service"}}'
  } | sort | tr '\n' ' ' | sed 's, $,,')
  printf 'what runs: %s; fab -H HOST status shows all of it\n' "${exec_running:-nothing}"
}
