"""Which packages of engine and Compose each release of a distribution has, as far as we install them.

Oldest first in each family; a release that is newer than all is taken for the newest.
Source: the archives' own lists (Debian's; Ubuntu's NAME and NAME-updates, universe), November 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tasks.core.os_release import OperatingSystem
from tasks.core.requirements import is_older


@dataclass(frozen=True)
class Distribution:
    """What the archive of one release of a distribution has: packages of engine and Compose, and their versions."""

    family: str
    codename: str
    number: str
    engine: tuple[str, ...]
    engine_version: str
    compose: tuple[str, ...]
    compose_version: str


_CLI = ("docker.io", "docker-cli", "iptables", "ca-certificates")
_IO = ("docker.io", "iptables", "ca-certificates")
_V2 = ("docker-compose-v2",)
_V1 = ("docker-compose",)

DISTRIBUTIONS = (
    Distribution("debian", "bullseye", "11", _IO, "20.10.5", _V1, "1.25.0"),
    Distribution("debian", "bookworm", "12", _IO, "20.10.24", _V1, "1.29.2"),
    Distribution("debian", "trixie", "13", _CLI, "26.1.5", ("docker-compose",), "2.26.1"),
    Distribution("debian", "forky", "14", _CLI, "28.5.2", ("docker-compose",), "2.40.3"),
    Distribution("ubuntu", "focal", "20.04", _IO, "26.1.3", _V2, "2.27.1"),
    Distribution("ubuntu", "jammy", "22.04", _IO, "29.1.3", _V2, "2.40.3"),
    Distribution("ubuntu", "noble", "24.04", _IO, "29.1.3", _V2, "2.40.3"),
    Distribution("ubuntu", "resolute", "26.04", _IO, "29.1.3", _V2, "2.40.3"),
)
TOO_OLD = frozenset({
    "wheezy", "jessie", "stretch", "buster",
    "precise", "trusty", "xenial", "artful", "bionic", "cosmic", "disco", "eoan",
})  # fmt: skip
"""Releases of these families for which nobody makes an engine that is new enough."""


def release_of(system: OperatingSystem) -> Distribution | None:
    """Find a system's release: by codename (a derivative's is its parent's), by number, else the newest.

    None when it is too old.
    """
    rows = [row for row in DISTRIBUTIONS if row.family == system.id]
    for row in rows:
        if system.codename == row.codename or (not system.codename and _same_number(system.version, row.number)):
            return row
    is_known_old = system.codename in TOO_OLD or (
        system.version != "" and not system.codename and is_older(system.version, rows[0].number)
    )
    return None if is_known_old else rows[-1]


def with_candidates(release: Distribution | None, candidates: Mapping[str, str]) -> Distribution | None:
    """Correct the versions by what the host's own lists offer (by package)."""
    if release is None:
        return None
    engine, compose = candidates.get(release.engine[0]), candidates.get(release.compose[0])
    return replace(
        release,
        engine_version=upstream(engine) if engine else release.engine_version,
        compose_version=upstream(compose) if compose else release.compose_version,
    )


def upstream(version: str) -> str:
    """Give the program's own version of a Debian one: no epoch, nothing from the packaging."""
    return re.split(r"[-+~]", version.rpartition(":")[2])[0]


def _same_number(version: str, number: str) -> bool:
    return version == number or version.startswith(number + ".")
