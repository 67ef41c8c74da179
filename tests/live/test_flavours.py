"""Both flavours of the base images serve, alone and mixed; data of another flavour or major version is never started.

With --full only: the Alpine images and PostgreSQL 17 are made first where they are missing (minutes).
"""

import http.client
import json
import subprocess
import time
from dataclasses import dataclass, field

import pytest

from tests.checkout import Checkout
from tests.labhost import LAB, LabHost

ALPINE = {
    "NODE_IMAGE": "lab/node:alpine",
    "NGINX_IMAGE": "lab/nginx:alpine",
    "POSTGRES_IMAGE": "lab/postgres:15-alpine",
}
NEWER = "lab/postgres:17-debian"
CHECKS = {"edge": "probe", "database": "ready", "frontend": "probe", "backend": "request http://127.0.0.1:3000/health"}
VOLUME = "$(docker volume inspect -f '{{.Mountpoint}}' community-tracker_data)"
# Of a server at rest; what it writes of itself (write-ahead log, control file, its own pid) is left out while it runs.
OWN = "! -path '*/pg_wal/*' ! -path '*/pg_stat*' ! -name pg_control ! -name postmaster.pid"
SUMS = "-exec sha256sum {} + | sort -k 2"
RUNNING = f"cd {VOLUME} && find . -type f {OWN} {SUMS}"
AT_REST = f"cd {VOLUME} && find . -type f {SUMS}"


@dataclass(frozen=True)
class Offer:
    """A database image for data that another one made: major version and C library of both.

    `images`: what the deployment before is built on.
    """

    image: str
    major: str
    library: str
    data_library: str = "glibc"
    images: dict[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, str]:
        return self.images | {"POSTGRES_IMAGE": self.image}


DISTRIBUTIONS = {"glibc": "Debian", "musl": "Alpine"}
OTHERS = [
    pytest.param(Offer(ALPINE["POSTGRES_IMAGE"], "15", "musl"), id="Alpine"),
    pytest.param(Offer(NEWER, "17", "glibc"), id="PostgreSQL 17"),
]

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module", autouse=True)
def images() -> None:
    wanted = [image.removeprefix("lab/") for image in (*ALPINE.values(), NEWER)]
    subprocess.run([LAB / "base-images", *wanted], check=True)


def with_images(**images: str) -> list[str]:
    """The options that set base images for one call."""
    return [part for key, value in images.items() for part in ("--set", f"{key}={value}")]


