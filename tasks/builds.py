"""Building the four images of a release on the workstation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from platform import machine

from tasks.builders import Builder, describe
from tasks.core import builders
from tasks.core.application import migrations
from tasks.core.errors import UnsupportedHost
from tasks.core.facts import SERVICES, HostFacts
from tasks.core.image_inputs import ImageInput
from tasks.core.images import DockerImage, image_on_host
from tasks.core.protocols import Outcome
from tasks.core.releases import Build, release_name
from tasks.core.settings import build_inputs, refuse
from tasks.core.workspace import Workspace
from tasks.image_scan import require_no_secrets
from tasks.image_store import ImageStore
from tasks.last_build import building, last_build, write_build
from tasks.runtime import find_runtime


def build(work: Workspace) -> Outcome:
    """Build the four images on the workstation.

    What was built from the same input is reused, whoever built it. Images with a secret in them are refused. Writes
    .deploy/last-build.json, which ship-images and push-config read. Undo: docker rmi.
    """
    made = make_build(work)
    summary = (
        f"built {made.build.release}: {', '.join(made.built)}" if made.built else f"already so: {made.build.release}"
    )
    return Outcome(bool(made.built), summary, data={"release": made.build.release, "built": list(made.built)})


@dataclass(frozen=True)
class Made:
    """A build and the services whose images had to be built for it."""

    build: Build
    built: tuple[str, ...]


def require_sources(work: Workspace) -> None:
    """Refuse what cannot be built, before anything is contacted: SettingsError names every fault."""
    refuse(build_inputs(work.settings, root=work.root).faults)


def make_build(work: Workspace, *, facts: HostFacts | None = None) -> Made:
    """Have all four images, in the local store or (given its facts) on the host, and give the build they make.

    Waits for another build in this checkout, and takes over what that made. Raises SettingsError, RuntimeMissing,
    BuildFailed or SecretInImage.
    """
    require_sources(work)
    runtime = find_runtime(work)
    platform = _platform((facts.arch if facts else "") or machine())
    with building(work.root, work.console):
        return _make_build(work, Builder(work, runtime, platform), facts)


def _make_build(work: Workspace, builder: Builder, facts: HostFacts | None) -> Made:
    with work.console.progress("build: looking at what is there"):
        wanted = builder.inputs()
        previous = last_build(work.root)
        found = {each.service: _reuse(builder.store, each, previous, facts) for each in wanted}
    images = {service: image for service, image in found.items() if image}
    missing = [each for each in wanted if each.service not in images]
    images |= builder.build(missing)
    require_no_secrets(work, images.values())
    new = _name_build(work, builder.platform, images, previous)
    if new != previous:
        write_build(work.root, new)
    builder.store.tag_release(new)
    return Made(new, tuple(each.service for each in missing))


def _platform(architecture: str) -> str:
    try:
        return builders.platform(architecture)
    except ValueError as error:
        raise UnsupportedHost(str(error), remedy="use a host with one of these") from None


def _reuse(
    store: ImageStore, wanted: ImageInput, previous: Build | None, facts: HostFacts | None
) -> DockerImage | None:
    """Find an image made from the same input: the last build's, another's in the local store, the host's."""
    known = previous.images.get(wanted.service) if previous else None
    if known and known.input == wanted.input and known.name == wanted.name:
        local = store.inspect(known.content_name).get(known.content_name)
        if (local and local.layers == known.layers) or (facts and known.is_on(facts)):
            return known
    if facts and (found := image_on_host(facts, wanted.name, wanted.input)):
        return found
    names = store.content_names(wanted.name)
    for name, image in (store.inspect(*names) if names else {}).items():
        if image.labels.get("input") == wanted.input:
            return describe(wanted, image, name.rpartition(":")[2], digest="")
    return None


def _name_build(
    work: Workspace,
    platform: str,
    images: Mapping[str, DockerImage],
    previous: Build | None,
) -> Build:
    names = migrations(work.settings.app_source)
    if previous and _same_images(previous.images, images) and previous.migrations == names:
        return replace(previous, images=images, arch=platform)
    inputs = "".join(images[service].input for service in SERVICES)
    suffix = _git_hash(work) or _digest(inputs)
    return Build(release_name(datetime.now(UTC), suffix), platform, images, names, {})


def _same_images(one: Mapping[str, DockerImage], other: Mapping[str, DockerImage]) -> bool:
    return {s: i.content_name for s, i in one.items()} == {s: i.content_name for s, i in other.items()}


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:12]


def _git_hash(work: Workspace) -> str:
    """Give git's short hash of the application's sources, or nothing when they are changed or outside git."""
    if not work.workstation.has("git"):
        return ""
    for place in (work.settings.app_source, work.root / "containers", work.root / "compose"):
        status = work.workstation.run(("git", "-C", str(place), "status", "--porcelain", "--", "."), accept=range(256))
        if status.exit_code or status.lines:
            return ""
    head = work.workstation.run(
        ("git", "-C", str(work.settings.app_source), "rev-parse", "--short=7", "HEAD"), accept=range(256)
    )
    return head.lines[0] if head.exit_code == 0 and head.lines else ""
