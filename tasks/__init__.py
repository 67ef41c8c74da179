"""The steps of a deployment, in the order in which they are listed."""

from tasks.builds import build
from tasks.deployment import deploy, plan
from tasks.doctor import doctor
from tasks.engine import install_docker
from tasks.hosts import detect_os
from tasks.images import ship_images
from tasks.logs import logs
from tasks.releases import down, push_config, status, up, verify
from tasks.runtime import detect_runtime
from tasks.settings import check_config, init

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
    status,
    logs,
    down,
)
"""Every task of `fab`."""