def ask(host: LabHost, method: str, path: str, body: object = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection(host.address, timeout=20)
    try:
        headers = {"Content-Type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def systems(host: LabHost) -> dict[str, str]:
    """Distribution in each running container, from its own os-release."""
    line = "docker exec {} sed -n 's/^ID=//p' /etc/os-release"
    return {name: host.run(line.format(host.service(name))).strip() for name in CHECKS}


def health(host: LabHost) -> dict[str, str]:
    """What the engine's own health checks say, once each has run."""
    template = "'{{.State.Health.Status}}'"
    for _ in range(60):
        found = {name: host.run(f"docker inspect -f {template} {host.service(name)}").strip() for name in CHECKS}
        if "starting" not in found.values():
            break
        time.sleep(0.5)
    return found


def serves(host: LabHost, title: str) -> None:
    """The page, a POST, and its row."""
    assert ask(host, "GET", "/")[0] == 200
    assert ask(host, "POST", "/api/activities", {"title": title})[0] == 201
    assert host.psql(f"select count(*) from activities where title = '{title}'") == "1\n"  # noqa: S608


def frozen_check(host: LabHost, service: str) -> int:
    """Exit code of a service's health check while its server is stopped in its tracks."""
    container = host.service(service)
    pids = f"$(docker top {container} -o pid | tail -n +2)"
    check = f"timeout 20 docker exec {container} {CHECKS[service]}"
    said = host.run(f"pids={pids}; kill -STOP $pids; {check} >/dev/null 2>&1; code=$?; kill -CONT $pids; echo $code")
    return int(said)


def test_alpine_everywhere(lab_host: LabHost, checkout: Checkout) -> None:
    checkout.fab("deploy", *with_images(**ALPINE))
    assert systems(lab_host) == dict.fromkeys(CHECKS, "alpine")
    serves(lab_host, "on Alpine")
    assert health(lab_host) == dict.fromkeys(CHECKS, "healthy")
    platform = lab_host.containers("label=slot=platform")
    checkout.change_page("on Alpine")
    checkout.fab("deploy", *with_images(**ALPINE))
    assert lab_host.containers("label=slot=platform") == platform
    assert "already so" in checkout.fab("deploy", *with_images(**ALPINE)).stdout
    assert "healthy" in checkout.fab("verify", *with_images(**ALPINE)).stdout


@pytest.mark.parametrize("service", ["edge", "frontend", "backend"])
def test_health_check_under_busybox_sees_a_server_that_does_not_answer(lab_host: LabHost, service: str) -> None:
    """The engine ends a check after 5 s; it must have failed or not have ended by then."""
    check = f"docker exec {lab_host.service(service)} {CHECKS[service]}"
    lab_host.run(check)
    assert frozen_check(lab_host, service) != 0
    lab_host.run(check)


def test_data_of_alpine_is_not_given_to_debian(lab_host: LabHost, checkout: Checkout) -> None:
    offer = Offer("lab/postgres:15-debian", "15", "glibc", data_library="musl", images=ALPINE)
    refused_beside_the_running_one(lab_host, checkout, offer)


def test_node_on_alpine_and_the_others_on_debian(lab_host: LabHost, checkout: Checkout) -> None:
    lab_host.clean()
    checkout.fab("deploy", *with_images(NODE_IMAGE=ALPINE["NODE_IMAGE"]))
    assert systems(lab_host) == {"edge": "debian", "database": "debian", "frontend": "debian", "backend": "alpine"}
    serves(lab_host, "mixed")
    assert health(lab_host) == dict.fromkeys(CHECKS, "healthy")


def refused(checkout: Checkout, offer: Offer) -> str:
    """Deploy, which refuses before anything is sent; then its parts, the last of which the host refuses: its words."""
    done = checkout.fab("deploy", *with_images(**offer.settings), check=False)
    there, asked = (
        f"PostgreSQL {major} ({DISTRIBUTIONS[library]}, {library})"
        for major, library in (("15", offer.data_library), (offer.major, offer.library))
    )
    assert done.returncode == 2, done.stderr
    assert f"has {there}, asked for is {asked}" in done.stderr
    assert f"set it back (POSTGRES_IMAGE to an image of {there})" in done.stderr
    of_this_host = checkout.path / f".env.{checkout.host.name}"
    of_this_host.write_text("".join(f"{key}={value}\n" for key, value in offer.settings.items()))
    checkout.fab("build", "ship-images", "push-config")
    done = checkout.fab("up", check=False)
    of_this_host.unlink()
    assert done.returncode == 1, done.stderr
    return done.stdout + done.stderr


def refused_beside_the_running_one(host: LabHost, checkout: Checkout, offer: Offer) -> None:
    """Another database image: refused, and the server, its data and the page are as they were."""
    checkout.fab("deploy", *with_images(**offer.images))
    host.run(f"docker exec {host.service('database')} psql -XqU postgres -c checkpoint")
    before, containers, served = host.run(RUNNING), host.containers(), host.run("cat /opt/community-tracker/active")
    said = refused(checkout, offer)
    new = f"{offer.major} ({offer.library})"
    assert f"the data is PostgreSQL 15's ({offer.data_library}), the new image is {new}: not started" in said
    assert "set POSTGRES_IMAGE back to major 15" in said
    assert "dump with the old image and restore into a fresh volume" in said
    assert host.containers() == containers
    assert host.run("cat /opt/community-tracker/active") == served
    assert host.run(RUNNING) == before
    assert ask(host, "GET", "/api/activities")[0] == 200


@pytest.mark.parametrize("offer", OTHERS)
def test_another_image_is_refused_beside_the_running_one(lab_host: LabHost, checkout: Checkout, offer: Offer) -> None:
    refused_beside_the_running_one(lab_host, checkout, offer)


@pytest.mark.parametrize("offer", OTHERS)
def test_a_volume_alone_is_refused_by_the_image(lab_host: LabHost, checkout: Checkout, offer: Offer) -> None:
    """The directory of the deployment is gone, the data volume is there: only the cluster itself knows what it is."""
    checkout.fab("deploy")
    title = f"before {offer.image}"
    serves(lab_host, title)
    lab_host.run("docker stop $(docker ps -q) && docker rm $(docker ps -aq) && rm -rf /opt/community-tracker")
    before = lab_host.run(AT_REST)
    assert before.count("\n") > 500
    said = refused(checkout, offer)
    print(said)
    made_with = "flavour glibc (Debian)" if offer.major == "15" else "major 15"
    assert f"service database): refused: the data in the volume was made with {made_with}" in said
    assert "next: to go back, give POSTGRES_IMAGE the old value again" in said
    assert "take a dump with the old one and restore it into a fresh volume" in said
    assert "put back: nothing is deployed; the database and its data are kept" in said
    assert lab_host.run(AT_REST) == before
    checkout.fab("deploy")
    assert title in ask(lab_host, "GET", "/api/activities")[1]


def test_newer_major_serves_on_a_fresh_volume(lab_host: LabHost, checkout: Checkout) -> None:
    lab_host.clean()
    checkout.fab("deploy", *with_images(POSTGRES_IMAGE=NEWER))
    assert lab_host.psql("show server_version").startswith("17.")
    serves(lab_host, "on 17")
    lab_host.run(f"docker restart {lab_host.service('database')}")
    assert health(lab_host) == dict.fromkeys(CHECKS, "healthy")
    assert lab_host.psql("select title from activities") == "on 17\n"
    assert lab_host.run("docker volume ls -q | grep -E '^[0-9a-f]{64}$' || true") == "", "a volume of the image's own"
