# Run one command on this host.
#
# Usage:      sh -s COMMAND [ARGUMENT...] with NAME='value' lines before the script, or, of a release on the host:
#             DEPLOYMENT_PATH/current/bin/host.sh status | history [LINES] | explain [RELEASE] | verify | logs [SERVICE] [LINES] [SINCE] [follow] | rollback [RELEASE] |
#             restart | cancel | activate RELEASE | backup | backups | restore NAME | resolve-migration NAME rolled-back|applied | prune |
#             maintenance on [MESSAGE]|off | renew-certs |
#             down [volumes] | facts; and, for a workstation: hold TASK | install | receive RELEASE | receive-certificate PAIR | load | tag | exec-target SERVICE
# Parameters: see parameters.sh.
# Output:     facts and results as key=value lines on stdout, talk on stderr.
# Exit codes: 0 done or already so, 1 failed (and put back), 2 not a command, 3 unsupported host, 4 locked by another,
#             130 interrupted.

main() {
  set -eu
  umask 027
  LC_ALL=C
  export LC_ALL
  privilege_find
  parameters_complete
  command=${1:-help}
  [ $# = 0 ] || shift
  case $TASK-$command in
  by-hand-activate) TASK=up ;;
  by-hand-*) TASK=$command ;;
  esac
  # an activation's lines have a stamp, and it has none yet
  [ "$command" = activation ] || detail "$command in $DEPLOYMENT_PATH, logs in ${LOG_PATH:-no place}, as $(our_name) for $OPERATOR"
  case $command in
  facts) facts ;;
  hold) hold "${1:-}" ;;
  install) install_docker ;;
  receive) receive "${1:-}" ;;
  receive-certificate) certificate_receive "${1:-}" ;;
  load) images_load ;;
  tag) images_tag ;;
  activate) locked activate "${1:-}" ;;
  activation) activation "${1:-}" ;;
  cancel) cancel ;;
  rollback) locked rollback "${1:-}" ;;
  restart) locked restart ;;
  history) history_show "${1:-20}" ;;
  explain) explain "${1:-}" ;;
  backup) locked backup ;;
  restore) locked restore "${1:-}" ;;
  resolve-migration) locked resolve_migration "${1:-}" "${2:-}" ;;
  backups) backup_list_all ;;
  maintenance) locked maintenance "${1:-}" "${2:-}" ;;
  renew-certs) locked renew_certs ;;
  prune) locked prune_failed_too ;;
  down) locked down_all "${1:-no}" ;;
  verify) verify ;;
  status) status ;;
  exec-target) exec_target "${1:-}" ;;
  logs) logs "${1:-all}" "${2:-}" "${3:-}" "${4:-}" ;;
  *) refuse 2 "usage: host.sh facts | hold TASK | install | receive RELEASE | load | tag | activate RELEASE | rollback [RELEASE] | restart | cancel | history [LINES] | explain [RELEASE] | backup | backups | restore NAME | resolve-migration NAME rolled-back or applied | prune | maintenance on [MESSAGE] or off | renew-certs | down [volumes] | verify | status | logs [SERVICE] [LINES] [SINCE] [follow] | exec-target SERVICE | receive-certificate PAIR" ;;
  esac
}

main "$@"
