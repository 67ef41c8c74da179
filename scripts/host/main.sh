# Run one command on this host.
#
# Usage:      sh -s COMMAND [ARGUMENT...] with NAME='value' lines before the script, or, of a release on the host:
#             DEPLOYMENT_PATH/current/bin/host.sh status | verify | logs [SERVICE] [LINES] | activate RELEASE | down [volumes] | facts
# Parameters: see parameters.sh.
# Output:     facts and results as key=value lines on stdout, talk on stderr.
# Exit codes: 0 done or already so, 1 failed (and put back), 2 not a command, 3 unsupported host, 4 locked by another.

main() {
  set -eu
  umask 027
  LC_ALL=C
  export LC_ALL
  privilege_find
  parameters_complete
  command=${1:-help}
  [ $# = 0 ] || shift
  case $command in
  facts) facts ;;
  hold) hold "${1:-}" ;;
  install) install_docker ;;
  receive) receive "${1:-}" ;;
  load) images_load ;;
  tag) images_tag ;;
  activate) activate_by_hand "${1:-}" ;;
  activation) activation "${1:-}" ;;
  down) down "${1:-no}" ;;
  verify) verify ;;
  status) status ;;
  logs) logs "${1:-all}" "${2:-100}" ;;
  *) refuse 2 "usage: host.sh facts | hold TASK | install | receive RELEASE | load | tag | activate RELEASE | down [volumes] | verify | status | logs [SERVICE] [LINES]" ;;
  esac
}

main "$@"
