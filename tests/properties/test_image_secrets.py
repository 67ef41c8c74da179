"""Secrets in images that are really built: wherever one is planted it is named, and the sample's images have none."""

import base64
import json
import random
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus

import docker
import pytest

from tasks.builds import make_build
from tasks.core import builders
from tasks.core.builders import ImageBuild
from tasks.core.errors import SecretInImage
from tasks.core.facts import SERVICES
from tasks.core.image_scan import Finding, scan_archive
from tasks.core.secret_forms import secret_forms
from tasks.core.settings import Settings, load_settings
from tasks.core.workspace import Workspace
from tasks.image_store import ImageStore
from tasks.last_build import last_build
from tasks.workstation import LocalPrograms
from tests.checkout import ROOT
from tests.labhost import LAB
from tests.properties.conftest import Examples
from tests.properties.release import quoted, seeded
from tests.properties.stack import checked, run
from tests.steps.fakes import FakeConsole

PLANTED = 120
LAYERS = 4
TOKEN = "x7/Yk+" + secrets.token_urlsafe(18)
"""A secret whose base64, URL and JSON forms differ from it."""
BODY = base64.encodebytes(secrets.token_bytes(138)).decode()
KEY = f"-----BEGIN PRIVATE KEY-----\n{BODY}-----END PRIVATE KEY-----\n"

ENCODINGS: Mapping[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "base64": lambda value: base64.b64encode(value.encode()),
    "base64 of more": lambda value: base64.encodebytes(b"Basic user:" + value.encode() + b"@"),
    "base64 for URLs": lambda value: base64.urlsafe_b64encode(b"u:" + value.encode()).rstrip(b"="),
    "URL": lambda value: quote(value, safe="").encode(),
    "form": lambda value: quote_plus(value).encode(),
    "JSON": lambda value: json.dumps({"token": value}).encode(),
}

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def app() -> Iterator[str]:
    """A name for images of this module's own; they are removed with all their tags."""
    name = f"secrets-{secrets.token_hex(4)}"
    yield name
    client = docker.from_env()
    for image in client.images.list():
        if any(tag.startswith(name + "/") for tag in image.tags):
            client.images.remove(str(image.id), force=True)
    client.close()


def settings_with(place: Path, app: str, values: Mapping[str, str]) -> Settings:
    """Settings of the lab with variables of the application."""
    place.mkdir(parents=True, exist_ok=True)
    lines = [f"{name}={quoted(value)}\n" for name, value in values.items()]
    text = f"{run(LAB / 'settings').stdout}APP_NAME={app}\nAPP_SOURCE={ROOT / 'examples/community-tracker'}\n"
    (place / ".env").write_text(text + "".join(lines), newline="")
    (place / ".env").chmod(0o600)
    return load_settings(root=place, environ={})


def scanned(settings: Settings, tag: str) -> list[Finding]:
    store = ImageStore(LocalPrograms(), builders.runtime("docker", "any"))
    bases = frozenset(layer for base in store.inspect(settings.nginx_image).values() for layer in base.layers)
    return store.read_saved(lambda blocks: scan_archive(blocks, secret_forms(settings), bases), tag)


def random_value(chance: random.Random) -> str:
    """A secret as generators make them, of 12 to 300 characters."""
    letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    alphabet = chance.choice(("0123456789abcdef", letters, "aZ0 '\"\\/+=&%?$é\n-_.~!"))
    return "".join(chance.choices(alphabet, k=chance.choice((12, 16, 24, 32, 64, 300))))


