"""What must never change silently on a host, because it would give an empty or an unreadable database."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tasks.core.facts import HostFacts
from tasks.core.settings import Settings, release_environment

KEYS = {
    "app": "APP_NAME",
    "database": "POSTGRES_DB",
    "role": "POSTGRES_USER",
    "uid": "API_USER_UID",
    "gid": "API_USER_GID",
    "data_path": "DATA_PATH",
    "socket_path": "SOCKET_PATH",
}
"""The setting behind each line of a host's file `identity`; lines that the file lacks are not compared."""


_IMAGE = "POSTGRES_IMAGE"
VOLUME_KEYS = {"app": "APP_NAME", "database": "POSTGRES_DB", "role": "POSTGRES_USER", "uid": "API_USER_UID"}
"""The setting behind each thing that a data volume says of itself; what it does not say is not compared."""


@dataclass(frozen=True)
class IdentityChange:
    """A setting that differs from what is there.

    `source` is where the new value comes from, `where` is who has the old one.
    """

    key: str
    old: str
    new: str
    source: str
    where: str = "the host"

    def __str__(self) -> str:
        """Write old and new value in a line."""
        return f"{self.key} ({self.source}): {self.where} has {self.old or 'none'}, asked for is {self.new or 'none'}"


@dataclass(frozen=True)
class IdentityFault:
    """Why settings must not meet what is on a host; `about` names what was looked at."""

    about: str
    what: str
    changes: tuple[IdentityChange, ...]
    remedy: str


@dataclass(frozen=True)
class Server:
    """What decides whether an image can read a cluster: PostgreSQL's major version, and its C library (glibc, musl)."""

    major: str
    flavour: str

    def __str__(self) -> str:
        """Write it with the distributions that have such a library."""
        return f"PostgreSQL {self.major} ({_FLAVOURS.get(self.flavour, self.flavour)})"


_FLAVOURS = {"glibc": "Debian, glibc", "musl": "Alpine, musl"}


def parse_server(lines: Iterable[str]) -> Server | None:
    """Read what a database image says to `postgres --version; ls /lib`; nothing where that is no answer."""
    text = "\n".join(lines)
    found = re.search(r"PostgreSQL\)? (\d+)", text)
    return Server(found[1], "musl" if re.search(r"^ld-musl-", text, re.MULTILINE) else "glibc") if found else None


def identity_faults(
    facts: HostFacts, settings: Settings, *, host: str, target: str, server: Server | None = None
) -> Iterator[IdentityFault]:
    """Name everything on a host that belongs to another deployment than these settings make.

    `host` is its name, `target` as -H named it; `server` is what the new database image would run, where that is known.
    """
    for stack in facts.stacks:
        yield _another_directory(stack, settings, host, target)
    if changes := identity_changes(facts, settings):
        yield IdentityFault(
            "database identity",
            f"the database on {host} has another identity",
            changes,
            f"set it back ({old_values(changes)}); to begin with an empty database instead, save the data, "
            f"then, with the old values, fab -H {target} down --volumes --yes, and deploy with the new ones",
        )
    yield from _data(facts, settings, host, target, server)


def _another_directory(stack: str, settings: Settings, host: str, target: str) -> IdentityFault:
    path = str(settings.deployment_path)
    return IdentityFault(
        "stack",
        f"{settings.app_name} runs on {host} already, deployed to another directory",
        (IdentityChange("DEPLOYMENT_PATH", stack, path, settings.sources["DEPLOYMENT_PATH"]),),
        f"set it back (DEPLOYMENT_PATH={stack}); to move it: with the old value fab -H {target} down, on the host, "
        f"as root, mv {stack} {path}, then deploy; an application of its own needs another APP_NAME and other ports",
    )


def _data(
    facts: HostFacts, settings: Settings, host: str, target: str, server: Server | None
) -> Iterator[IdentityFault]:
    wanted, data = release_environment(settings), facts.data
    is_new_directory = wanted["DATA_PATH"] and wanted["DATA_VOLUME"] not in facts.volumes
    place = f"the directory {wanted['DATA_PATH']}" if is_new_directory else f"the data volume {wanted['DATA_VOLUME']}"
    unwanted = "" if wanted["DATA_PATH"] else f"; if nothing in it is needed, {_removal(facts, wanted, target)}"
    if data.get("source") == "other":
        what = f"{place} on {host} holds a cluster of PostgreSQL {data.get('major')} that another image made"
        remedy = f"dump it with the image that made it, and give an empty one{unwanted}"
        yield IdentityFault("data volume", what, (), remedy)
    elif changes := (*_data_changes(facts, settings, place), *_server_changes(facts, settings, place, server)):
        emptied = (
            "down, and with another, empty DATA_PATH"
            if wanted["DATA_PATH"]
            else "down --volumes --yes, and with the new"
        )
        remedy = (
            f"set it back ({old_values(changes)}); to change it: with the old values fab -H {target} deploy, backup, "
        )
        what = f"{place} on {host} holds another database than these settings make"
        yield IdentityFault("data volume", what, changes, f"{remedy}{emptied} deploy and restore{unwanted}")


def _data_changes(facts: HostFacts, settings: Settings, place: str) -> Iterator[IdentityChange]:
    """Compare what the data says of itself, but for what the host's own identity has said already."""
    wanted, told = release_environment(settings), {change.key for change in identity_changes(facts, settings)}
    for line, key in VOLUME_KEYS.items():
        if facts.data.get(line, wanted[key]) != wanted[key] and key not in told:
            yield IdentityChange(key, facts.data[line], wanted[key], settings.sources[key], place)


def _server_changes(
    facts: HostFacts, settings: Settings, place: str, server: Server | None
) -> Iterator[IdentityChange]:
    there = Server(facts.data.get("major", ""), facts.data.get("flavour", ""))
    if server and there.major and there.flavour and there != server:
        yield IdentityChange(_IMAGE, str(there), str(server), settings.sources[_IMAGE], place)


def _removal(facts: HostFacts, wanted: Mapping[str, str], target: str) -> str:
    """Say how a data volume goes, with all that uses it."""
    if facts.identity or facts.containers:
        return f"fab -H {target} down --volumes --yes, then deploy"
    return f"docker volume rm {wanted['DATA_VOLUME']} on the host, then deploy"


def identity_changes(facts: HostFacts, settings: Settings) -> tuple[IdentityChange, ...]:
    """Compare a host's identity with the settings; nothing before its first activation."""
    wanted = release_environment(settings)
    return tuple(
        IdentityChange(key, facts.identity[line], wanted[key], settings.sources[key])
        for line, key in KEYS.items()
        if line in facts.identity and facts.identity[line] != wanted[key]
    )


def old_values(changes: Iterable[IdentityChange]) -> str:
    """Write the lines that a settings file needs for the database that is there; an image's name is not known."""
    return ", ".join(
        f"{change.key} to an image of {change.old}" if change.key == _IMAGE else f"{change.key}={change.old}"
        for change in changes
    )
