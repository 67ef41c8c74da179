"""Moving images to a host: only those it lacks, without the layers it has, and verified there."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import zstandard

from tasks.core import builders
from tasks.core.archive import without_layers
from tasks.core.disk import image_needs
from tasks.core.errors import ShipFailed
from tasks.core.facts import SERVICES, HostFacts
from tasks.core.images import DockerImage
from tasks.core.plan import layers_on
from tasks.core.protocols import Host, Outcome
from tasks.core.releases import Build
from tasks.core.requirements import version_numbers
from tasks.core.units import size
from tasks.core.workspace import Workspace
from tasks.hosts import held, host_parameters, require_disk, require_engine
from tasks.image_scan import require_no_secrets
from tasks.last_build import needed_build
from tasks.runtime import find_runtime

_MARK = f"{os.getpid():x}"
"""What tells our names on this workstation's engine from those of another deployment at the same time."""


def ship_images(host: Host, work: Workspace, *, release: str = "", wait: int = 0) -> Outcome:
    """Send the last build's images that a host lacks, and verify them there.

    Under the host's lock. Gives each image its name by content and its release tag; nothing that runs is touched.
    Undo: docker rmi on the host.
    """
    made = needed_build(work.root)
    with held(host, work, "ship-images", wait=wait, release=release or made.names.get(host.name, made.release)) as lock:
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

    Raises SecretInImage before anything is sent, ShipFailed when an image does not verify even after it was sent whole.
    """
    images = [build.images[service] for service in SERVICES]
    missing = [image for image in images if not image.is_on(facts)]
    sent = 0
    if missing:
        require_no_secrets(work, missing)  # a build's secrets may have changed since
        require_disk(host, facts, image_needs(missing, facts))
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
    tagged = tag_images(host, work, build, release, facts)
    names = [image.service for image in missing]
    summary = f"sent {', '.join(names)} ({size(sent)})" if missing else "no image had to be sent"
    return Outcome(bool(missing) or tagged, summary, data={"sent": names, "bytes": sent})


def tag_images(host: Host, work: Workspace, build: Build, release: str, facts: HostFacts) -> bool:
    """Give the images that were on the host already the release's name, by which rollback and prune find them."""
    tagged = {tag for image in facts.images for tag in image.tags}
    images = [build.images[service] for service in SERVICES]
    untagged = [image for image in images if image.is_on(facts) and image.release_tag(release) not in tagged]
    if untagged:
        parameters = host_parameters(work.settings, "ship-images") | {"IMAGES": _order(untagged, release)}
        host.run("tag", parameters=parameters, listen=work.console.detail)
    return bool(untagged)


def _order(images: Sequence[DockerImage], release: str) -> str:
    lines = (
        (image.service, image.content_name, image.release_tag(release), image.incoming(_MARK), ",".join(image.layers))
        for image in images
    )
    return "\n".join(" ".join(line) for line in lines)


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
        tagged = work.workstation.run(
            builders.tag(runtime, image.content_name, image.incoming(_MARK)), accept=range(256)
        )
        if tagged.exit_code:
            raise ShipFailed(
                f"{image.content_name} is neither on {host.name} nor here: it was built elsewhere",
                detail="\n".join(tagged.talk[-3:]),
                remedy="run: fab build",
            )
    sent = 0
    names = ", ".join(image.service for image in shipment.images)
    try:
        with work.console.progress(f"{host.name}: sending {names}") as progress:

            def count(blocks: Iterable[bytes]) -> Iterator[bytes]:
                nonlocal sent
                for block in blocks:
                    sent += len(block)
                    progress.advance(len(block))
                    yield block
                progress.note("all sent, the host is loading")

            archive = work.workstation.pipe(
                builders.save(runtime, *(image.incoming(_MARK) for image in shipment.images))
            )
            answer = host.run(
                "load",
                parameters=host_parameters(work.settings, "ship-images")
                | {"IMAGES": _order(shipment.images, shipment.release)},
                accept=(0, 1),
                source=count(compressed(without_layers(archive, present) if present else archive, shipment.facts)),
                listen=work.console.detail,
            )
    finally:
        work.workstation.run(
            builders.remove(runtime, *(image.incoming(_MARK) for image in shipment.images)), accept=(0, 1)
        )
    verified = set(answer.values("verified"))
    mismatched = [image for image in shipment.images if image.service not in verified]
    return mismatched, sent, "\n".join(answer.talk[-10:])


def compressed(blocks: Iterable[bytes], facts: HostFacts) -> Iterator[bytes]:
    """Compress for the host's engine: zstd from Docker 23 on, where `docker load` reads it, gzip before."""
    if version_numbers(facts.engine.version) >= (23,):
        frame = zstandard.ZstdCompressor(level=3, threads=-1).compressobj()
        yield from (part for block in blocks if (part := frame.compress(block)))
        yield frame.flush()
        return
    gzip = zlib.compressobj(level=1, wbits=31)
    yield from (part for block in blocks if (part := gzip.compress(block)))
    yield gzip.flush()