def halves(value: str) -> tuple[str, str]:
    return value[: len(value) // 2], value[len(value) // 2 :]


def test_each_of_many_planted_secrets_is_named_with_its_file(app: str, tmp_path: Path, examples: Examples) -> None:
    """120 secrets, each somewhere in a file of up to 3 MB of noise in one of four layers, each in one encoding.

    All are named with layer and file, none is named twice; the hundred files without a secret are not named.

    Feature: production-deployment-system, Property 27: Secret exclusion

    Turned red by: `[:: 3]` in Searcher, `(0, 2)` in _base64, no `_bare(block)` in _Stream.
    """
    chance = seeded()
    values = {f"SECRET_{number}": random_value(chance) + "-9z" for number in range(PLANTED)}
    settings = settings_with(tmp_path / "settings", app, values)
    expected = set()
    for number, (name, value) in enumerate(values.items()):
        layer, encoding = number % LAYERS, chance.choice(sorted(ENCODINGS))
        place = tmp_path / "context" / f"layer{layer}" / f"{encoding}-{number}"
        place.parent.mkdir(parents=True, exist_ok=True)
        before = chance.randbytes(chance.choice((0, 40, 5000, 3_000_000 if number % 10 == 0 else 600)))
        place.write_bytes(before + ENCODINGS[encoding](value) + chance.randbytes(chance.choice((0, 99))))
        (place.parent / f"clean-{number}").write_bytes(b"|".join(part.encode() for part in halves(value)))
        expected.add((f"/planted/{layer}/{place.name}", f"the value of {name}"))
    dockerfile = tmp_path / "Dockerfile"
    copies = "".join(f"COPY layer{layer} /planted/{layer}\n" for layer in range(LAYERS))
    dockerfile.write_text(f"FROM {settings.nginx_image}\n{copies}")
    tag = f"{app}/edge:planted"
    image = ImageBuild("edge", dockerfile, tmp_path / "context", tag, {}, {}, "linux/amd64", None)
    checked(run(*builders.build("docker", image)))
    found = scanned(settings, tag)
    for finding in found:
        where, _, path = finding.place.partition("), ")
        assert f"(COPY layer{path.split('/')[2]} /planted/" in where
    assert {(finding.place.partition("), ")[2], finding.secret) for finding in found} == expected
    assert len(found) == len(expected)
    examples(len(expected))
    assert examples.count >= 100


@pytest.fixture(scope="module")
def work(app: str, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A checkout of its own, with a secret, whose four images are built and clean."""
    root = tmp_path_factory.mktemp("checkout")
    for name in ("containers", "compose", "scripts"):
        shutil.copytree(ROOT / name, root / name)
    work = Workspace(root, settings_with(root, app, {"API_TOKEN": TOKEN}), LocalPrograms(), FakeConsole())
    make_build(work)
    return work


def test_the_sample_s_images_are_clean(work: Workspace, examples: Examples) -> None:
    """All four are looked through when they are built (test_image_contents.py searches in another way), and once.

    Feature: production-deployment-system, Property 27: Secret exclusion

    Turned red by: `bases` left out of scan_archive (a library of Debian's has a private key for its self-test).
    """
    remembered = work.root / ".deploy" / "scanned-images.json"
    assert isinstance(work.console, FakeConsole)
    assert len(json.loads(remembered.read_text())["clean"]) == len(SERVICES)
    [scan] = [shown for shown in work.console.shown if "secrets" in shown.what]
    assert {service for service in SERVICES if service in scan.what} == set(SERVICES)
    assert scan.done > 100_000_000
    make_build(work)
    assert len([shown for shown in work.console.shown if "secrets" in shown.what]) == 1
    examples(len(SERVICES))


def test_whatever_way_a_secret_takes_into_an_image_it_is_refused_and_named(work: Workspace, examples: Examples) -> None:
    """A secret in ENV, a build's argument, a label, a copied file, base64 in a layer; a .env file; a private key.

    Feature: production-deployment-system, Property 27: Secret exclusion

    Turned red by: no require_no_secrets in _make_build (tasks/builds.py), `Env` left out of _Image._texts, no
    `layer.env_files` in _Image.findings.
    """
    coded = base64.b64encode(f"token={TOKEN}".encode()).decode()
    edge = work.root / "containers" / "edge"
    (edge / "config.json").write_text(json.dumps({"token": TOKEN}))
    (edge / ".env.production").write_text("A=b\n")
    (edge / "tls.txt").write_text(KEY)
    with (edge / "Dockerfile").open("a") as file:
        file.write(
            f"ENV API={TOKEN}\nLABEL note={coded}\nUSER 0:0\nARG GIVEN={TOKEN}\n"
            'RUN printf "%s" "$GIVEN" | base64 -w 20 >/etc/wrapped && rm -f /etc/gone\n'
            "COPY container/config.json container/.env.production container/tls.txt /srv/\nUSER 101:101\n"
        )
    before = last_build(work.root)
    with pytest.raises(SecretInImage) as caught:
        make_build(work)
    said = str(caught.value)
    edges = [line for line in caught.value.detail.splitlines() if "/edge:" in line]
    expected = {
        "ENV API: the value of API_TOKEN": "ENV",
        "label note: the value of API_TOKEN (base64)": "label",
        "/etc/wrapped: the value of API_TOKEN (base64)": "argument, base64 in a layer",
        "/srv/config.json: the value of API_TOKEN": "copied file",
        "/srv/.env.production: a file of settings": "file of settings",
        "/srv/tls.txt: a private key": "private key",
        "history, ": "history",
    }
    for place, what in expected.items():
        assert any(place in line for line in edges), f"{what}\n{said}"
        examples()
    assert TOKEN not in said
    assert coded not in said
    assert "--mount=type=secret" in said
    assert ".dockerignore" in said
    assert last_build(work.root) == before
    assert not any(f"{service}:" in caught.value.detail for service in ("frontend", "backend", "database"))
