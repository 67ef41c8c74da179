"""What one round trip brings from a host, parsed into frozen models."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tasks.core.errors import HostFailed
from tasks.core.host_certificate import HostCertificate, parse_host_certificate
from tasks.core.migrations import HostMigrations


@dataclass(frozen=True)
class HostImage:
    """An image in the host's store; `layers` are diff ids, in order; `size` is in bytes."""

    tags: tuple[str, ...]
    layers: tuple[str, ...]
    labels: Mapping[str, str]
    size: int


EDITED = "edited"
"""What the host gives for the configuration's hash of a release whose files were changed there."""


@dataclass(frozen=True)
class HostContainer:
    """A container of this application on the host; `slot` is blue, green or platform."""

    service: str
    slot: str
    release: str
    fingerprint: str
    state: str
    health: str


@dataclass(frozen=True)
class HostRelease:
    """A release directory on the host, with the status from its .state file.

    `pushed` is when it came there, seconds since the epoch by the host's clock; `seq` numbers its last activation.
    """

    name: str
    status: str
    configuration_hash: str
    pushed: int = 0
    seq: int = 0

    @property
    def is_edited(self) -> bool:
        """Whether its files on the host are not those that were pushed."""
        return self.configuration_hash == EDITED


@dataclass(frozen=True)
class Disk:
    """Free space of a file system: kibibytes and inodes, None where it makes them as it needs them.

    `roles` is what lies there: deployment, log, docker, data, containerd.
    """

    path: str
    free_kib: int
    free_inodes: int | None
    roles: tuple[str, ...] = ()


@dataclass(frozen=True)
class Port:
    """A port the edge needs: `free`, `own` (our edge has it), `taken` by `holder`, or `unknown` to this user."""

    number: int
    state: str
    holder: str


@dataclass(frozen=True)
class HostEngine:
    """Docker and Compose of a host; a version is empty where the program is missing or does not answer.

    `store` is the storage driver, or `containerd`; `package` is docker-ce or docker.io; `candidates` are the versions
    that the host's package manager would install, by package, where something is missing; `unfinished` are all packages
    of the host, ours or not, that a killed package manager has left neither installed nor gone.
    """

    version: str
    error: str
    root: str
    store: str
    compose: str
    compose_v1: str
    package: str
    is_rootless: bool
    is_installed: bool
    is_user_in_group: bool
    candidates: Mapping[str, str]
    unfinished: tuple[str, ...]

    @property
    def misconfigured(self) -> str:
        """The file that the engine cannot start with, usually daemon.json; `error` says what is wrong with it."""
        return self.error.partition("unable to configure the Docker daemon with file ")[2].partition(": ")[0]


