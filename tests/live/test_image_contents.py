"""Secrets of the settings, the build's CA file, the application's .git, .env and private keys are in no image.

Turned red by: a step of the frontend Dockerfile that copies the mounted CA file, and by taking `*.pem` out of the
backend's app.dockerignore.
"""

import base64
import json
import secrets
import subprocess
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.checkout import Checkout

SERVICES = ("frontend", "backend", "database", "edge")
APP = Path("examples/community-tracker")

pytestmark = pytest.mark.timeout(1200)


def contents(image: str) -> Iterator[bytes]:
    """Every blob of a saved image, unpacked: configuration (environment, labels, history) and layers, names too."""
    with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saving:
        assert saving.stdout
        with tarfile.open(fileobj=saving.stdout, mode="r|") as archive:
            for member in archive:
                if member.isfile() and (file := archive.extractfile(member)):
                    blob = file.read()
                    yield zlib.decompress(blob, wbits=31) if blob[:2] == b"\x1f\x8b" else blob
    assert saving.returncode == 0


def written_as(marker: str) -> list[bytes]:
    """A secret as it is, and as it is usually wrapped."""
    return [marker.encode(), base64.b64encode(marker.encode()).rstrip(b"="), quote(marker, safe="").encode()]


@pytest.fixture(scope="module")
def markers(checkout: Checkout) -> dict[str, str]:
    """A value for each thing that must stay out; all four images are built with all of them at hand."""
    markers = {what: f"out-{what}/{secrets.token_hex(8)}" for what in ("setting", "ca", "git", "env", "key")}
    trusted = Path("/etc/ssl/certs/ca-certificates.crt").read_text()
    (checkout.path / "ca.pem").write_text(f"{trusted}\n# {markers['ca']}\n")
    checkout.write_env(APP_TOKEN=markers["setting"])
    for part in ("web-frontend", "backend-api"):
        source = checkout.path / APP / part
        (source / ".git").mkdir()
        (source / ".git" / "config").write_text(markers["git"])
        (source / ".env").write_text(f"X={markers['env']}\n")
        (source / "deploy.pem").write_text(f"-----BEGIN PRIVATE KEY-----\n{markers['key']}\n")
    checkout.change_page("contents")
    checkout.edit(APP / "backend-api/src/server.ts", "\n", f"\n// {secrets.token_hex(8)}\n")
    for service in ("database", "edge"):
        with (checkout.path / "containers" / service / "Dockerfile").open("a") as file:
            file.write(f"LABEL build={secrets.token_hex(4)}\n")
    checkout.fab("build", host=None, DEPLOY_BUILD_CA_FILE=str(checkout.path / "ca.pem"))
    return markers


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_secret_is_in_an_image(service: str, markers: dict[str, str], checkout: Checkout) -> None:
    """Feature: production-deployment-system, Property 27: Secret exclusion"""
    made = json.loads((checkout.path / ".deploy/last-build.json").read_text())["images"][service]
    wanted = {what: written_as(marker) for what, marker in markers.items()}
    found: set[str] = set()
    size = 0
    for blob in contents(f"{made['name']}:{made['tag']}"):
        size += len(blob)
        found |= {what for what, forms in wanted.items() if any(form in blob for form in forms)}
    assert size > 10_000_000, "nothing was looked at"
    assert found == set()
