"""The command lines of a container runtime, the same for Docker and Finch.

Only options that both have, as measured with Docker 26/28 and nerdctl 2.2: never -q, --pull, --load,
--metadata-file, `images --filter`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

Argv = tuple[str, ...]


@dataclass(frozen=True)
class ContainerRuntime:
    """A container runtime of the workstation (the design's ContainerRuntime).

    `name` is docker or finch; `build_command` and `compose_command` are what runs; `version` is the server's.
    """

    name: str
    build_command: str
    compose_command: str
    available: bool
    version: str | None = None


def runtime(name: str, version: str | None = None) -> ContainerRuntime:
    """Describe docker or finch; available when a version is known."""
    return ContainerRuntime(name, name, f"{name} compose", version is not None, version)


def probe(name: str) -> Argv:
    """Ask whether the engine behind the CLI works: exit 0 and a version on stdout."""
    return (name, "info", "--format", "{{.ServerVersion}}")


@dataclass(frozen=True)
class ImageBuild:
    """One image to build: everything the builder is told, and nothing else may vary it."""

    service: str
    dockerfile: Path
    context: Path
    tag: str
    labels: Mapping[str, str]
    arguments: Mapping[str, str]
    platform: str
    ca_file: Path | None


def build(name: str, image: ImageBuild) -> Argv:
    """Build one image."""
    line = [name, "build", "--progress", "plain", "--provenance=false", "-f", str(image.dockerfile), "-t", image.tag]
    for key, value in sorted(image.labels.items()):
        line += ["--label", f"{key}={value}"]
    for key, value in sorted(image.arguments.items()):
        line += ["--build-arg", f"{key}={value}"]
    if image.ca_file:
        line += ["--secret", f"id=ca,src={image.ca_file}"]
    return (*line, "--platform", image.platform, str(image.context))


def inspect(name: str, tag: str) -> Argv:
    """Ask for what an image is: layers, architecture, labels, environment, size."""
    return (name, "image", "inspect", "--format", "{{json .}}", tag)


def server(name: str, tag: str) -> Argv:
    """Ask a database image for its major version and C library (`parse_server`)."""
    return (
        name,
        "run",
        "--rm",
        "--network",
        "none",
        "--entrypoint",
        "/bin/sh",
        tag,
        "-c",
        "postgres --version; ls /lib",
    )


def manifest(name: str, tag: str) -> Argv:
    """Ask the registry whether it has an image; nothing is fetched."""
    return (name, "manifest", "inspect", tag)


def pull(name: str, tag: str) -> Argv:
    """Fetch a base image that is not in the local store."""
    return (name, "pull", tag)


def tag(name: str, source: str, target: str) -> Argv:
    """Give an image another name."""
    return (name, "tag", source, target)


def save(name: str, *tags: str) -> Argv:
    """Write images as one archive to stdout; layers they share are in it once."""
    return (name, "save", *tags)


def remove(name: str, *tags: str) -> Argv:
    """Take names away; an image without a name goes too."""
    return (name, "rmi", *tags)


def images(name: str) -> Argv:
    """List names of images as JSON lines; filtered by ourselves."""
    return (name, "images", "--format", "json")


@dataclass(frozen=True)
class LocalImage:
    """What the local store says of an image."""

    tags: tuple[str, ...]
    layers: tuple[str, ...]
    labels: Mapping[str, str]
    environment: tuple[str, ...]
    command: tuple[str, ...]
    architecture: str
    created: str
    size: int

    @property
    def identity(self) -> Mapping[str, object]:
        """Say what makes a base image the same on every store: its files and how it runs."""
        return {"layers": self.layers, "environment": self.environment, "command": self.command}


def parse_inspect(text: str) -> LocalImage:
    """Read `image inspect --format '{{json .}}'` of either runtime."""
    data = json.loads(text)
    if isinstance(data, list):
        data = data[0]
    config = data.get("Config") or {}
    return LocalImage(
        tags=tuple(data.get("RepoTags") or ()),
        layers=tuple((data.get("RootFS") or {}).get("Layers") or ()),
        labels=dict(config.get("Labels") or {}),
        environment=tuple(config.get("Env") or ()),
        command=tuple((config.get("Entrypoint") or []) + (config.get("Cmd") or [])),
        architecture=str(data.get("Architecture", "")),
        created=str(data.get("Created", "")),
        size=int(data.get("Size") or 0),
    )


PLATFORMS = {"x86_64": "linux/amd64", "amd64": "linux/amd64", "aarch64": "linux/arm64", "arm64": "linux/arm64"}


def platform(machine: str) -> str:
    """Translate `uname -m` to a platform of the builders; ValueError for one we do not build for."""
    try:
        return PLATFORMS[machine]
    except KeyError:
        raise ValueError(f"no images for the architecture {machine}: {', '.join(sorted(PLATFORMS))}") from None
