"""A release directory on this machine, made from a settings file as push-config makes it, and Compose in it."""

import io
import os
import random
import secrets
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tasks.core.images import DockerImage
from tasks.core.releases import Build, release_archive, release_files
from tasks.core.settings import Settings, load_settings
from tests.checkout import ROOT
from tests.labhost import LAB
from tests.properties.stack import run

NAME = "20260102T000000Z-0000000"


def seeded() -> random.Random:
    """Give a source of random values; SEED in the environment repeats a run."""
    seed = int(os.environ.get("SEED") or secrets.randbits(32))
    print(f"SEED={seed}")
    return random.Random(seed)


def quoted(value: str) -> str:
    """Write a value as docs/settings.md says: in single quotes, or with escapes where there is a CR."""
    if "\r" not in value:
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "\\r").replace("\n", "\\n")
    return f'"{escaped}"'


def built(images: Mapping[str, str]) -> Build:
    """Give the build that these images, by their names with tags, would be."""
    return Build(NAME, "linux/amd64", {service: _image(name) for service, name in images.items()}, (), {})


def _image(name: str) -> DockerImage:
    start, _, tag = name.rpartition(":")
    return DockerImage(start, tag, "", 0, "2026-01-02T00:00:00Z", "local", ("sha256:" + "0" * 64,), "")


@dataclass(frozen=True)
class ReleaseDirectory:
    """A release as it lies on a host."""

    path: Path
    settings: Settings

    def compose(self, project: str, *arguments: str, slot: str = "") -> subprocess.CompletedProcess[bytes]:
        """Run Compose on a slot's files, or without one on the platform's, with nothing else in the environment."""
        files = ("docker-compose.yml", "app.env.json") if slot else ("platform.yml", "https.yml")
        named = [word for file in files if (self.path / file).exists() for word in ("-f", file)]
        kept = {key: os.environ[key] for key in os.environ if key in ("PATH", "HOME") or key.startswith("DOCKER_")}
        return subprocess.run(
            ["docker", "compose", "--ansi", "never", "-p", project, "--env-file", ".env", *named, *arguments],
            cwd=self.path,
            env=kept | {"SLOT": slot or "platform"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )


def release_directory(place: Path, text: str, images: Mapping[str, str]) -> ReleaseDirectory:
    """Read `.env` with this text, and unpack the release that comes of it into `place`."""
    place.mkdir(parents=True, exist_ok=True)
    lab = run(LAB / "settings").stdout
    (place / ".env").write_text(lab + text, encoding="utf-8", newline="")
    settings = load_settings(root=place, environ={})
    archive = release_archive(
        release_files(ROOT, settings, built(images)), NAME, host="here", created="2026-01-02T00:00:00+00:00"
    )
    release = place / "release"
    release.mkdir()
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extraction_filter = getattr(tarfile, "data_filter", None)  # Debian 12's Python has none yet
        tar.extractall(release)  # noqa: S202 - our own archive
    return ReleaseDirectory(release, settings)
