"""A release: its name, its directory on the host, and the state that is kept of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from tasks.core.application_values import compose_application, digest, secret_files, slow_digest
from tasks.core.bundle import host_bundle
from tasks.core.facts import HostFacts
from tasks.core.images import DockerImage
from tasks.core.packing import packed
from tasks.core.settings import Settings, composed_files, release_environment

PLATFORM = {
    "edge": ("HTTP_PORT", "ENABLE_HTTPS", "DEPLOYMENT_PATH", "EDGE_MEMORY"),
    "database": (
        "POSTGRES_USER", "POSTGRES_DB", "API_USER_UID", "API_USER_GID", "SOCKET_PERMISSIONS", "DATABASE_MEMORY",
        "DATA_PATH", "SOCKET_PATH",
    ),
}  # fmt: skip
"""The settings that each platform service reads: with its image and compose file they are its fingerprint."""

_EDGE_WITH_HTTPS = ("HTTPS_PORT", "HTTPS_REDIRECT", "HSTS_SECONDS")
"""What the edge reads as well when ENABLE_HTTPS is true. Not the certificate: another one replaces no container."""


def platform_settings(service: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Name the settings that a platform service reads with this environment."""
    with_https = service == "edge" and environment.get("ENABLE_HTTPS") == "true"
    return PLATFORM[service] + (_EDGE_WITH_HTTPS if with_https else ())


@dataclass(frozen=True)
class Build:
    """What the last build made, as .deploy/last-build.json keeps it.

    `names` has the name a release took on a host where its own name was in use for another configuration.
    """

    release: str
    arch: str
    images: Mapping[str, DockerImage]
    migrations: tuple[str, ...]
    names: Mapping[str, str]

    def called(self, name: str, host: str) -> Build:
        """Give the same build with its name on a host; itself where that is the name it has there already."""
        if name == self.names.get(host, self.release):
            return self
        return replace(self, names={**self.names, host: name})


def release_name(moment: datetime, suffix: str) -> str:
    """Name a release: UTC time and a git short hash, or 12 digits of its inputs."""
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}-{suffix}"


@dataclass(frozen=True)
class ReleaseFiles:
    """The files of a release directory that do not depend on its name, and the hash that names them.

    Secrets are in `application` and `secrets` only, as they will be written; `secrets` is empty where no variable is a
    file.
    """

    environment: Mapping[str, str]
    application: bytes = field(repr=False)
    secrets: bytes = field(repr=False)
    composes: Mapping[str, bytes]
    bundle: str
    migrations: tuple[str, ...]
    images: Mapping[str, DockerImage]
    application_digests: Mapping[str, str]

    @cached_property
    def configuration_hash(self) -> str:
        """Name the configuration: SHA-256 over everything but the release's name, hexadecimal.

        It is shown (`status --json`, release.json), so the secrets' part of it is slow to try out.
        """
        whole = hashlib.sha256()
        whole.update(json.dumps([dict(self.environment), self.migrations], sort_keys=True).encode())
        for name, content in sorted(self.composes.items()):
            whole.update(name.encode() + hashlib.sha256(content).digest())
        whole.update(slow_digest(self.application, self.secrets, app=self.environment["APP_NAME"]))
        whole.update(hashlib.sha256(self.bundle.encode()).digest())
        return whole.hexdigest()


def fingerprint(service: str, image: DockerImage, composes: Mapping[str, bytes], environment: Mapping[str, str]) -> str:
    """Name what a platform service is: its image, its compose files and the settings it reads."""
    whole = hashlib.sha256(image.content_name.encode())
    for name in ("platform.yml", "https.yml"):
        if name in composes and (name == "platform.yml" or service == "edge"):
            whole.update(composes[name])
    whole.update(
        json.dumps({key: environment[key] for key in platform_settings(service, environment)}, sort_keys=True).encode()
    )
    return whole.hexdigest()[:16]


