"""Building the four images of a release on the workstation, and remembering what was built."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from platform import machine

from tasks.core import builders
from tasks.core.application import check_application, migrations
from tasks.core.archive import ArchivedImage, read_archive
from tasks.core.builders import ContainerRuntime, ImageBuild, LocalImage
from tasks.core.context import ContextFile, context_files, input_hash, stage
from tasks.core.errors import ApplicationError, BuildFailed, DeployError, UnsupportedHost, UsageError
from tasks.core.facts import SERVICES, HostFacts
from tasks.core.images import DockerImage, hex_tag, image_from_json, image_on_host
from tasks.core.protocols import Outcome, Workstation
from tasks.core.releases import Build, release_name
from tasks.core.settings import Settings, missing_paths, not_there_yet, refuse
from tasks.core.workspace import Workspace
from tasks.runtime import find_runtime

BASES = {
    "frontend": ("node_image", "nginx_image"),
    "backend": ("node_image",),
    "database": ("postgres_image",),
    "edge": ("nginx_image",),
}
"""The base images of each service, by setting."""

SOURCES = {"frontend": "web-frontend", "backend": "backend-api"}
"""The part of the application that each service is built from; the others have none."""

IDENTITY = ("api_user_uid", "api_user_gid", "postgres_user")
"""The settings that backend and database are built with."""


def build(work: Workspace) -> Outcome:
    """Build the four images on the workstation.

    What was built from the same input is reused, whoever built it. Writes .deploy/last-build.json, which ship-images
    and push-config read. Undo: docker rmi.
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


@dataclass(frozen=True)
class _Wanted:
    """One image as it should be: its name, its files, its arguments and the hash over all of it."""

    service: str
    name: str
    files: list[ContextFile]
    arguments: Mapping[str, str]
    input: str


def require_sources(work: Workspace) -> None:
    """Refuse what cannot be built, before anything is contacted: SettingsError, ApplicationError or UsageError."""
    refuse([*missing_paths(work.settings), *not_there_yet(work.settings)])
    if faults := check_application(work.settings.app_source):
        raise ApplicationError(
            "the application cannot be built", detail="\n".join(faults), remedy="see docs/application.md"
        )


def make_build(work: Workspace, *, facts: HostFacts | None = None) -> Made:
    """Have all four images, in the local store or (given its facts) on the host, and give the build they make.

    Raises ApplicationError, RuntimeMissing or BuildFailed.
    """
    require_sources(work)
    runtime = find_runtime(work)
    platform = _platform((facts.value("arch") if facts else "") or machine())
    with work.console.progress("build: looking at what is there"):
        wanted = _wanted_images(_Store(work.workstation, runtime), work.settings, work.root, platform)
    previous = last_build(work.root)
    images: dict[str, DockerImage] = {}
    for each in wanted:
        found = _reuse(_Store(work.workstation, runtime), each, previous, facts)
        if found:
            images[each.service] = found
    missing = [each for each in wanted if each.service not in images]
    with ThreadPoolExecutor(max_workers=2) as pool:
        jobs = {each.service: pool.submit(_build_image, work, runtime, each, platform) for each in missing}
    images.update({service: job.result() for service, job in jobs.items()})
    new = _name_build(work, platform, images, previous)
    if new != previous:
        write_build(work.root, new)
    return Made(new, tuple(each.service for each in missing))


def _platform(architecture: str) -> str:
    try:
        return builders.platform(architecture)
    except ValueError as error:
        raise UnsupportedHost(str(error), remedy="use a host with one of these") from None


class _Store:
    """The local image store, asked with as few commands as possible."""

    def __init__(self, workstation: Workstation, runtime: ContainerRuntime) -> None:
        self._workstation, self._runtime = workstation, runtime

    def inspect(self, *tags: str) -> dict[str, LocalImage]:
        """Look several images up; those that are not there are left out."""
        command = (*builders.inspect(self._runtime.name, tags[0]), *tags[1:])
        answer = self._workstation.run(command, accept=(0, 1))
        found = [builders.parse_inspect(line) for line in answer.lines if line.startswith(("{", "["))]
        return {tag: image for tag in tags for image in found if _named(image, tag)}

    def base(self, tag: str) -> LocalImage:
        """Look a base image up, fetching it when it is not there."""
        if not (found := self.inspect(tag)):
            self._workstation.run(builders.pull(self._runtime.name, tag))
            found = self.inspect(tag)
        if not found:
            raise BuildFailed(f"the base image {tag} cannot be inspected after it was fetched")
        return found[tag]

    def content_names(self, name: str) -> list[str]:
        """List the names by content of an image."""
        names = []
        for line in self._workstation.run(builders.images(self._runtime.name)).lines:
            data = json.loads(line)
            if tag := hex_tag(f"{data.get('Repository')}:{data.get('Tag')}", name):
                names.append(f"{name}:{tag}")
        return names


