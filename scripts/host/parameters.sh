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

# The settings' defaults are the workstation's (tasks/core/settings), and a release has them all: none is repeated here.
parameters_complete() {
  case $0 in
  */host.sh)
    [ -f "${0%/*}/../release.facts" ] || refuse 2 "no release.facts beside $0: run it as DEPLOYMENT_PATH/current/bin/host.sh"
    parameters_read "${0%/*}/../release.facts"
    ;;
  esac
  [ -n "${DEPLOYMENT_PATH:-}" ] || refuse 2 "no parameters: NAME='value' lines before the script, or run it as a file of a release"
  : "${TASK:=by-hand}" "${OPERATOR:=$(parameters_operator)}"
}

parameters_operator() {
  printf '%s@%s\n' "${SUDO_USER:-$(our_name)}" "$(uname -n)"
}
