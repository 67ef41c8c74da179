"""The image store of the workstation's engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from tasks.core import builders
from tasks.core.archive import ArchivedImage, read_archive
from tasks.core.builders import ContainerRuntime, LocalImage
from tasks.core.errors import BuildFailed
from tasks.core.identity import Server, parse_server
from tasks.core.images import hex_tag
from tasks.core.protocols import Workstation
from tasks.core.releases import Build

_Read = TypeVar("_Read")


class ImageStore:
    """The local image store, asked with as few commands as possible."""

    def __init__(self, workstation: Workstation, runtime: ContainerRuntime) -> None:
        """Ask nothing yet."""
        self._workstation, self._runtime = workstation, runtime

    def inspect(self, *tags: str) -> dict[str, LocalImage]:
        """Look several images up; those that are not there are left out."""
        command = (*builders.inspect(self._runtime.name, tags[0]), *tags[1:])
        answer = self._workstation.run(command, accept=(0, 1))
        found = [builders.parse_inspect(line) for line in answer.lines if line.startswith(("{", "["))]
        return {tag: image for tag in tags for image in found if _named(image, tag)}

    def bases(self, settings: Mapping[str, str]) -> dict[str, LocalImage]:
        """Look base images up by tag, each with the setting that names it; fetch those that are not there."""
        found = self.inspect(*settings)
        for tag, setting in settings.items():
            if tag not in found:
                self._pull(tag, setting)
                found |= self.inspect(tag)
            if tag not in found:
                raise BuildFailed(f"the base image {tag} cannot be inspected after it was fetched")
        return found

    def lookup_fault(self, tag: str) -> str:
        """Look an image up in its registry, and give why it was not found; nothing when it is there.

        A mirror or a proxy that only the engine knows may still have it.
        """
        answer = self._workstation.run(builders.manifest(self._runtime.name, tag), accept=range(256))
        return "" if answer.exit_code == 0 else (answer.talk or ("no answer",))[-1]

    def _pull(self, tag: str, setting: str) -> None:
        name = self._runtime.name
        answer = self._workstation.run(builders.pull(name, tag), accept=range(256))
        if answer.exit_code:
            raise BuildFailed(
                f"the base image {tag} ({setting}) is not on this machine and cannot be pulled",
                detail="\n".join(answer.talk[-5:]),
                remedy=f"{name} pull {tag} shows more; without internet save it elsewhere ({name} save -o FILE {tag}) "
                f"and load it here ({name} load -i FILE); or set {setting} to an image that is here ({name} images)",
            )

    def server(self, tag: str) -> Server | None:
        """Ask a database image what it runs; nothing where it is not here, or of another architecture."""
        answer = self._workstation.run(builders.server(self._runtime.name, tag), accept=range(256))
        return parse_server(answer.lines) if answer.exit_code == 0 else None

    def content_names(self, name: str) -> list[str]:
        """List the names by content of an image."""
        names = []
        for line in self._workstation.run(builders.images(self._runtime.name)).lines:
            data = json.loads(line)
            if tag := hex_tag(f"{data.get('Repository')}:{data.get('Tag')}", name):
                names.append(f"{name}:{tag}")
        return names

    def archived(self, tag: str) -> ArchivedImage:
        """Read of an image what is the same on every store: its digest and layers."""
        return self.read_saved(read_archive, tag)[0]

    def read_saved(self, read: Callable[[Iterable[bytes]], _Read], *tags: str) -> _Read:
        """Have what `save` writes of images read, as a stream; a reader's ValueError says that it cannot be."""
        save = builders.save(self._runtime.name, *tags)
        try:
            return read(self._workstation.pipe(save))
        except ValueError as error:
            raise BuildFailed(
                f"`{' '.join(save)}` wrote what cannot be read", detail=str(error), remedy="try again, then fab doctor"
            ) from error

    def tag_release(self, made: Build) -> None:
        """See that each image of a build that is here has the release's name too: what it was built for."""
        names = {image.content_name: image.release_tag(made.release) for image in made.images.values()}
        local = self.inspect(*names, *names.values())
        for content, release in names.items():
            if content in local and local.get(release) != local[content]:
                self.tag(content, release)

    def tag(self, tag: str, name: str) -> None:
        """Give an image another name."""
        self._workstation.run(builders.tag(self._runtime.name, tag, name))

    def untag(self, tag: str) -> None:
        """Take a name away; nothing is wrong when it is not there."""
        self._workstation.run(builders.remove(self._runtime.name, tag), accept=range(256))


def _named(image: LocalImage, tag: str) -> bool:
    full = tag if ":" in tag.rpartition("/")[2] else tag + ":latest"
    return any(each == full or each.endswith("/" + full) for each in image.tags)
