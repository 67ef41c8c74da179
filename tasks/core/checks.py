"""What `doctor` looks at on a host, decided from facts: each line with its remedy.

What a deployment refuses is decided in tasks.core.requirements, and only shown here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from tasks.core.disk import disk_remedy
from tasks.core.facts import HostFacts
from tasks.core.identity import Server, identity_faults
from tasks.core.installation import Installation, needed_installation
from tasks.core.os_release import detect
from tasks.core.requirements import (
    UnmetRequirement,
    lacking_privilege,
    shared_number,
    taken_port,
    unfit_compose,
    unfit_engine,
    unsupported_system,
)
from tasks.core.settings import Settings
from tasks.core.units import size

_DISK_NEEDED = 2_000_000_000
_INODES_NEEDED = 20_000
_CLOCK_SECONDS = 60


@dataclass(frozen=True)
class Check:
    """One line of `doctor`: what was looked at, what was found, and what to do when that is not enough.

    `passed` is None where it cannot be known: nothing is wrong that we see, and nothing is promised.
    """

    name: str
    passed: bool | None
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        """Write the line."""
        mark = {True: "ok  ", False: "FAIL", None: "?   "}[self.passed]
        return f"{mark} {self.name:<18} {self.found}" + ("" if self.passed else f"\n       do: {self.remedy}")


def host_checks(
    facts: HostFacts, settings: Settings, *, now: float | None = None, target: str = "HOST"
) -> Iterator[Check]:
    """Check everything that a deployment needs of a host.

    `now` is the workstation's clock, in seconds since the epoch; `target` is the host as -H named it.
    """
    yield _system(facts)
    yield _privilege(facts)
    yield _tools(facts)
    yield from _engine(facts, settings, target)
    yield from _disks(facts, target)
    yield from _ports(facts, settings)
    yield _path(facts, settings)
    yield _line("API_USER_UID", shared_number(facts, settings), f"{settings.api_user_uid} is no other account's")
    yield _clock(facts, time.time() if now is None else now)
    yield _lock(facts)
    yield _unfinished(facts)
    yield from _certificate(facts, settings, target)
    for service, why in facts.faults.items() if facts.active else ():
        yield Check(service, False, why, f"fab -H {target} plan says what is noticed, fab -H {target} up puts it right")


def identity_checks(
    facts: HostFacts, settings: Settings, *, host: str, target: str, server: Server | None = None
) -> Iterator[Check]:
    """Check that what is on the host belongs to these settings; see identity_faults."""
    faults = list(identity_faults(facts, settings, host=host, target=target, server=server))
    for fault in faults:
        yield Check(fault.about, False, "; ".join([fault.what, *map(str, fault.changes)]), fault.remedy)
    if not faults:
        is_there = facts.identity or facts.data
        yield Check(
            "data", True, "as these settings make it" if is_there else "none yet: the first deployment makes it"
        )


def _system(facts: HostFacts) -> Check:
    found = detect(facts.os_release, facts.os_fallback)
    return _line("operating system", unsupported_system(facts), found.name if found else "")


def _privilege(facts: HostFacts) -> Check:
    return _line("privilege", lacking_privilege(facts), f"{facts.user}, {facts.privilege or 'none'}")


def _line(name: str, unmet: UnmetRequirement | None, found: str) -> Check:
    return Check(name, False, unmet.what, unmet.remedy) if unmet else Check(name, True, found)


def _tools(facts: HostFacts) -> Check:
    missing = " ".join(facts.missing_tools)
    return Check("tools", not missing, missing or "flock, timeout, sha256sum … are there", f"install: {missing}")


def _engine(facts: HostFacts, settings: Settings, target: str) -> Iterator[Check]:
    needed = needed_installation(facts, settings)
    engine, required = facts.engine, (settings.min_docker_version, settings.min_compose_version)
    found = f"{engine.version}, {engine.store or 'store unknown'} (required {required[0]})"
    if facts.privilege == "none" and facts.engine.is_installed:  # one fault, one remedy: the right
        yield Check("docker", None, f"{facts.user} may not ask it", "as for the privilege")
    else:
        yield _part("docker", unfit_engine(facts, settings, target), found, needed, target)
    found = f"{engine.compose} (required {required[1]})"
    yield _part("compose", unfit_compose(facts, settings, target), found, needed, target)


def _part(
    name: str, unmet: UnmetRequirement | None, found: str, needed: Installation | UnmetRequirement | None, target: str
) -> Check:
    """Pass what is fit, and what a deployment will install, finish or start."""
    if isinstance(needed, Installation):
        coming = next((line for line in needed.lines if line.startswith(f"{name}: ")), "")
        if coming:
            what = coming.removeprefix(f"{name}: ")
            return Check(name, True, f"{what}: by deploy, or alone by fab -H {target} install-docker")
    if unmet and isinstance(needed, UnmetRequirement):  # it cannot be installed, and why
        return Check(name, False, unmet.what, needed.remedy)
    return _line(name, unmet, found)


def _disks(facts: HostFacts, target: str) -> Iterator[Check]:
    for disk in facts.disks:
        free = disk.free_kib * 1024
        is_large = set(disk.roles) & {"docker", "containerd"}
        room, inodes = (_DISK_NEEDED, _INODES_NEEDED) if is_large else (_DISK_NEEDED // 10, _INODES_NEEDED // 10)
        enough = free >= room and (disk.free_inodes is None or disk.free_inodes >= inodes)
        counted = "" if disk.free_inodes is None else f" and {disk.free_inodes} inodes"
        found = f"{disk.path} ({', '.join(disk.roles)}): {size(free)}{counted} free"
        yield Check("disk", enough, found, f"{size(room)} and {inodes} inodes there: {disk_remedy(facts, target)}")


def _ports(facts: HostFacts, settings: Settings) -> Iterator[Check]:
    for port in facts.ports:
        name = f"port {port.number}"
        if port.state == "unknown":
            yield Check(name, None, f"in use; by whom, {facts.user} may not see", "as for docker")
        else:
            yield _line(name, taken_port(port, settings), "ours" if port.state == "own" else port.state)


def _path(facts: HostFacts, settings: Settings) -> Check:
    if fault := facts.unreadable or facts.path_obstacle:
        return Check("deployment path", False, fault, facts.path_next)
    there = "present" if facts.is_path_there else "missing, and can be made"
    return Check("deployment path", True, f"{settings.deployment_path} is {there}")


def _clock(facts: HostFacts, now: float) -> Check:
    away = 0.0 if facts.clock is None else abs(facts.clock - now)
    return Check(
        "clock", away < _CLOCK_SECONDS, f"{away:.0f} s away from here", "set the host's clock: timedatectl set-ntp true"
    )


def _lock(facts: HostFacts) -> Check:
    return Check("lock", not facts.is_locked, facts.lock, "wait until it has ended, or see who it is")


def _unfinished(facts: HostFacts) -> Check:
    found = f"cut off at {facts.unfinished}" if facts.unfinished else "none unfinished"
    return Check("activation", not facts.unfinished, found, "the next deploy or up finishes or undoes it")


def _certificate(facts: HostFacts, settings: Settings, target: str) -> Iterator[Check]:
    """Check what the host serves, how long it lasts, and that it is what CERT_PATH has, where that is on the host."""
    found, renew = facts.certificate, f"fab -H {target} renew-certs"
    if facts.has_https and found.pair:
        near = f"; near its end: renew it, then {renew}" if found.is_short(facts.now) else ""
        new = f"put a new one into CERT_PATH, then {renew}"
        yield Check("certificate", not found.is_expired(facts.now), f"{found.text(facts.now)}{near}", new)
    if not settings.cert_on_host or not settings.enable_https:
        return
    if found.path_fault:
        yield Check(
            "CERT_PATH", False, found.path_fault, "mend that on the host, or set CERT_PATH to another directory"
        )
    elif found.path != found.pair:
        there = "another certificate than is served" if found.pair else "a certificate, and none is served yet"
        way = renew if facts.has_https else f"fab -H {target} deploy"
        yield Check("CERT_PATH", not found.pair, f"{settings.cert_path} has {there}", way)
