"""What a host must have before anything is sent to it, and how to get what is missing."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from tasks.core.facts import HostFacts
from tasks.core.settings import Settings

_COMPOSE_UPGRADE = (
    "upgrade the Compose plugin on the host: package docker-compose (Debian 13), docker-compose-v2 (Ubuntu), or "
    "docker-compose-plugin of Docker's own repository: https://docs.docker.com/compose/install/linux/"
)


@dataclass(frozen=True)
class Fault:
    """One thing that is missing or wrong, and what to do about it.

    `unsupported`: it is the host's system or software, and not a right or a port.
    """

    what: str
    remedy: str
    unsupported: bool = True


def version_numbers(text: str) -> tuple[int, ...]:
    """Read the numbers that a version starts with: `v2.27.0-desktop.2` and `20.10.24+dfsg1` both give three."""
    found = re.match(r"\D{0,3}(\d+(?:\.\d+)*)", text.strip())
    return tuple(int(part) for part in found.group(1).split(".")) if found else ()


def is_older(found: str, required: str) -> bool:
    """Compare versions by their numbers; one that cannot be read counts as older."""
    return version_numbers(found) < version_numbers(required)


def missing_requirements(facts: HostFacts, settings: Settings, *, coming: Collection[str] = ()) -> tuple[Fault, ...]:
    """Name everything that keeps a host from running the application, most basic first.

    `coming`: `engine` or `compose`, when it is about to be installed or started. For a user without any right that is
    the only fault: what else such a user can see is not the host's state.
    """
    if fault := _privilege(facts):
        return (fault,)
    checks = (
        None if "engine" in coming else _engine(facts, settings),
        None if "compose" in coming else _compose(facts, settings),
        *_ports(facts),
    )
    return tuple(fault for fault in checks if fault)


def _privilege(facts: HostFacts) -> Fault | None:
    if facts.value("privilege") != "none":
        return None
    user = facts.value("user")
    return Fault(
        f"{user} is neither root, nor allowed `sudo -n`, nor in the group docker",
        f"allow it: echo '{user} ALL=(ALL) NOPASSWD: ALL' | sudo tee /etc/sudoers.d/{user}  (without requiretty), "
        f"or usermod -aG docker {user} and a DEPLOYMENT_PATH that {user} may write",
        unsupported=False,
    )


def _engine(facts: HostFacts, settings: Settings) -> Fault | None:
    found = facts.value("docker.version")
    if not found:
        why = facts.value("docker.error") or "docker is not installed"
        return Fault(
            f"no Docker engine answers: {why}",
            "install and start Docker on the host: fab -H HOST install-docker, or systemctl start docker there",
        )
    if facts.value("docker.rootless") == "yes":
        return Fault("Docker runs rootless", "use a host with the system-wide Docker engine")
    if is_older(found, settings.min_docker_version):
        return Fault(
            f"Docker {found} found, {settings.min_docker_version} required",
            "upgrade Docker on the host (its containers stop meanwhile): https://docs.docker.com/engine/install/",
        )
    return None


def _compose(facts: HostFacts, settings: Settings) -> Fault | None:
    found, required = facts.value("compose.version") or facts.value("compose.v1"), settings.min_compose_version
    if not found:
        return Fault(
            f"Docker Compose v2 is not installed, {required} required",
            "install the Compose plugin on the host: fab -H HOST install-docker",
        )
    if is_older(found, required):
        return Fault(f"Docker Compose {found} found, {required} required", _COMPOSE_UPGRADE)
    return None


def _ports(facts: HostFacts) -> list[Fault]:
    return [
        Fault(
            f"port {port.number} is taken by {port.holder or 'another process'}",
            f"stop what listens on port {port.number}, or set HTTP_PORT or HTTPS_PORT to a free one",
            unsupported=False,
        )
        for port in facts.ports
        if port.state == "taken"
    ]
