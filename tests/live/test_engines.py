"""Every engine that is supported: the page and the API, a second deployment, and `already so`.

Everyday: the newest store (containerd) and the barest userland (busybox). With --full: all of them.
"""

import http.client
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.checkout import Checkout
from tests.labhost import LAB, LabHost

RecordProperty = Callable[[str, object], None]
QUICK = {"DRAIN_SECONDS": "1"}
VERSIONS = "docker version -f '{{.Server.Version}}'; docker compose version --short; docker info -f '{{.Driver}}'"
full = pytest.mark.full
KINDS = [
    pytest.param("systemd26", marks=full),
    pytest.param("docker26", marks=full),
    "docker28",
    pytest.param("docker20-compose2", marks=full),
    "alpine26",
]

pytestmark = pytest.mark.timeout(900)


@dataclass(frozen=True)
class Answer:
    status: int
    release: str | None
    body: str


def ask(host: LabHost, method: str, path: str, body: object = None) -> Answer:
    """One request, never repeated."""
    connection = http.client.HTTPConnection(host.address, timeout=20)
    try:
        headers = {"Content-Type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return Answer(answer.status, answer.getheader("X-Release"), answer.read().decode())
    finally:
        connection.close()


def script(host: LabHost) -> str:
    """The page's own script, by the name that the page gives."""
    page = ask(host, "GET", "/")
    assert page.status == 200
    name = page.body.split('src="/assets/')[1].split('"')[0]
    answer = ask(host, "GET", f"/assets/{name}")
    assert answer.status == 200
    return answer.body


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A clean clone of the working tree with the images built, for no host yet."""
    nowhere = LabHost("nowhere", "", tmp_path_factory.mktemp("home"))
    made = Checkout.clone(tmp_path_factory.mktemp("checkout") / "community-deploy", nowhere)
    made.write_env(**QUICK)
    made.fab("build", host=None)
    return made


@pytest.fixture
def target(request: pytest.FixtureRequest, clone: Checkout, tmp_path: Path) -> Iterator[Checkout]:
    """The checkout for a fresh host of the kind; the host goes afterwards."""
    kind = request.param
    name = f"engine-{kind}"
    subprocess.run([LAB / "host", "up", name, kind], check=True)
    subprocess.run([LAB / "host", "reset", name], check=True)
    yield Checkout(clone.path, LabHost.at(name, tmp_path))
    subprocess.run([LAB / "host", "down", name], check=True)


def deploy(target: Checkout, record_property: RecordProperty, what: str) -> str:
    """Deploy, and write down how long each step took; the release."""
    start = time.monotonic()
    data = json.loads(target.fab("deploy", "--json").stdout)
    seconds: dict[str, float] = data["seconds"]
    steps = ", ".join(f"{step} {seconds[step]:.1f}" for step in seconds)
    line = f"{time.monotonic() - start:.1f} s ({steps})"
    print(f"{what}: {line}")
    record_property(what, line)
    return str(data["release"])


@pytest.mark.parametrize("target", KINDS, indirect=True)
def test_engine(target: Checkout, record_property: RecordProperty) -> None:
    host = target.host
    engine = f"{host.name}, {' '.join(host.run(VERSIONS).split())}"
    first = deploy(target, record_property, f"{engine}: first")
    assert ask(host, "GET", "/").release == first
    assert ask(host, "POST", "/api/activities", {"title": "Tea & <cake>"}).status == 201
    assert host.psql("select title from activities") == "Tea & <cake>\n"

    platform = host.containers("label=slot=platform")
    assert set(platform) == {"platform/database", "platform/edge"}
    before = script(host)
    target.change_page(f"on {host.name}")
    second = deploy(target, record_property, f"{engine}: a line changed")
    after = script(host)
    assert second != first
    assert ask(host, "GET", "/").release == second
    assert f"on {host.name}" in after
    assert f"on {host.name}" not in before
    assert host.containers("label=slot=platform") == platform
    assert "Tea & <cake>" in ask(host, "GET", "/api/activities").body

    third = target.fab("deploy").stdout
    print(third)
    record_property(f"{engine}: again", third.strip())
    assert "already so" in third
    assert host.containers("label=slot=platform") == platform
