"""What the last build of this checkout made: .deploy/last-build.json, and whose turn it is to make the next."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tasks.core.errors import UsageError
from tasks.core.facts import SERVICES
from tasks.core.images import image_from_json
from tasks.core.protocols import Console
from tasks.core.releases import Build

if sys.platform != "win32":
    import fcntl


def last_build(root: Path) -> Build | None:
    """Read .deploy/last-build.json; None when there is none or another version wrote it."""
    try:
        data = json.loads((root / ".deploy" / "last-build.json").read_text())
        return Build(
            release=data["release"],
            arch=data["arch"],
            images={service: image_from_json(image) for service, image in data["images"].items()},
            migrations=tuple(data["migrations"]),
            names=data["names"],
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        return None


def needed_build(root: Path) -> Build:
    """Give the last build for a step that goes on from it; UsageError when there is none."""
    made = last_build(root)
    if made is None or any(service not in made.images for service in SERVICES):
        raise UsageError("nothing has been built yet: .deploy/last-build.json is missing", remedy="run: fab build")
    return made


def write_build(root: Path, made: Build) -> None:
    """Write .deploy/last-build.json in one step."""
    data = {
        "schema": 1,
        "release": made.release,
        "arch": made.arch,
        "images": {service: image.as_json() for service, image in sorted(made.images.items())},
        "migrations": list(made.migrations),
        "names": dict(made.names),
    }
    write_whole(root / ".deploy" / "last-build.json", json.dumps(data, indent=2) + "\n", mode=0o644)


def write_whole(file: Path, text: str, *, mode: int) -> None:
    """Write a file in one step: a reader finds the old one or the new one."""
    file.parent.mkdir(exist_ok=True)
    descriptor, new = tempfile.mkstemp(dir=file.parent, prefix=f"{file.name}.")
    try:
        with os.fdopen(descriptor, "w") as writing:
            writing.write(text)
        Path(new).chmod(mode)
        Path(new).replace(file)
    except BaseException:
        Path(new).unlink(missing_ok=True)
        raise


def remember_name(root: Path, made: Build, host: str, name: str) -> None:
    """Note what a build is called on a host, unless it is known, or something else has been built meanwhile."""
    if name == made.names.get(host, made.release):
        return
    now = last_build(root)
    if now is None or now.release == made.release:
        write_build(root, replace(made, names={**(now or made).names, host: name}))


@contextmanager
def building(root: Path, console: Console) -> Iterator[None]:
    """Build alone in this checkout: wait, and say so, while another process builds here.

    The kernel gives the lock back when the process ends, however it ends. Windows has no such lock: nobody waits there.
    """
    place = root / ".deploy"
    place.mkdir(exist_ok=True)
    if sys.platform == "win32":
        yield
        return
    with (place / "build.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            console.say(f"  another build is at work in this checkout (process {file.read() or 'unknown'}): waiting")
            with console.progress("build: waiting for the other one"):
                fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