def _named(image: LocalImage, tag: str) -> bool:
    full = tag if ":" in tag.rpartition("/")[2] else tag + ":latest"
    return any(each == full or each.endswith("/" + full) for each in image.tags)


def _wanted_images(store: _Store, settings: Settings, root: Path, platform: str) -> list[_Wanted]:
    tags = sorted({getattr(settings, base) for bases in BASES.values() for base in bases})
    bases = store.inspect(*tags)
    bases |= {tag: store.base(tag) for tag in tags if tag not in bases}
    for tag, image in bases.items():
        if platform != f"linux/{image.architecture}":
            raise BuildFailed(
                f"the base image {tag} in the local store is for {image.architecture}, the host needs {platform}",
                remedy=f"pull it for that platform: docker pull --platform {platform} {tag}",
            )
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
        wanted.append(_Wanted(service, f"{settings.app_name}/{service}", files, arguments, digest))
    return wanted


def _reuse(store: _Store, wanted: _Wanted, previous: Build | None, facts: HostFacts | None) -> DockerImage | None:
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
            return _describe(wanted, image, name.rpartition(":")[2], digest="")
    return None


def _describe(wanted: _Wanted, image: LocalImage, tag: str, *, digest: str) -> DockerImage:
    return DockerImage(wanted.name, tag, digest, image.size, image.created, "local", image.layers, wanted.input)


def _build_image(
    work: Workspace,
    runtime: ContainerRuntime,
    wanted: _Wanted,
    platform: str,
) -> DockerImage:
    context = work.root / ".deploy" / "context" / wanted.service
    stage(wanted.files, context)
    temporary = f"{wanted.name}:build-{wanted.input[:12]}"
    image = ImageBuild(
        service=wanted.service,
        dockerfile=work.root / "containers" / wanted.service / "Dockerfile",
        context=context,
        tag=temporary,
        labels={"app": work.settings.app_name, "service": wanted.service, "input": wanted.input},
        arguments=wanted.arguments,
        platform=platform,
        ca_file=work.settings.build_ca_file,
    )
    log = work.root / ".deploy" / f"build-{wanted.service}.log"
    with work.console.progress(f"build {wanted.service}") as progress, log.open("w") as file:

        def listen(line: str) -> None:
            file.write(line + "\n")
            progress.note(line)
            work.console.detail(f"{wanted.service}: {line}")

        try:
            work.workstation.run(builders.build(runtime.name, image), listen=listen)
        except DeployError as error:
            raise BuildFailed(
                f"building the {wanted.service} image failed",
                detail=error.detail or error.what,
                remedy=f"mend what the last lines name; the whole output is in {log.relative_to(work.root)}",
            ) from error
        progress.note("naming it by its content")
        store = _Store(work.workstation, runtime)
        archived = _archived(work, builders.save(runtime.name, temporary))
    local = store.inspect(temporary)[temporary]
    made = _describe(wanted, local, archived.digest[:12], digest="sha256:" + archived.digest)
    made = replace(made, layers=archived.layers, build_timestamp=archived.created)
    work.workstation.run(builders.tag(runtime.name, temporary, made.content_name))
    work.workstation.run(builders.remove(runtime.name, temporary))
    return made


def _archived(work: Workspace, save: builders.Command) -> ArchivedImage:
    try:
        return read_archive(work.workstation.pipe(save))[0]
    except ValueError as error:
        raise BuildFailed(
            f"`{' '.join(save)}` wrote what cannot be read", detail=str(error), remedy="try again, then fab doctor"
        ) from error


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


def write_build(root: Path, made: Build) -> None:
    """Write .deploy/last-build.json in one step."""
    place = root / ".deploy"
    place.mkdir(exist_ok=True)
    data = {
        "schema": 1,
        "release": made.release,
        "arch": made.arch,
        "images": {service: image.as_json() for service, image in sorted(made.images.items())},
        "migrations": list(made.migrations),
        "names": dict(made.names),
    }
    new = place / "last-build.json.new"
    new.write_text(json.dumps(data, indent=2) + "\n")
    new.replace(place / "last-build.json")


def needed_build(root: Path, services: Iterable[str] = SERVICES) -> Build:
    """Give the last build for a step that goes on from it; UsageError when there is none."""
    made = last_build(root)
    if made is None or any(service not in made.images for service in services):
        raise UsageError("nothing has been built yet: .deploy/last-build.json is missing", remedy="run: fab build")
    return made
