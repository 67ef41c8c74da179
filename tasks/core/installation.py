"""How Docker and Compose come to a host that lacks them: which packages, from where, decided before anything changes.

What is there is never replaced: an engine or a Compose that is too old is a fault (tasks.core.requirements), not work.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tasks.core.facts import HostFacts
from tasks.core.os_release import OperatingSystem, detect
from tasks.core.packages import DISTRIBUTIONS, Distribution, release_of, with_candidates
from tasks.core.requirements import UnmetRequirement, is_older, misconfigured_engine, unsupported_system
from tasks.core.settings import Settings

DOCKER_KEY = "9DC858229FC7DD38854AE2D88D81803C0EBFCD88"
"""Fingerprint of the key of Docker's repositories for Debian and Ubuntu.

Source: https://docs.docker.com/engine/install/debian/ ("Set up Docker's apt repository"; written out until 2023).
"""
_DOCKER_URL = "https://download.docker.com/linux"
_DOCKER_PACKAGES = {"engine": ("docker-ce", "docker-ce-cli", "containerd.io"), "compose": ("docker-compose-plugin",)}
_BY_HAND = "https://docs.docker.com/engine/install/"
_START = "docker: is installed and will be started"
_PARTS = {
    "engine": {
        "docker.io",
        "docker-cli",
        "docker-ce",
        "docker-ce-cli",
        "containerd",
        "containerd.io",
        "runc",
        "iptables",
    },
    "compose": {"docker-compose", "docker-compose-v2", "docker-compose-plugin"},
}
"""The packages without which a part is not installed, from any source."""


@dataclass(frozen=True)
class Installation:
    """What has to be done on a host before it can run containers; no packages: the engine is only started.

    `parts` are `engine` and `compose`, which the host will have afterwards; `lines` are for the plan.
    """

    manager: str
    parts: tuple[str, ...]
    packages: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    repository: str = ""
    by_hand: str = ""

    def parameters(self) -> dict[str, str]:
        """Give the parameters of the host command `install`."""
        return {
            "PACKAGE_MANAGER": self.manager,
            "PACKAGES": " ".join(self.packages),
            "DOCKER_REPOSITORY": self.repository,
            "DOCKER_KEY": DOCKER_KEY,
            "BY_HAND": self.by_hand,
        }


@dataclass(frozen=True)
class Missing:
    """Which of engine and Compose a host lacks; `stopped`: the engine is there, and does not run.

    `torn` are packages whose installation was cut off: the part they belong to counts as missing.
    """

    engine: bool
    compose: bool
    stopped: bool
    torn: tuple[str, ...] = ()


def missing(facts: HostFacts) -> Missing:
    """Tell what a host lacks; Compose v1 and an engine that will not speak to us do not count as missing.

    What a killed package manager left half way is missing for who can finish it, and for who has no engine from it.
    """
    engine = facts.engine
    silent = not engine.version
    torn = engine.unfinished if facts.is_administrator or silent else ()
    has = {part: _PARTS[part].isdisjoint(torn) for part in _PARTS}
    return Missing(
        engine=(silent and not engine.is_installed) or not has["engine"],
        compose=(not engine.compose and not engine.compose_v1) or not has["compose"],
        stopped=silent and engine.is_installed and facts.is_administrator and has["engine"],
        torn=torn,
    )


def needed_installation(facts: HostFacts, settings: Settings) -> Installation | UnmetRequirement | None:
    """Decide what to install or start on a host, or why that cannot be; None when nothing is missing."""
    system = detect(facts.os_release, facts.os_fallback)
    if system is None:
        return unsupported_system(facts)
    lacks = missing(facts)
    if not (lacks.engine or lacks.compose or lacks.stopped):
        return None
    if lacks.engine and facts.engine.compose_v1 and not lacks.torn:
        return None  # too old, and said so by the requirements
    if not (lacks.engine or lacks.compose):
        return misconfigured_engine(facts) or Installation(
            "", ("engine",), lines=(_START,), by_hand="systemctl start docker"
        )
    if not facts.is_administrator:
        return _not_allowed(facts)
    return _by_packages(facts, settings, system, lacks)


def _not_allowed(facts: HostFacts) -> UnmetRequirement:
    return UnmetRequirement(
        f"Docker or Compose is {'only half installed' if facts.engine.unfinished else 'missing'}, "
        f"and {facts.user} may not install it: neither root nor allowed `sudo -n`",
        f"allow it: {facts.privilege_next}",
        unsupported=False,
    )


def _by_packages(
    facts: HostFacts, settings: Settings, system: OperatingSystem, lacks: Missing
) -> Installation | UnmetRequirement:
    if system.package_manager != "apt-get":
        return UnmetRequirement(
            f"Docker is missing, and is installed by hand for now where packages come by {system.package_manager}",
            f"on the host, as root: {_other_managers(system)}; see {_BY_HAND}",
        )
    release = with_candidates(release_of(system), facts.engine.candidates)
    if release is None:
        return UnmetRequirement(
            f"Docker is missing, and {system.name} is too old for one that is new enough",
            f"use a newer release of it, from {' or '.join(_oldest())} on",
        )
    own = facts.engine.package == "docker-ce" or (
        "docker.io" not in lacks.torn and not _is_enough(release, settings, lacks)
    )
    found = _DOCKER_PACKAGES if own else {"engine": release.engine, "compose": release.compose}
    wanted = [part for part, is_missing in (("engine", lacks.engine), ("compose", lacks.compose)) if is_missing]
    packages = tuple(package for part in wanted for package in found[part])
    repository = f"{_DOCKER_URL}/{release.family} {release.codename} stable" if own else ""
    return Installation(
        manager=system.package_manager,
        parts=(*wanted, *(["engine"] if lacks.stopped else [])),
        packages=packages,
        lines=tuple(_lines(release, own=own, lacks=lacks, packages=found)),
        repository=repository,
        by_hand=_by_hand(packages, release, own=own),
    )


def _is_enough(release: Distribution, settings: Settings, lacks: Missing) -> bool:
    engine = not lacks.engine or not is_older(release.engine_version, settings.min_docker_version)
    return engine and (not lacks.compose or not is_older(release.compose_version, settings.min_compose_version))


def _lines(release: Distribution, *, own: bool, lacks: Missing, packages: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """Write what `plan` says, a line for each part."""
    parts = (
        ("docker", lacks.engine, packages["engine"][0], release.engine_version),
        ("compose", lacks.compose, packages["compose"][0], release.compose_version),
    )
    for name, is_missing, package, version in parts:
        if is_missing:
            what = f"{package} from Docker's own repository" if own else f"{package} {version}"
            torn = _PARTS["engine" if name == "docker" else name].intersection(lacks.torn)
            how = (
                f"was installed half way ({', '.join(sorted(torn))}), and will be finished"
                if torn
                else "will be installed"
            )
            yield f"{name}: {how} ({what} by apt-get)"
    if lacks.stopped:
        yield _START


def _by_hand(packages: tuple[str, ...], release: Distribution, *, own: bool) -> str:
    command = f"apt-get update && apt-get install -y {' '.join(packages)}"
    if not own:
        return f"by hand on the host, as root: {command}; then run this again"
    return (
        f"by hand: set up Docker's repository as {_BY_HAND}{release.family}/ says "
        f"(on a host without internet: from a mirror, or copy the packages there), then {command}; then run this again"
    )


def _other_managers(system: OperatingSystem) -> str:
    commands = {
        "dnf": "dnf install docker-ce docker-compose-plugin (Docker's repository) or dnf install docker",
        "yum": "yum install docker-ce docker-compose-plugin (Docker's repository) or yum install docker",
        "zypper": "zypper install docker docker-compose",
        "apk": "apk add docker docker-cli-compose",
    }
    return commands[system.package_manager]


def _oldest() -> Iterator[str]:
    for name, family in (("Debian", "debian"), ("Ubuntu", "ubuntu")):
        yield f"{name} {next(row.number for row in DISTRIBUTIONS if row.family == family)}"
