"""What each of the four images is made from, and the hash that names all of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tasks.core.application import SOURCES
from tasks.core.builders import LocalImage
from tasks.core.context import ContextFile, context_files, input_hash
from tasks.core.facts import SERVICES
from tasks.core.settings import Settings

BASES = {
    "frontend": ("node_image", "nginx_image"),
    "backend": ("node_image",),
    "database": ("postgres_image",),
    "edge": ("nginx_image",),
}
"""The base images of each service, by setting."""

IDENTITY = ("api_user_uid", "api_user_gid", "postgres_user")
"""The settings that backend and database are built with."""


@dataclass(frozen=True)
class ImageInput:
    """One image as it should be: its name, its files, its arguments and the hash over all of it."""

    service: str
    name: str
    files: list[ContextFile]
    arguments: Mapping[str, str]
    input: str


def base_images(settings: Settings) -> dict[str, str]:
    """Give the tags of all base images, each with the setting that names it."""
    keys = sorted({base for bases in BASES.values() for base in bases})
    return {str(getattr(settings, key)): key.upper() for key in keys}


def image_inputs(settings: Settings, root: Path, bases: Mapping[str, LocalImage], platform: str) -> list[ImageInput]:
    """Say what the four images are made from, given their base images by tag."""
    wanted = []
    for service in SERVICES:
        part = SOURCES.get(service)
        files = context_files(root / "containers", service, settings.app_source / part if part else None)
        arguments = {base.upper(): str(getattr(settings, base)) for base in BASES[service]}
        if service in ("backend", "database"):
            arguments |= {key.upper(): str(getattr(settings, key)) for key in IDENTITY}
        identities = {base: bases[getattr(settings, base)].identity for base in BASES[service]}
        hashed = {key: value for key, value in arguments.items() if not key.endswith("_IMAGE")}
        digest = input_hash(files, arguments=hashed, bases=identities, platform=platform)
        wanted.append(ImageInput(service, f"{settings.app_name}/{service}", files, arguments, digest))
    return wanted
