"""Moving images to a host: only those it lacks, without the layers it has, and verified there."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import zstandard

from tasks.builds import needed_build
from tasks.core import builders
from tasks.core.archive import without_layers
from tasks.core.errors import ShipFailed
from tasks.core.facts import SERVICES, HostFacts
from tasks.core.images import DockerImage
from tasks.core.plan import layers_on
from tasks.core.protocols import Host, Outcome
from tasks.core.releases import Build
from tasks.core.requirements import version_numbers
from tasks.core.units import size
from tasks.core.workspace import Workspace
from tasks.hosts import held, host_parameters, require_engine
from tasks.runtime import find_runtime


def ship_images(host: Host, work: Workspace, *, release: str = "", wait: int = 0) -> Outcome:
    """Send the last build's images that a host lacks, and verify them there.

    Under the host's lock. Gives each image its name by content and its release tag; nothing that runs is touched.
    Undo: docker rmi on the host.
    """
    made = needed_build(work.root)
    with held(host, work, "ship-images", wait=wait) as lock:
        require_engine(host, work, lock.facts)
        name = release or made.names.get(host.name, made.release)
        sent = send_images(host, work, made, name, lock.facts)
    summary = f"{host.name}: {sent.summary}" if sent.changed else f"{host.name}: already so, all images are there"
    return Outcome(sent.changed, summary, data=sent.data)


def send_images(
    host: Host,
    work: Workspace,
    build: Build,
    release: str,
    facts: HostFacts,
) -> Outcome:
    """Send what the host lacks, then see that all four images have their release tag.

    Raises ShipFailed when an image does not verify even after it was sent whole.
    """
    images = [build.images[service] for service in SERVICES]
    missing = [image for image in images if not image.is_on(facts)]
    sent = 0
    if missing:
        _require_disk(host, facts, missing)
        shipment = _Shipment(missing, release, facts)
        mismatched, sent, said = _send(host, work, shipment, layers_on(facts))
        if mismatched:
            work.console.warn(f"{', '.join(i.name for i in mismatched)} did not verify on {host.name}: sending whole")
            mismatched, more, said = _send(host, work, _Shipment(mismatched, release, facts), frozenset())
            sent += more
        if mismatched:
            raise ShipFailed(
                f"{', '.join(image.name for image in mismatched)}: other layers on {host.name} than here",
                detail=said,
                remedy="check the host's disk and Docker's log (journalctl -u docker), then deploy again; "
                "nothing that serves was touched",
            )
    others = [image for image in images if image not in missing]
    tagged = {tag for image in facts.images for tag in image.tags}
    if untagged := [image for image in others if image.release_tag(release) not in tagged]:
        parameters = host_parameters(work.settings, "ship-images") | {"IMAGES": _order(untagged, release)}
        host.run("tag", parameters=parameters, listen=work.console.detail)
    names = [image.name.rpartition("/")[2] for image in missing]
    summary = f"sent {', '.join(names)} ({size(sent)})" if missing else "no image had to be sent"
    return Outcome(bool(missing or untagged), summary, data={"sent": names, "bytes": sent})


def _order(images: Sequence[DockerImage], release: str) -> str:
    lines = (
        f"{i.name.rpartition('/')[2]} {i.content_name} {i.release_tag(release)} {i.incoming} {','.join(i.layers)}"
        for i in images
    )
    return "\n".join(lines)


@dataclass(frozen=True)
class _Shipment:
    """Images that go out together, the release they are tagged for, and what the host has."""

    images: Sequence[DockerImage]
    release: str
    facts: HostFacts


def _send(
    host: Host, work: Workspace, shipment: _Shipment, present: frozenset[str]
) -> tuple[list[DockerImage], int, str]:
    """Send one archive of the images; give those that did not verify, the bytes that went out, what the host said."""
    runtime = find_runtime(work).name
    for image in shipment.images:
        tagged = work.workstation.run(builders.tag(runtime, image.content_name, image.incoming), accept=range(256))
        if tagged.exit_code:
            raise ShipFailed(
                f"{image.content_name} is neither on {host.name} nor here: it was built elsewhere",
                detail="\n".join(tagged.talk[-3:]),
                remedy="run: fab build",
            )
    sent = 0
    names = ", ".join(image.name.rpartition("/")[2] for image in shipment.images)
    try:
        with work.console.progress(f"{host.name}: sending {names}") as progress:

            def count(blocks: Iterable[bytes]) -> Iterator[bytes]:
                nonlocal sent
                for block in blocks:
                    sent += len(block)
                    progress.advance(len(block))
                    yield block
                progress.note("all sent, the host is loading")

            archive = work.workstation.pipe(builders.save(runtime, *(image.incoming for image in shipment.images)))
            answer = host.run(
                "load",
                parameters=host_parameters(work.settings, "ship-images")
                | {"IMAGES": _order(shipment.images, shipment.release)},
                accept=(0, 1),
                source=count(compressed(without_layers(archive, present) if present else archive, shipment.facts)),
                listen=work.console.detail,
            )
    finally:
        work.workstation.run(builders.remove(runtime, *(image.incoming for image in shipment.images)), accept=(0, 1))
    verified = set(answer.values("verified"))
    mismatched = [image for image in shipment.images if image.name.rpartition("/")[2] not in verified]
    return mismatched, sent, "\n".join(answer.talk[-10:])


def compressed(blocks: Iterable[bytes], facts: HostFacts) -> Iterator[bytes]:
    """Compress for the host's engine: zstd from Docker 23 on, where `docker load` reads it, gzip before."""
    if version_numbers(facts.value("docker.version")) >= (23,):
        frame = zstandard.ZstdCompressor(level=3, threads=-1).compressobj()
        yield from (part for block in blocks if (part := frame.compress(block)))
        yield frame.flush()
        return
    gzip = zlib.compressobj(level=1, wbits=31)
    yield from (part for block in blocks if (part := gzip.compress(block)))
    yield gzip.flush()


def _require_disk(host: Host, facts: HostFacts, images: Sequence[DockerImage]) -> None:
    """Refuse when the engine's file system cannot take the images: they are unpacked beside the archive."""
    needed = sum(image.size for image in images) * 11 // 10
    disk = facts.disk_of(facts.value("docker.root"))
    if disk and disk.free_kib * 1024 < needed:
        raise ShipFailed(
            f"too little disk on {host.name}: {disk.path} needs {size(needed)}, {size(disk.free_kib * 1024)} are free",
            remedy="free space there (docker image prune), then deploy again; nothing was sent",
        )
