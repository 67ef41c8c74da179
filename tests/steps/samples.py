"""A small world for tests: settings, images, a build, and what a host says of itself."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tasks.core.facts import SERVICES, HostFacts, parse_facts
from tasks.core.identity import KEYS
from tasks.core.images import DockerImage
from tasks.core.releases import PLATFORM, Build, ReleaseFiles, release_facts
from tasks.core.settings import Settings, load_settings, release_environment

APP = "community-tracker"
RELEASE = "20261123T154500Z-1a2b3c4"
SECRET = "s3cr3t-never-shown"


def sha256(content: str | bytes) -> str:
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def make_settings(place: Path, text: str = f"SESSION_TOKEN={SECRET}\n", **overrides: str) -> Settings:
    """Settings as the tool reads them, from a .env in `place`."""
    (place / ".env").write_text(text)
    (place / ".env").chmod(0o600)
    return load_settings(root=place, host="web1", environ={}, overrides=overrides)


def make_image(service: str, content: str = "one") -> DockerImage:
    digest = sha256(f"{service} {content}")
    return DockerImage(
        name=f"{APP}/{service}",
        tag=digest[:12],
        digest=f"sha256:{digest}",
        size=50_000_000,
        build_timestamp="2026-11-23T15:45:00Z",
        build_host="local",
        layers=(f"sha256:{sha256('base')}", f"sha256:{sha256(digest)}"),
        input=sha256(f"input {digest}"),
    )


def make_build(**contents: str) -> Build:
    """A build of four images; `frontend="two"` changes one."""
    images = {service: make_image(service, contents.get(service, "one")) for service in SERVICES}
    return Build(RELEASE, "linux/amd64", images, ("20260101000000_init",), {})


@dataclass(frozen=True)
class HostState:
    """A host as `facts` tells of it: by default Debian with Docker 26 and nothing deployed."""

    values: Mapping[str, str] = field(default_factory=dict)
    os_release: tuple[str, ...] = ("PRETTY_NAME='Debian GNU/Linux 12 (bookworm)'", "ID=debian", 'VERSION_ID="12"')
    repeated: tuple[str, ...] = ()

    def but(self, **values: str) -> "HostState":
        """The same with some facts changed; `_` in a name stands for the dot."""
        return replace(self, values={**self.values, **{key.replace("_", "."): value for key, value in values.items()}})

    def having(self, *lines: str) -> "HostState":
        return replace(self, repeated=(*self.repeated, *lines))

    def without(self, start: str) -> "HostState":
        return replace(self, repeated=tuple(line for line in self.repeated if not line.startswith(start)))

    def lines(self) -> tuple[str, ...]:
        plain = {
            "schema": "1", "user": "deployer", "uid": "1000", "privilege": "sudo", "arch": "x86_64", "init": "systemd",
            "clock": "", "docker.version": "26.1.5", "docker.error": "", "docker.root": "/var/lib/docker",
            "docker.store": "overlay2", "docker.rootless": "no",
            "docker.installed": "yes", "docker.group": "no", "compose.version": "2.40.3", "path": "missing",
            "link": "none", "lock": "free",
        } | dict(self.values)  # fmt: skip
        disks = (
            ()
            if any(line.startswith("disk=") for line in self.repeated)
            else ("disk=deployment,log,docker,data / 40000000 2000000",)
        )
        ports = () if any(line.startswith("port=") for line in self.repeated) else ("port=80 free",)
        is_silent = not plain["docker.version"] and plain["docker.installed"] == "yes"
        none = () if is_silent else self._missing()
        system = tuple(f"os_release={line}" for line in self.os_release)
        return (*(f"{key}={value}" for key, value in plain.items()), *system, *disks, *ports, *none, *self.repeated)

    def _missing(self) -> tuple[str, ...]:
        """What the host says of a platform service that is not there."""
        known = [(f'container={{"service": "{service}"', f"fault={service} ") for service in PLATFORM]
        return tuple(
            f"fault={service} it has no container"
            for service, starts in zip(PLATFORM, known, strict=True)
            if not any(line.startswith(starts) for line in self.repeated)
        )

    def facts(self) -> HostFacts:
        return parse_facts(self.lines())


def image_line(image: DockerImage, *more_tags: str) -> str:
    service = image.name.rpartition("/")[2]
    data = {
        "id": image.digest, "tags": [image.content_name, *more_tags], "layers": list(image.layers),
        "labels": {"app": APP, "service": service, "input": image.input}, "arch": "amd64", "size": image.size,
    }  # fmt: skip
    return f"image={json.dumps(data)}"


def container_line(service: str, slot: str, **changes: str) -> str:
    data = {
        "service": service, "slot": slot, "release": "", "fingerprint": "", "state": "running", "health": "healthy",
        "image": "", "id": sha256(service + slot),
    }  # fmt: skip
    return f"container={json.dumps(data | changes)}"


def serving(files: ReleaseFiles, release: str = RELEASE, *, slot: str = "blue") -> HostState:
    """A host that serves a release, all of it healthy."""
    images = [image_line(image, image.release_tag(release)) for image in files.images.values()]
    platform = [
        container_line(service, "platform", fingerprint=files.environment[f"{service.upper()}_FINGERPRINT"])
        for service in PLATFORM
    ]
    slots = [container_line(service, slot, release=release) for service in ("backend", "frontend")]
    known = [f"active_facts={key}={value}" for key, value in release_facts(files, release, "").items()]
    values = {"link": slot, "active.release": release, "active.slot": slot, "active.previous": ""}
    lines = [*images, *platform, *slots, release_line(release, "active", files), *known, "port=80 own"]
    return HostState(values=values, repeated=(*lines, *migrated(files, release)))


def migrated(files: ReleaseFiles, release: str = RELEASE) -> list[str]:
    """A database that has all the migrations of a release."""
    names = [f"migration.applied={name}" for name in files.migrations]
    brings = f"release_migrations={release} {','.join(files.migrations)}"
    return ["migrations=read", "database.tables=2", "database.size=8000000", *names, brings]


def identity_lines(settings: Settings) -> list[str]:
    """The host's file `identity`, as the first activation with these settings wrote it."""
    values = release_environment(settings)
    return ["identity.schema=1", *(f"identity.{line}={values[key]}" for line, key in KEYS.items())]


def release_line(release: str, status: str, files: ReleaseFiles | None = None) -> str:
    return f"release={release} {status} {files.configuration_hash if files else '0' * 64}"


def named(lines: Iterable[str], key: str) -> list[str]:
    """The values of a `key=value` line."""
    return [line.partition("=")[2] for line in lines if line.startswith(key + "=")]
