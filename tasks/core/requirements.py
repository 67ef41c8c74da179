"""What a host must have before anything is sent to it, and how to get what is missing.

Each condition is decided here alone: `doctor` prints all of them, a deployment refuses on those that are not met.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from tasks.core.facts import HostFacts, Port
from tasks.core.os_release import SUPPORTED, detect
from tasks.core.settings import Settings

_COMPOSE_UPGRADE = (
    "upgrade the Compose plugin on the host: package docker-compose (Debian 13), docker-compose-v2 (Ubuntu), or "
    "docker-compose-plugin of Docker's own repository: https://docs.docker.com/compose/install/linux/"
)


@dataclass(frozen=True)
class UnmetRequirement:
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


def missing_requirements(
    facts: HostFacts, settings: Settings, *, coming: Collection[str] = (), target: str = "HOST"
) -> tuple[UnmetRequirement, ...]:
    """Name everything that keeps a host from running the application, most basic first.

    `coming`: `engine` or `compose`, when it is about to be installed or started. For a user without any right that is
    the only fault: what else such a user can see is not the host's state. `target`: the host as -H named it.
    """
    if fault := lacking_privilege(facts):
        return (fault,)
    checks = (
        None if "engine" in coming else unfit_engine(facts, settings, target),
        None if "compose" in coming else unfit_compose(facts, settings, target),
        *(taken_port(port, settings) for port in facts.ports),
    )
    return tuple(fault for fault in checks if fault)


def unsupported_system(facts: HostFacts) -> UnmetRequirement | None:
    """Refuse an operating system that is none of ours."""
    if detect(facts.os_release, facts.os_fallback):
        return None
    name = (facts.os_release.splitlines() or ["no os-release file"])[0]
    return UnmetRequirement(f"its operating system is not supported: {name}", f"use one of: {', '.join(SUPPORTED)}")


def lacking_privilege(facts: HostFacts) -> UnmetRequirement | None:
    """Refuse a user who may neither become root nor use Docker."""
    if facts.privilege != "none":
        return None
    return UnmetRequirement(
        f"{facts.user} is neither root, nor allowed `sudo -n`, nor in the group docker",
        f"allow it: {facts.privilege_next}",
        unsupported=False,
    )


def unfit_engine(facts: HostFacts, settings: Settings, target: str = "HOST") -> UnmetRequirement | None:
    """Refuse an engine that is missing, silent, rootless or too old."""
    found = facts.engine.version
    if unmet := misconfigured_engine(facts):
        return unmet
    if not found:
        why = facts.engine.error or "docker is not installed"
        if "permission denied" in why:
            return UnmetRequirement(
                f"{facts.user} may not speak to Docker: {why}", f"allow it: {facts.privilege_next}", unsupported=False
            )
        return UnmetRequirement(
            f"no Docker engine answers: {why}",
            "start Docker on the host: systemctl start docker, or as its log says: journalctl -u docker"
            if facts.engine.is_installed
            else f"install and start Docker on the host: fab -H {target} install-docker",
        )
    if facts.engine.is_rootless:
        return UnmetRequirement("Docker runs rootless", "use a host with the system-wide Docker engine")
    if is_older(found, settings.min_docker_version):
        return UnmetRequirement(
            f"Docker {found} found, {settings.min_docker_version} required",
            "upgrade Docker on the host (its containers stop meanwhile): https://docs.docker.com/engine/install/",
        )
    return None


def misconfigured_engine(facts: HostFacts) -> UnmetRequirement | None:
    """Refuse an engine that is there and cannot start with its configuration: nobody but its owner can mend that."""
    file = facts.engine.misconfigured
    if not file:
        return None
    return UnmetRequirement(
        f"Docker does not start: {facts.engine.error}",
        f"mend {file} on the host, then the same again",
        unsupported=False,
    )


def unfit_compose(facts: HostFacts, settings: Settings, target: str = "HOST") -> UnmetRequirement | None:
    """Refuse a Compose that is missing or too old."""
    found, required = facts.engine.compose or facts.engine.compose_v1, settings.min_compose_version
    if not found:
        return UnmetRequirement(
            f"Docker Compose v2 is not installed, {required} required",
            f"install the Compose plugin on the host: fab -H {target} install-docker",
        )
    if is_older(found, required):
        return UnmetRequirement(f"Docker Compose {found} found, {required} required", _COMPOSE_UPGRADE)
    return None


def shared_number(facts: HostFacts, settings: Settings) -> UnmetRequirement | None:
    """Refuse an account that has the number of the backend's user; on a deployed host the number stays what it is."""
    if not facts.account:
        return None
    move = f"usermod -u {facts.account_free} {facts.account} (on the host, as root, while it has no process)"
    set_free = f"set API_USER_UID={facts.account_free}, which nobody has there; it cannot change after the deployment"
    return UnmetRequirement(
        f"{settings.api_user_uid} (API_USER_UID), which the backend runs as, is the number of the account "
        f"{facts.account}: it could read the application's secrets",
        f"give the account another: {move}" if facts.identity else f"{set_free}; or {move}",
        unsupported=False,
    )


def taken_port(port: Port, settings: Settings) -> UnmetRequirement | None:
    """Refuse a port that somebody else listens on; another application of ours is not to be stopped for this one."""
    if port.state != "taken":
        return None
    setting = "HTTP_PORT" if port.number == settings.http_port else "HTTPS_PORT"
    is_ours = port.holder.startswith("the application ")
    return UnmetRequirement(
        f"port {port.number} is taken by {port.holder or 'another process'}",
        f"set {setting} to a free port for this one"
        if is_ours
        else f"stop what listens on port {port.number}, or set {setting} to a free one",
        unsupported=False,
    )
