"""Names of the images on the workstation: what a release was built as can be called by the release's name."""

import io
import json
import random
import secrets
import string
import tarfile
from collections.abc import Iterator
from dataclasses import replace

import docker
import pytest

from tasks.core import builders
from tasks.core.images import DockerImage
from tasks.core.releases import Build
from tasks.image_store import ImageStore
from tasks.workstation import LocalPrograms
from tests.checkout import Checkout
from tests.properties.conftest import Examples
from tests.properties.release import built, seeded

NAMES = 100

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def client() -> Iterator[docker.DockerClient]:
    engine = docker.from_env()
    yield engine
    engine.close()


@pytest.fixture
def app(client: docker.DockerClient) -> Iterator[str]:
    """A name for images of this test's own; they are removed with all their tags."""
    name = f"tags-{secrets.token_hex(4)}"
    yield name
    for image in client.images.list():
        if any(tag.startswith(name + "/") for tag in image.tags):
            client.images.remove(str(image.id), force=True)


def tiny_image(client: docker.DockerClient, name: str) -> DockerImage:
    """Import an image of one small file, under its content name."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        member = tarfile.TarInfo("name")
        member.size = len(name)
        archive.addfile(member, io.BytesIO(name.encode()))
    tag = secrets.token_hex(6)
    client.api.import_image_from_data(content.getvalue(), repository=name, tag=tag)
    layers = client.images.get(f"{name}:{tag}").attrs["RootFS"]["Layers"]
    return replace(built({"any": f"{name}:{tag}"}).images["any"], layers=tuple(layers))


def release_name(chance: random.Random) -> str:
    suffix = "".join(chance.choices(string.hexdigits.lower(), k=chance.choice((7, 12))))
    return f"{chance.randint(2000, 2999)}0101T{chance.randint(0, 235959):06}Z-{suffix}"


def test_each_build_s_images_get_the_release_s_name(app: str, client: docker.DockerClient, examples: Examples) -> None:
    """A hundred release names, each over a random set of images: every image answers to `<app>/<service>:<release>`.

    What an earlier release's name stood for stays, and a second time changes nothing.

    Feature: production-deployment-system, Property 29: Version tagging

    Turned red by: `self.tag(content, content)` in ImageStore.tag_release (tasks/image_store.py).
    """
    chance = seeded()
    store = ImageStore(LocalPrograms(), builders.runtime("docker", "any"))
    images = {service: [tiny_image(client, f"{app}/{service}") for _ in range(3)] for service in ("one", "two")}
    expected: dict[str, str] = {}
    for _ in range(NAMES):
        chosen = {service: chance.choice(images[service]) for service in chance.sample(sorted(images), 2)}
        made = Build(release_name(chance), "linux/amd64", chosen, (), {})
        store.tag_release(made)
        expected |= {image.release_tag(made.release): image.content_name for image in chosen.values()}
        examples()
    found = {tag: image.id for image in client.images.list() for tag in image.tags}
    assert {tag: found.get(tag) for tag in expected} == {tag: found[name] for tag, name in expected.items()}
    assert examples.count >= 100


def test_fab_build_names_what_it_built(checkout: Checkout, client: docker.DockerClient, examples: Examples) -> None:
    """The sample application, built, built again unchanged, and changed: all four images have the release's name.

    Feature: production-deployment-system, Property 29: Version tagging

    Turned red by: no `tag_release` in _make_build (tasks/builds.py).
    """
    for change in (None, None, "tags"):
        if change:
            checkout.change_page(change)
        checkout.fab("build", host=None)
        made = json.loads((checkout.path / ".deploy" / "last-build.json").read_text())
        for image in made["images"].values():
            release = client.images.get(f"{image['name']}:{made['release']}")
            assert release.id == client.images.get(f"{image['name']}:{image['tag']}").id
            examples()
    assert examples.count == 12
