"""The steps of a deployment, in the order in which they are listed."""

from tasks.activation import up
from tasks.backups import backup, restore
from tasks.builds import build
from tasks.certificates import renew_certs
from tasks.deployment import deploy, plan
from tasks.doctor import doctor
from tasks.down import down
from tasks.exec import exec  # noqa: A004
from tasks.explain import explain
from tasks.history import history
from tasks.hosts import detect_os
from tasks.images import ship_images
from tasks.installation import install_docker
from tasks.logs import logs
from tasks.maintenance import maintenance
from tasks.migrations import resolve_migration
from tasks.prune import prune
from tasks.releases import push_config
from tasks.rollback import restart, rollback
from tasks.runtime import detect_runtime
from tasks.settings import check_config, init
from tasks.status import status, verify

STEPS = (
    init,
    check_config,
    detect_runtime,
    build,
    doctor,
    detect_os,
    install_docker,
    plan,
    ship_images,
    push_config,
    up,
    verify,
    deploy,
    rollback,
    restart,
    status,
    history,
    explain,
    logs,
    exec,
    backup,
    restore,
    resolve_migration,
    renew_certs,
    maintenance,
    prune,
    down,
)
"""Every task of `fab`."""

FROM_SOURCES = (build, plan, ship_images, push_config, deploy)
"""Those that carry the application's sources and values on: faults in these are named before anything is contacted.

For no other task is a command run that gives a value (APP_COMMANDS).
"""
