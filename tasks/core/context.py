"""The build context of an image: which files, laid out how, and the hash that names its input.

<context>/app/         the application's sources, as the .dockerignore files leave them
<context>/container/   containers/<service>/
Modes are 0644 or 0755 and times come from the content, so that two checkouts of the same sources give the same layers.
BuildKit takes a file over from an earlier context when path, mode, size and time are the same, whatever is in it, and
it knows earlier contexts by the last part of their path, even of other checkouts [measured with Docker 26]: so a time
must differ where the content does, and the name of a context where its input does (context_name).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from docker.utils.build import exclude_paths

# 2000-01-01: some archive formats refuse the epoch.
_TIME = 946684800
_ALWAYS_OUT = (".git", "**/.git", "node_modules", "**/.DS_Store")
# The library lets these two in whatever the patterns say.
_LET_IN = ("Dockerfile", ".dockerignore")


@dataclass(frozen=True)
class ContextFile:
    """One file: its path in the context and where it lies now."""

    path: str
    source: Path

    @property
    def executable(self) -> bool:
        """Whether its owner may run it: the one part of a mode that git keeps."""
        return bool(self.source.stat().st_mode & 0o100)


def ignored(*files: Path) -> list[str]:
    """Read the patterns of .dockerignore files, the later one winning; absent files count as empty."""
    patterns = list(_ALWAYS_OUT)
    for file in files:
        if file.is_file():
            lines = (line.strip() for line in file.read_text().splitlines())
            patterns += [line for line in lines if line and not line.startswith("#")]
    return patterns


def context_files(containers: Path, service: str, application: Path | None) -> list[ContextFile]:
    """List the files of a service's context, sorted by path."""
    place = containers / service
    found = [ContextFile(f"container/{name}", place / name) for name in _walk(place, [])]
    if application:
        patterns = ignored(application / ".dockerignore", place / "app.dockerignore")
        names = [name for name in _walk(application, patterns) if name not in _LET_IN]
        found += [ContextFile(f"app/{name}", application / name) for name in names]
    return sorted(found, key=lambda file: file.path)


def _walk(place: Path, patterns: list[str]) -> Iterator[str]:
    for name in exclude_paths(str(place), patterns):
        path = place / name
        if path.is_symlink() or path.is_file():
            yield Path(name).as_posix()


def input_hash(
    files: list[ContextFile], *, arguments: Mapping[str, str], bases: Mapping[str, object], platform: str
) -> str:
    """Name an image by everything that goes into it: SHA-256, hexadecimal.

    Files by path, content, link target and executable bit; build arguments; the identity of the base images; the
    platform. The Dockerfile is one of the files.
    """
    whole = hashlib.sha256()
    head = {"version": 2, "arguments": dict(arguments), "bases": dict(bases), "platform": platform}
    whole.update(json.dumps(head, sort_keys=True).encode())
    for file in files:
        if file.source.is_symlink():
            kind, content = "link", str(file.source.readlink()).encode()
        else:
            kind, content = ("run" if file.executable else "file"), file.source.read_bytes()
        whole.update(f"\0{file.path}\0{kind}\0{hashlib.sha256(content).hexdigest()}".encode())
    return whole.hexdigest()


def stage(files: list[ContextFile], target: Path) -> None:
    """Lay the context out in `target`, which is made anew."""
    shutil.rmtree(target, ignore_errors=True)
    for directory in ("app", "container"):
        (target / directory).mkdir(parents=True)
    for file in files:
        path = target / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if file.source.is_symlink():
            path.symlink_to(file.source.readlink())
            _set_time(path, str(file.source.readlink()).encode())
            continue
        shutil.copyfile(file.source, path)
        path.chmod(0o755 if file.executable else 0o644)
        _set_time(path, path.read_bytes())
    for parent, _, _ in os.walk(target, topdown=False):
        Path(parent).chmod(0o755)
        os.utime(parent, (_TIME, _TIME))


def context_name(service: str, digest: str) -> str:
    """Name the directory that a context is staged in: another for each input."""
    return f"{service}-{digest[:16]}"


def _set_time(path: Path, content: bytes) -> None:
    """Date a file by its content, to a second in the eight years from 2000 on."""
    moment = _TIME + int(hashlib.sha256(content).hexdigest()[:7], 16)
    os.utime(path, (moment, moment), follow_symlinks=False)
