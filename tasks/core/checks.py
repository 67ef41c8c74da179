"""What `doctor` looks at on a host, decided from facts: each line with its remedy."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from tasks.core.facts import HostFacts
from tasks.core.installation import Installation, needed_installation
from tasks.core.os_release import SUPPORTED, detect
from tasks.core.requirements import Fault, is_older
from tasks.core.settings import Settings
from tasks.core.units import size

_DISK_NEEDED = 2_000_000_000
_INODES_NEEDED = 20_000
_CLOCK_SECONDS = 60


@dataclass(frozen=True)
class Check:
    """One line of `doctor`: what was looked at, what was found, and what to do when that is not enough."""

    name: str
    passed: bool
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        """Write the line."""
        mark = "ok  " if self.passed else "FAIL"
        return f"{mark} {self.name:<18} {self.found}" + ("" if self.passed else f"\n       do: {self.remedy}")


def host_checks(facts: HostFacts, settings: Settings, *, now: float | None = None) -> Iterator[Check]:
    """Check everything that a deployment needs of a host; `now` is the workstation's clock, seconds since the epoch."""
    yield _system(facts)
    yield _privilege(facts)
    yield _tools(facts)
    yield from _engine(facts, settings)
    yield from _disks(facts)
    yield from _ports(facts)
    yield _path(facts, settings)
    yield _clock(facts, time.time() if now is None else now)
    yield _lock(facts)
    yield _unfinished(facts)


def _system(facts: HostFacts) -> Check:
    found = detect(facts.os_release, facts.os_fallback)
    name = found.name if found else (facts.os_release.splitlines() or ["no os-release file"])[0]
    return Check("operating system", found is not None, name, f"use one of: {', '.join(SUPPORTED)}")


def _privilege(facts: HostFacts) -> Check:
    kind, user = facts.value("privilege"), facts.value("user")
    remedy = f"on the host: echo '{user} ALL=(ALL) NOPASSWD: ALL' | sudo tee /etc/sudoers.d/{user}"
    return Check("privilege", kind != "none", f"{user}, {kind or 'none'}", remedy)


def _tools(facts: HostFacts) -> Check:
    missing = facts.value("tools.missing")
    return Check("tools", not missing, missing or "flock, timeout, sha256sum … are there", f"install: {missing}")


def _engine(facts: HostFacts, settings: Settings) -> Iterator[Check]:
    needed = needed_installation(facts, settings)
    found = facts.value("docker.version")
    remedy = f"install or start Docker {settings.min_docker_version} or newer: systemctl start docker"
    yield _version("docker", found, settings.min_docker_version, needed, remedy=remedy,
                   otherwise=facts.value("docker.error"))  # fmt: skip
    rootless = facts.value("docker.rootless") == "yes"
    yield Check("docker daemon", not rootless, "rootless" if rootless else facts.value("docker.store") or "-",
                "use the system-wide engine")  # fmt: skip
    found = facts.value("compose.version") or facts.value("compose.v1")
    remedy = f"install the Compose plugin {settings.min_compose_version} or newer"
    yield _version("compose", found, settings.min_compose_version, needed, remedy=remedy)


def _version(
    name: str, found: str, required: str, needed: Installation | Fault | None, *, remedy: str, otherwise: str = ""
) -> Check:
    """Pass what is new enough, and what a deployment will install or start."""
    said = found or otherwise or "not installed"
    if isinstance(needed, Installation):
        coming = next((line for line in needed.lines if line.startswith(f"{name}: ")), "")
        if coming:
            return Check(name, True, coming.removeprefix(f"{name}: "))
    if isinstance(needed, Fault) and not found:
        remedy = needed.remedy
    return Check(name, bool(found) and not is_older(found, required), f"{said} (required {required})", remedy)


def _disks(facts: HostFacts) -> Iterator[Check]:
    for disk in facts.disks:
        free = disk.free_kib * 1024
        # a file system that makes inodes as it needs them (btrfs) reports none
        enough = free >= _DISK_NEEDED and (disk.free_inodes == 0 or disk.free_inodes >= _INODES_NEEDED)
        found = f"{disk.path}: {size(free)} and {disk.free_inodes} inodes free"
        yield Check("disk", enough, found, f"free {size(_DISK_NEEDED)} there: docker image prune")


def _ports(facts: HostFacts) -> Iterator[Check]:
    for port in facts.ports:
        found = {"free": "free", "own": "ours"}.get(port.state, f"taken by {port.holder or 'another process'}")
        remedy = f"stop what listens on port {port.number}, or set HTTP_PORT or HTTPS_PORT"
        yield Check(f"port {port.number}", port.state != "taken", found, remedy)


def _path(facts: HostFacts, settings: Settings) -> Check:
    place, writable = settings.deployment_path, facts.value("path.writable") == "yes"
    found = f"{place} is {facts.value('path') or 'unknown'}, {'writable' if writable else 'not writable'}"
    remedy = f"on the host, as root: install -d -m 0750 -o {facts.value('user')} {place}"
    return Check("deployment path", writable, found, remedy)


def _clock(facts: HostFacts, now: float) -> Check:
    clock = facts.value("clock")
    away = abs(float(clock) - now) if clock.isdigit() else 0.0
    return Check(
        "clock", away < _CLOCK_SECONDS, f"{away:.0f} s away from here", "set the host's clock: timedatectl set-ntp true"
    )


def _lock(facts: HostFacts) -> Check:
    lock = facts.value("lock")
    return Check("lock", not lock.startswith("held"), lock or "free", "wait until it has ended, or see who it is")


def _unfinished(facts: HostFacts) -> Check:
    phase = facts.value("journal.phase")
    running = facts.value("lock").startswith("held")
    found = f"cut off at {phase}" if phase and not running else "none unfinished"
    return Check("activation", not phase or running, found, "the next deploy or up finishes or undoes it")
