"""What a deployment needs of a host's file systems, against what is free there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tasks.core.facts import Disk, HostFacts, HostImage
from tasks.core.images import DockerImage
from tasks.core.units import counted, size

_BYTES_PER_INODE = 16_384
"""What ext4 reckons with when it is made; images of node_modules come near it."""


@dataclass(frozen=True)
class DiskNeed:
    """Room for something on the file system that has `role` (see Disk): bytes and inodes, or 0."""

    what: str
    role: str
    bytes: int
    inodes: int


RELEASE_NEEDS = (
    DiskNeed("release", "deployment", 2_000_000, 100),
    DiskNeed("logs", "log", 2_000_000, 20),
)
"""A release's files, its journal and the room kept for the report of a failure; what one deployment logs."""

CLUSTER_NEED = DiskNeed("new database", "data", 100_000_000, 2_000)
"""A cluster as initdb makes it, with its first segments of write-ahead log."""


def image_needs(images: Sequence[DockerImage], facts: HostFacts) -> tuple[DiskNeed, ...]:
    """Give what images take that a host lacks: whole, and a tenth more, as layers are unpacked beside what arrives."""
    if not images:
        return ()
    is_apart = facts.engine.store == "containerd" and any("containerd" in disk.roles for disk in facts.disks)
    total = sum(image.size for image in images) * 11 // 10
    return (DiskNeed("images", "containerd" if is_apart else "docker", total, total // _BYTES_PER_INODE),)


def deployment_needs(
    images: Sequence[DockerImage], facts: HostFacts, *, has_dump: bool = False
) -> tuple[DiskNeed, ...]:
    """Give all that a deployment of these missing images takes: a first database, a dump before migrations."""
    cluster = () if facts.identity else (CLUSTER_NEED,)
    # half of the database, as scripts/host/backup.sh reckons
    dump = (DiskNeed("dump", "deployment", facts.migrations.size // 2, 2),) if has_dump else ()
    return (*image_needs(images, facts), *RELEASE_NEEDS, *cluster, *dump)


def shortages(needs: Iterable[DiskNeed], facts: HostFacts) -> list[str]:
    """Say, a line a file system, where there is too little room: needed against free."""
    return [line for disk in facts.disks if (line := _shortage([n for n in needs if n.role in disk.roles], disk))]


def disk_remedy(facts: HostFacts, target: str) -> str:
    """Say how to make room: what prune would give at most, and what it does not touch."""
    more = "docker image prune and docker builder prune on the host remove what nothing names"
    failed = {release.name for release in facts.releases if release.status == "failed"}
    known = {release.name for release in facts.releases}
    gone = sum(image.size for image in facts.images if known & _tags(image) and known & _tags(image) <= failed)
    if not gone:
        return f"make room there ({more}), then type the same command again"
    names = counted(len(failed), "failed release")
    return f"fab -H {target} prune   (up to {size(gone)}, of {names}); {more}; then type the same command again"


def _tags(image: HostImage) -> set[str]:
    return {full.rpartition(":")[2] for full in image.tags}


def _shortage(needs: Sequence[DiskNeed], disk: Disk) -> str:
    room, inodes = sum(need.bytes for need in needs), sum(need.inodes for need in needs)
    what = ", ".join(need.what for need in needs)
    if disk.free_kib * 1024 < room:
        return f"{disk.path} needs {size(room)} ({what}), {size(disk.free_kib * 1024)} are free"
    if disk.free_inodes is not None and disk.free_inodes < inodes:
        return f"{disk.path} needs {inodes} inodes ({what}), {disk.free_inodes} are free"
    return ""
