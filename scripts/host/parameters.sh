# Take the parameters: NAME='value' lines before the script, or, run as a file of a release, its release.facts.
#
# Parameters: all.
# Output:     none.
# Exit codes: 2 when there is nothing to take them from.

# parameters_read FILE: take the upper-case names of a key=value file, as data: nothing in it is ever run.
parameters_read() {
  while IFS= read -r parameter || [ -n "$parameter" ]; do
    parameter_name=${parameter%%=*}
    case $parameter in
    *=*) case $parameter_name in
      '' | [!A-Z]* | *[!A-Z0-9_]* | PATH | IFS | HOME | ENV | LC_ALL | LD_*) ;;
      *)
        # shellcheck disable=SC2034 # eval reads it, as a value and never as text
        parameter_value=${parameter#*=}
        eval "$parameter_name=\$parameter_value"
        ;;
      esac ;;
    esac
  done <"$1"
}

parameters_complete() {
  case $0 in
  */host.sh)
    [ -f "${0%/*}/../release.facts" ] || refuse 2 "no release.facts beside $0: run it as DEPLOYMENT_PATH/current/bin/host.sh"
    parameters_read "${0%/*}/../release.facts"
    ;;
  esac
  [ -n "${DEPLOYMENT_PATH:-}" ] || refuse 2 "no parameters: NAME='value' lines before the script, or run it as a file of a release"
  : "${APP_NAME:=community-tracker}" "${LOG_PATH:=/var/log/$APP_NAME}" "${HTTP_PORT:=80}" "${HTTPS_PORT:=443}"
  : "${ENABLE_HTTPS:=false}" "${POSTGRES_USER:=apiuser}" "${POSTGRES_DB:=community_tracker}"
  : "${API_USER_UID:=1001}" "${API_USER_GID:=1001}" "${KEEP_RELEASES:=5}" "${HEALTH_TIMEOUT:=120}"
  : "${HEALTH_RETRIES:=5}" "${DRAIN_SECONDS:=10}" "${DATA_VOLUME:=${APP_NAME}_data}"
  : "${SOCKET_VOLUME:=${APP_NAME}_socket}" "${ASSETS_VOLUME:=${APP_NAME}_assets}" "${CERTS_VOLUME:=${APP_NAME}_certs}"
  : "${TASK:=by-hand}" "${OPERATOR:=$(parameters_operator)}"
}

parameters_operator() {
  printf '%s@%s\n' "${SUDO_USER:-$(id -un 2>/dev/null || id -u)}" "$(uname -n)"
}

# is_release_name NAME: what a release may be called, so that it is safe in a path, a tag and an argument.
is_release_name() {
  case $1 in
  '' | [!A-Za-z0-9]* | *[!A-Za-z0-9_.-]*) return 1 ;;
  *) return 0 ;;
  esac
}

release_path() { printf '%s/releases/%s\n' "$DEPLOYMENT_PATH" "$1"; }
