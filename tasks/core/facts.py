"""What one round trip brings from a host, parsed into frozen models."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath as Path

from tasks.core.errors import HostFailed


@dataclass(frozen=True)
class HostImage:
    """An image in the host's store; `layers` are diff ids, in order."""

    id: str
    tags: tuple[str, ...]
    layers: tuple[str, ...]
    labels: Mapping[str, str]
    arch: str
    size: int


@dataclass(frozen=True)
class HostContainer:
    """A container of this application on the host; `slot` is blue, green or platform."""

    service: str
    slot: str
    release: str
    fingerprint: str
    state: str
    health: str
    image: str
    id: str


@dataclass(frozen=True)
class HostRelease:
    """A release directory on the host, with the status from its .state file.

    `pushed` is when it came there, seconds since the epoch by the host's clock.
    """

    name: str
    status: str
    configuration_hash: str
    pushed: int = 0


@dataclass(frozen=True)
class Disk:
    """Free space of a file system: kibibytes and inodes."""

    path: str
    free_kib: int
    free_inodes: int


@dataclass(frozen=True)
class Port:
    """A port the edge needs: `free`, `own` (our edge has it) or `taken` by `holder`."""

    number: int
    state: str
    holder: str


@dataclass(frozen=True)
class HostFacts:
    """Everything a deployment asks a host before it decides anything."""

    values: Mapping[str, str]
    os_release: str
    os_fallback: tuple[str, ...]
    images: tuple[HostImage, ...]
    containers: tuple[HostContainer, ...]
    releases: tuple[HostRelease, ...]  # in the order in which they were pushed
    disks: tuple[Disk, ...]
    ports: tuple[Port, ...]
    volumes: frozenset[str]
    active_facts: Mapping[str, str] = field(default_factory=dict)

    def value(self, key: str) -> str:
        """Give a plain fact, or an empty string."""
        return self.values.get(key, "")

    @property
    def active(self) -> HostRelease | None:
        """The release that was last committed, if its directory is there."""
        name = self.value("active.release")
        return next((release for release in self.releases if release.name == name), None)

    @property
    def unfinished(self) -> str:
        """The phase in which an activation was cut off; nothing while one is running."""
        return "" if self.value("lock").startswith("held") else self.value("journal.phase")

    def container(self, service: str, slot: str) -> HostContainer | None:
        """Find a container by service and slot."""
        return next((one for one in self.containers if one.service == service and one.slot == slot), None)

    def image_named(self, tag: str) -> HostImage | None:
        """Find an image by one of its names."""
        return next((image for image in self.images if tag in image.tags), None)

    def disk_of(self, path: str) -> Disk | None:
        """Find the file system that a path lies on: the longest mount point that leads to it."""
        leading = [disk for disk in self.disks if Path(path).is_relative_to(disk.path)]
        return max(leading, key=lambda disk: len(disk.path), default=None)

    @property
    def serving(self) -> tuple[HostContainer, ...]:
        """The containers that serve: the platform's and the active slot's."""
        slots = ("platform", self.value("link"))
        return tuple(one for one in self.containers if one.slot in slots)


SERVICES = ("database", "edge", "backend", "frontend")


def parse_facts(lines: Iterable[str]) -> HostFacts:
    """Parse the `key=value` lines of the host command `facts`.

    Raises HostFailed when the schema is one this version does not know.
    """
    values: dict[str, str] = {}
    repeated: dict[str, list[str]] = {}
    for line in lines:
        key, separator, value = line.partition("=")
        if separator:
            values[key] = value
            repeated.setdefault(key, []).append(value)
    if values.get("schema") != "1":
        raise HostFailed(
            f"the host's facts have schema {values.get('schema') or 'none'}, this version reads schema 1",
            remedy="use the newest version of this tool that was used on the host",
        )
    return HostFacts(
        values=values,
        os_release="\n".join(repeated.get("os_release", [])),
        os_fallback=tuple(repeated.get("os_fallback", [])),
        images=tuple(_image(json.loads(text)) for text in repeated.get("image", [])),
        containers=tuple(_container(json.loads(text)) for text in repeated.get("container", [])),
        releases=tuple(sorted(map(_release, repeated.get("release", [])), key=lambda each: (each.pushed, each.name))),
        disks=tuple(_disk(text) for text in repeated.get("disk", [])),
        ports=tuple(_port(text) for text in repeated.get("port", [])),
        volumes=frozenset(repeated.get("volume", [])),
        active_facts=dict(text.partition("=")[::2] for text in repeated.get("active_facts", [])),
    )


def _image(data: dict[str, object]) -> HostImage:
    labels = data.get("labels")
    return HostImage(
        id=str(data["id"]),
        tags=tuple(_strings(data.get("tags"))),
        layers=tuple(_strings(data.get("layers"))),
        labels={str(key): str(value) for key, value in labels.items()} if isinstance(labels, dict) else {},
        arch=str(data.get("arch", "")),
        size=int(str(data.get("size", 0))),
    )


def _strings(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []


def _container(data: dict[str, object]) -> HostContainer:
    names = ("service", "slot", "release", "fingerprint", "state", "health", "image", "id")
    return HostContainer(**{name: str(data.get(name) or "") for name in names})


def _release(text: str) -> HostRelease:
    name, status, configuration_hash, pushed = [*text.split(" "), "", "", ""][:4]
    return HostRelease(name, status, configuration_hash, int(pushed or 0))


def _disk(text: str) -> Disk:
    path, kib, inodes = text.rsplit(" ", 2)
    return Disk(path, int(kib or 0), int(inodes or 0) if inodes.isdigit() else 0)


def _port(text: str) -> Port:
    number, state, holder = [*text.split(" ", 2), "", ""][:3]
    return Port(int(number), state, holder)