@dataclass(frozen=True)
class HostFacts:
    """Everything a deployment asks a host before it decides anything.

    `privilege` is root, sudo, docker (may speak to the engine) or none; `clock` is in seconds since the epoch;
    `served_slot` is blue, green or none; `lock` is free, unknown, or held and by whom; `identity` and `active_facts`
    are the host's files as they stand; `database_fault` is why the database is not the host's, with what to do next;
    `data` is what the data volume says of itself (scripts/host/data.sh); `stacks` are other directories that containers
    of this application were deployed from; `faults` is, by service, why its container cannot stay as it is whatever is
    wanted (scripts/host/platform.sh); `unreadable` is who may not read what is deployed, and who may;
    `path_obstacle` is what keeps this user from writing there, and `path_next` the way around either;
    `privilege_next` is how this user gets the right to deploy; `account` is who has API_USER_UID there, and must not,
    `account_free` a number that nobody has (scripts/host/account.sh).
    """

    user: str
    privilege: str
    arch: str
    clock: int | None
    missing_tools: tuple[str, ...]
    os_release: str
    os_fallback: tuple[str, ...]
    engine: HostEngine
    is_path_there: bool
    served_slot: str
    active_name: str
    previous: str
    lock: str
    journal_phase: str
    images: tuple[HostImage, ...]
    containers: tuple[HostContainer, ...]
    releases: tuple[HostRelease, ...]  # in the order in which they were pushed
    disks: tuple[Disk, ...]
    ports: tuple[Port, ...]
    volumes: frozenset[str]
    identity: Mapping[str, str]
    active_facts: Mapping[str, str]
    active_state: Mapping[str, str]
    maintenance: Mapping[str, str]  # since and message; empty when it is off
    database_fault: str = ""
    database_next: str = ""
    migrations: HostMigrations = field(default_factory=HostMigrations)
    data: Mapping[str, str] = field(default_factory=dict)
    stacks: tuple[str, ...] = ()
    faults: Mapping[str, str] = field(default_factory=dict)
    unreadable: str = ""
    path_obstacle: str = ""
    path_next: str = ""
    privilege_next: str = ""
    account: str = ""
    account_free: str = ""
    certificate: HostCertificate = field(default_factory=HostCertificate)

    @property
    def active(self) -> HostRelease | None:
        """The release that was last committed, if its directory is there."""
        return next((release for release in self.releases if release.name == self.active_name), None)

    @property
    def is_administrator(self) -> bool:
        """Whether we are root there, by ourselves or by sudo."""
        return self.privilege in ("root", "sudo")

    @property
    def has_https(self) -> bool:
        """Whether the release that serves has HTTPS."""
        return self.active is not None and self.active_facts.get("ENABLE_HTTPS") == "true"

    @property
    def now(self) -> int:
        """The host's clock, in seconds since the epoch; ours where it was not told."""
        return int(time.time()) if self.clock is None else self.clock

    @property
    def is_locked(self) -> bool:
        """Whether somebody is changing the host now."""
        return self.lock.startswith("held")

    @property
    def unfinished(self) -> str:
        """The phase in which an activation was cut off; nothing while one is running."""
        return "" if self.is_locked else self.journal_phase

    @property
    def is_database_astray(self) -> bool:
        """Whether the server runs, and not on this host's data: it must not be touched by any deployment."""
        found = self.container("database", "platform")
        return bool(self.database_fault and self.identity) and found is not None and found.state == "running"

    def container(self, service: str, slot: str) -> HostContainer | None:
        """Find a container by service and slot."""
        return next((one for one in self.containers if one.service == service and one.slot == slot), None)

    def image_named(self, tag: str) -> HostImage | None:
        """Find an image by one of its names."""
        return next((image for image in self.images if tag in image.tags), None)

    @property
    def serving(self) -> tuple[HostContainer, ...]:
        """The containers that serve: the platform's and the active slot's."""
        slots = ("platform", self.served_slot)
        return tuple(one for one in self.containers if one.slot in slots)


SERVICES = ("database", "edge", "backend", "frontend")


def parse_facts(lines: Iterable[str]) -> HostFacts:
    """Parse the `key=value` lines of the host command `facts`.

    Raises HostFailed when the schema is one this version does not know.
    """
    facts = _Lines(lines)
    if facts.last("schema") != "1":
        raise HostFailed(
            f"the host's facts have schema {facts.last('schema') or 'none'}, this version reads schema 1",
            remedy="use the newest version of this tool that was used on the host",
        )
    clock = facts.last("clock")
    return HostFacts(
        user=facts.last("user"),
        privilege=facts.last("privilege"),
        arch=facts.last("arch"),
        clock=int(clock) if clock.isdecimal() else None,
        missing_tools=tuple(facts.last("tools.missing").split()),
        os_release="\n".join(facts.each("os_release")),
        os_fallback=facts.each("os_fallback"),
        engine=_engine(facts),
        is_path_there=facts.last("path") == "present",
        served_slot=facts.last("link") or "none",
        active_name=facts.last("active.release"),
        previous=facts.last("active.previous"),
        lock=facts.last("lock") or "free",
        journal_phase=facts.last("journal.phase"),
        images=tuple(_image(json.loads(text)) for text in facts.each("image")),
        containers=tuple(_container(json.loads(text)) for text in facts.each("container")),
        releases=tuple(sorted(map(_release, facts.each("release")), key=lambda each: (each.pushed, each.name))),
        disks=tuple(map(_disk, facts.each("disk"))),
        ports=tuple(map(_port, facts.each("port"))),
        volumes=frozenset(facts.each("volume")),
        identity=facts.under("identity."),
        active_facts=dict(text.partition("=")[::2] for text in facts.each("active_facts")),
        active_state=dict(text.partition("=")[::2] for text in facts.each("active_state")),
        maintenance=facts.under("maintenance."),
        database_fault=facts.last("database.fault"),
        database_next=facts.last("database.next"),
        migrations=_migrations(facts),
        data=facts.under("data."),
        stacks=facts.each("stack"),
        faults=dict(text.partition(" ")[::2] for text in facts.each("fault")),
        unreadable=facts.last("path.unreadable"),
        path_obstacle=facts.last("path.obstacle"),
        path_next=facts.last("path.next"),
        privilege_next=facts.last("privilege.next"),
        account=facts.last("account"),
        account_free=facts.last("account.free"),
        certificate=parse_host_certificate(facts.under("certificate.")),
    )


