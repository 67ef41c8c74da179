"""Files on their way to a host: packed as tar, byte for byte the same for the same files."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping


def packed(contents: Mapping[str, tuple[bytes, int]], *directories: str) -> bytes:
    """Pack files, with their modes, as tar; the same files are the same bytes."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name in directories:
            directory = tarfile.TarInfo(name)
            directory.type, directory.mode = tarfile.DIRTYPE, 0o750
            archive.addfile(directory)
        for name, (content, mode) in sorted(contents.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(content), mode, 0
            archive.addfile(member, io.BytesIO(content))
    return target.getvalue()
