"""What an image is called and what is known of it after a build."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from tasks.core.facts import HostFacts, HostImage


@dataclass(frozen=True)
class DockerImage:
    """One of the four images of a release (the design's DockerImage).

    `name` is <app>/<service>; `tag` is the first 12 hexadecimal digits of `digest`, the SHA-256 of the image's
    configuration; `layers` are diff ids in order; `input` names everything that went into it; `size` is in bytes;
    `build_timestamp` is ISO 8601; `build_host` is local or remote.
    """

    name: str
    tag: str
    digest: str
    size: int
    build_timestamp: str
    build_host: str
    layers: tuple[str, ...]
    input: str

    @property
    def service(self) -> str:
        """Which of the four it is."""
        return self.name.rpartition("/")[2]

    @property
    def content_name(self) -> str:
        """The name by content, which Compose files use: a rebuilt identical image keeps it."""
        return f"{self.name}:{self.tag}"

    def release_tag(self, release: str) -> str:
        """The extra name that rollback and prune go by."""
        return f"{self.name}:{release}"

    def incoming(self, mark: str) -> str:
        """Give the name an image has on a host until its layers have been verified; `mark` is the sender's own."""
        return f"{self.name}:incoming-{self.tag}-{mark}"

    def is_on(self, facts: HostFacts) -> bool:
        """Whether the host has it, verified: under its content name, with the same layers."""
        found = facts.image_named(self.content_name)
        return found is not None and found.layers == self.layers

    def as_json(self) -> dict[str, object]:
        """Give a form for last-build.json."""
        return {**asdict(self), "layers": list(self.layers)}


def image_from_json(data: Mapping[str, object]) -> DockerImage:
    """Read what as_json wrote; KeyError or TypeError for anything else."""
    fields = dict(data)
    layers = fields.pop("layers")
    if not isinstance(layers, list):
        raise TypeError("layers is not a list")
    return DockerImage(**fields, layers=tuple(layers))  # type: ignore[arg-type]


def image_on_host(facts: HostFacts, name: str, wanted: str) -> DockerImage | None:
    """Find an image on the host that was built from the same input, whoever built it."""
    for image in facts.images:
        if image.labels.get("input") == wanted and (tag := content_tag(image, name)):
            return DockerImage(name, tag, "", image.size, "", "remote", image.layers, wanted)
    return None


def content_tag(image: HostImage, name: str) -> str | None:
    """Give the tag by content among an image's names."""
    return next((tag for full in image.tags if (tag := hex_tag(full, name))), None)


def hex_tag(full: str, name: str) -> str | None:
    """Give the 12 hexadecimal digits of `name:tag`, or None for other names."""
    start, _, tag = full.rpartition(":")
    is_hex = len(tag) == 12 and all(digit in "0123456789abcdef" for digit in tag)
    # nerdctl puts the registry's name before it
    return tag if is_hex and (start == name or start.endswith("/" + name)) else None