class _Lines:
    """The lines of a host's facts, by key; lines without `=` are passed over."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._values: dict[str, list[str]] = {}
        for line in lines:
            key, separator, value = line.partition("=")
            if separator:
                self._values.setdefault(key, []).append(value)

    def last(self, key: str) -> str:
        return self._values.get(key, [""])[-1]

    def each(self, key: str) -> tuple[str, ...]:
        return tuple(self._values.get(key, ()))

    def under(self, start: str) -> dict[str, str]:
        return {key.removeprefix(start): each[-1] for key, each in self._values.items() if key.startswith(start)}


def _engine(facts: _Lines) -> HostEngine:
    return HostEngine(
        version=facts.last("docker.version"),
        error=facts.last("docker.error"),
        root=facts.last("docker.root"),
        store=facts.last("docker.store"),
        compose=facts.last("compose.version"),
        compose_v1=facts.last("compose.v1"),
        package=facts.last("docker.package"),
        is_rootless=facts.last("docker.rootless") == "yes",
        is_installed=facts.last("docker.installed") == "yes",
        is_user_in_group=facts.last("docker.group") == "yes",
        candidates=facts.under("candidate."),
        unfinished=tuple(facts.last("packages.unfinished").split()),
    )


def _migrations(facts: _Lines) -> HostMigrations:
    releases = dict(text.partition(" ")[::2] for text in facts.each("release_migrations"))
    return HostMigrations(
        state=facts.last("migrations") or "none",
        why=facts.last("migrations.why"),
        applied=facts.each("migration.applied"),
        begun=facts.each("migration.begun"),
        tables=int(facts.last("database.tables") or 0),
        size=int(facts.last("database.size") or 0),
        releases={name: tuple(names.split(",")) for name, names in releases.items()},
    )


def _image(data: dict[str, object]) -> HostImage:
    labels = data.get("labels")
    return HostImage(
        tags=tuple(_strings(data.get("tags"))),
        layers=tuple(_strings(data.get("layers"))),
        labels={str(key): str(value) for key, value in labels.items()} if isinstance(labels, dict) else {},
        size=int(str(data.get("size", 0))),
    )


def _strings(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []


def _container(data: dict[str, object]) -> HostContainer:
    names = ("service", "slot", "release", "fingerprint", "state", "health")
    return HostContainer(**{name: _text(data.get(name)) for name in names})


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _release(text: str) -> HostRelease:
    name, status, configuration_hash, pushed, seq = [*text.split(" "), "", "", "", ""][:5]
    return HostRelease(name, status, configuration_hash, int(pushed or 0), int(seq or 0))


def _disk(text: str) -> Disk:
    roles, _, rest = text.partition(" ")
    path, kib, inodes = rest.rsplit(" ", 2)
    return Disk(path, int(kib or 0), int(inodes) if inodes.isdigit() else None, tuple(roles.split(",")))


def _port(text: str) -> Port:
    number, state, holder = [*text.split(" ", 2), "", ""][:3]
    return Port(int(number), state, holder)