def release_files(root: Path, settings: Settings, build: Build) -> ReleaseFiles:
    """Render what a release directory holds, from settings, compose/ and the images of a build."""
    composes = {name: (root / "compose" / file).read_bytes() for name, file in composed_files(settings).items()}
    environment = dict(release_environment(settings))
    for service, image in build.images.items():
        environment[f"{service.upper()}_IMAGE"] = image.content_name
    for service in PLATFORM:
        environment[f"{service.upper()}_FINGERPRINT"] = fingerprint(
            service, build.images[service], composes, environment
        )
    return ReleaseFiles(
        environment=environment,
        application=compose_application(settings.application, settings.app_files),
        secrets=secret_files(settings.application, settings.app_files),
        composes=composes,
        bundle=host_bundle(root),
        migrations=build.migrations,
        images=build.images,
        application_digests={
            name: digest(value, app=settings.app_name, way="a file" if name in settings.app_files else "")
            for name, value in settings.application.items()
        },
    )


def release_facts(files: ReleaseFiles, release: str, created: str) -> dict[str, str]:
    """Write release.facts: what the host's scripts read of a release, never JSON."""
    facts = {
        "schema": "1",
        "release": release,
        "app": files.environment["APP_NAME"],
        "created": created,
        "configuration_hash": files.configuration_hash,
        "migrations": ",".join(files.migrations),
    }
    for service, image in sorted(files.images.items()):
        facts[f"image.{service}"] = image.content_name
        facts[f"layers.{service}"] = ",".join(image.layers)
    facts.update({f"application.{name}": digest for name, digest in sorted(files.application_digests.items())})
    return facts | dict(sorted(files.environment.items()))


def deployment_state(files: ReleaseFiles, release: str, created: str, host: str) -> dict[str, object]:
    """Write release.json: the design's DeploymentState without what changes later (status, health checks)."""
    return {
        "schema": 1,
        "version": release,
        "timestamp": created,
        "target_host": host,
        "image_versions": {service: image.content_name for service, image in sorted(files.images.items())},
        "configuration_hash": files.configuration_hash,
        "images": {service: image.as_json() for service, image in sorted(files.images.items())},
    }


def release_archive(files: ReleaseFiles, release: str, *, host: str, created: str) -> bytes:
    """Pack the release directory as tar, with SHA256SUMS over every other file.

    Modes: 0640 for the compose files, 0750 for bin/host.sh, 0600 for the rest: values, and sums or hashes over them.
    """
    environment = {**files.environment, "RELEASE": release}
    facts = release_facts(files, release, created)
    state = deployment_state(files, release, created, host)
    contents: dict[str, tuple[bytes, int]] = {
        ".env": ("".join(f"{key}='{value}'\n" for key, value in sorted(environment.items())).encode(), 0o600),
        "app.env.json": (files.application, 0o600),
        "release.facts": ("".join(f"{key}={value}\n" for key, value in facts.items()).encode(), 0o600),
        "release.json": (json.dumps(state, indent=2).encode() + b"\n", 0o600),
        "bin/host.sh": (files.bundle.encode(), 0o750),
    }
    if files.secrets:
        contents["app.files.tar"] = (files.secrets, 0o600)
    contents.update({name: (content, 0o640) for name, content in files.composes.items()})
    sums = "".join(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, (content, _) in sorted(contents.items())
    )
    contents["SHA256SUMS"] = (sums.encode(), 0o600)
    return packed(contents, "bin")


def name_on_host(build: Build, files: ReleaseFiles, facts: HostFacts, host: str, moment: datetime) -> str:
    """Decide what this build and configuration is called on a host.

    The same configuration keeps the name it has there (so that a failed one is tried again); a name that the host has
    for another configuration is not used twice.
    """
    if facts.active and facts.active.configuration_hash == files.configuration_hash:
        return facts.active.name
    wanted = build.names.get(host, build.release)
    there = {release.name: release for release in facts.releases}
    for release in reversed(facts.releases):
        if release.configuration_hash == files.configuration_hash and release.status in ("pending", "failed"):
            return release.name
    while wanted in there and there[wanted].configuration_hash != files.configuration_hash:
        wanted = release_name(moment, build.release.partition("-")[2])
        moment += timedelta(seconds=1)
    return wanted
