"""The archive that `docker save` and `nerdctl save` write: what images are in it, and a smaller one of the same images.

All layouts (Docker 20.10's ID/layer.tar, Docker 25's and BuildKit's blobs/sha256/DIGEST) have a flat manifest.json:
`[{"Config": path, "RepoTags": [...], "Layers": [paths]}]`. Only that is read. Sources: moby/moby image/tarexport,
https://github.com/moby/docker-image-spec.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, cast

BLOCK = 1 << 20
SMALL = 4 << 20
"""Bytes up to which a file of an archive that is no layer is kept: manifests and configurations."""


class BlockReader(io.RawIOBase):
    """Read blocks as a file, for tarfile's stream mode."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        """Take the blocks over."""
        self._blocks = iter(blocks)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Give at most `size` bytes; fewer only at the end."""
        parts: list[memoryview] = []
        missing = size if size >= 0 else 1 << 62
        while missing:
            if not self._rest:
                block = next(self._blocks, None)
                if block is None:
                    break
                self._rest = memoryview(block)
                continue
            part = self._rest[:missing]
            self._rest = self._rest[len(part) :]
            missing -= len(part)
            parts.append(part)
        return b"".join(parts)


@dataclass(frozen=True)
class ArchivedImage:
    """An image in an archive; `digest` is the SHA-256 of its configuration, `layers` its diff ids in order."""

    tags: tuple[str, ...]
    digest: str
    layers: tuple[str, ...]
    created: str


def read_archive(blocks: Iterable[bytes]) -> list[ArchivedImage]:
    """Say which images an archive holds, reading it once as a stream.

    Raises ValueError when it is cut short, lacks something that its manifest names, or is no such archive.
    """
    small: dict[str, bytes] = {}
    names: set[str] = set()
    try:
        with tarfile.open(fileobj=cast("IO[bytes]", BlockReader(blocks)), mode="r|", bufsize=BLOCK) as archive:
            for member in archive:
                names.add(member.name)
                if member.isfile() and member.size <= SMALL and not member.name.endswith("/layer.tar"):
                    content = archive.extractfile(member)
                    small[member.name] = content.read() if content else b""
    except tarfile.TarError as error:
        raise ValueError(f"not a whole image archive: {error}") from error
    if "manifest.json" not in small:
        raise ValueError("not an image archive: it has no manifest.json")
    try:
        entries = json.loads(small["manifest.json"])
        if missing := {layer for entry in entries for layer in entry["Layers"]} - names:
            raise ValueError(f"not a whole image archive: it lacks {', '.join(sorted(missing))}")
        return [_archived(entry, small) for entry in entries]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"not a whole image archive: {error}") from error


def _archived(entry: dict[str, object], small: dict[str, bytes]) -> ArchivedImage:
    raw = small[str(entry["Config"])]
    config = json.loads(raw)
    tags = entry.get("RepoTags")
    return ArchivedImage(
        tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
        digest=hashlib.sha256(raw).hexdigest(),
        layers=tuple(config["rootfs"]["diff_ids"]),
        created=str(config.get("created", "")),
    )


def without_layers(blocks: Iterable[bytes], present: frozenset[str]) -> Iterator[bytes]:
    """Leave out of an archive the layers whose files are named by a diff id in `present`.

    Only for archives whose layer files are named by diff id (Docker 25 and newer on overlay2); others go through whole.
    """
    digests = {digest.removeprefix("sha256:") for digest in present}
    with tarfile.open(fileobj=cast("IO[bytes]", BlockReader(blocks)), mode="r|", bufsize=BLOCK) as archive:
        for member in archive:
            if member.name.rpartition("/")[2] in digests and member.name.startswith("blobs/sha256/"):
                continue
            yield member.tobuf(tarfile.GNU_FORMAT)
            content = archive.extractfile(member) if member.isfile() else None
            if content:
                while block := content.read(BLOCK):
                    yield block
                yield b"\0" * (-member.size % tarfile.BLOCKSIZE)
    yield b"\0" * (2 * tarfile.BLOCKSIZE)
