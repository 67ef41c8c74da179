"""HTTPS on a host: served, renewed while it is asked, and a pair that cannot be used takes nothing away.

Everyday: 100 requests a second through two renewals. With --full: through thirty.
Turned red by: no faults looked at in certificate_install (scripts/host/certificates.sh): the edge refuses such a pair,
and the old one is put back, without that reason. What a renewal must not do: tests/properties/test_stack_https.py.
"""

import asyncio
import json
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from hashlib import sha256
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.certificates import certificate, fingerprint, key_text, new_key, pem, write_pair
from tests.checkout import Checkout
from tests.labhost import LabHost
from tests.live.load import Load, Report

pytestmark = pytest.mark.timeout(1800)

NAME = "tracker.test"
AT = "/etc/letsencrypt/live/tracker.test"


def presented(host: LabHost) -> str:
    """Fingerprint of the certificate that a new connection gets."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = socket.create_connection((host.address, 443), 10)
    with context.wrap_socket(plain, server_hostname=NAME) as secured:
        return sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()


def new_pair(directory: Path, kind: str = "p-256") -> str:
    """Write another pair into `directory`, signed by an authority of its own; give its fingerprint."""
    key, authority = new_key(kind), new_key("p-256")
    leaf = certificate(key, NAME, signer=(authority, "authority"))
    write_pair(directory, pem(leaf, certificate(authority, "authority")), key_text(key))
    return fingerprint(leaf)


@pytest.fixture(scope="module")
def pair(checkout: Checkout) -> Path:
    """CERT_PATH of the checkout."""
    return checkout.path.parent / "certs"


@pytest.fixture(scope="module")
def served(lab_host: LabHost, checkout: Checkout, pair: Path) -> LabHost:
    """The sample application over HTTPS."""
    new_pair(pair, "rsa-2048")
    checkout.write_env(ENABLE_HTTPS="true", CERT_PATH=str(pair), SERVER_NAMES=NAME, HSTS_SECONDS="300")
    print(checkout.fab("deploy").stdout)
    return lab_host


def answer(host: LabHost, path: str) -> tuple[int, str]:
    """Ask over HTTP: the status, and where to go or what came."""
    with closing(HTTPConnection(host.address, timeout=10)) as connection:
        connection.request("GET", path, headers={"Host": NAME})
        got = connection.getresponse()
        return got.status, got.headers["Location"] or got.read().decode()


def test_a_deployment_with_https_serves_it(served: LabHost, checkout: Checkout) -> None:
    """HTTP goes on to HTTPS, but for an ACME challenge; status, plan and verify know the certificate."""
    assert answer(served, "/a?b=c") == (308, f"https://{NAME}/a?b=c")
    served.run("mkdir -p /opt/community-tracker/slots/acme/.well-known/acme-challenge")
    served.run("echo answer >/opt/community-tracker/slots/acme/.well-known/acme-challenge/token")
    assert answer(served, "/.well-known/acme-challenge/token") == (200, "answer\n")
    status = json.loads(checkout.fab("status", "--json").stdout)
    assert status["certificate"]["fingerprint"] == presented(served)
    assert json.loads(checkout.fab("plan", "--json").stdout)["nothing"]
    assert "certificate healthy" in checkout.fab("verify").stdout
    assert served.run("grep -rl 'PRIVATE KEY' /opt/community-tracker /var/log/community-tracker || true") == ""


async def under_load(load: Load, changes: Callable[[], None]) -> Report:
    stop = asyncio.Event()
    running = asyncio.create_task(load.run(None, stop))
    await asyncio.sleep(1)
    try:
        await asyncio.to_thread(changes)
        await asyncio.sleep(1)
    finally:
        stop.set()
    return await running


def test_renewals_are_nobodys_outage(served: LabHost, checkout: Checkout, pair: Path, full: bool) -> None:
    """By renew-certs, and by `deploy` alone; keep-alive and new connections, GET and POST."""
    before = served.containers()

    def renewals() -> Iterator[tuple[str, str]]:
        for _ in range(15 if full else 1):
            yield new_pair(pair), checkout.fab("renew-certs").stdout
            yield new_pair(pair, "p-384"), checkout.fab("deploy").stdout

    def check() -> None:
        for mark, said in renewals():
            assert presented(served) == mark, said
            assert f"fingerprint={mark}" in served.run("cat /opt/community-tracker/certificate")

    report = asyncio.run(under_load(Load(f"https://{served.address}", rate=100), check))
    print(json.dumps(asdict(report), indent=1))
    assert report.failures == []
    assert (report.missing, report.twice, report.closed_while_idle) == (0, 0, 0)
    assert report.kept_connections > 0
    assert served.containers() == before


def send(host: LabHost, pair: Path) -> None:
    """Put a pair on the host as certbot does: files elsewhere, links where CERT_PATH is."""
    host.run(f"mkdir -p {AT} /etc/letsencrypt/archive && chmod 700 /etc/letsencrypt/archive")
    for name in ("fullchain.pem", "privkey.pem"):
        host.run(f"umask 077; cat >/etc/letsencrypt/archive/{name}", stdin=(pair / name).read_bytes())
        host.run(f"ln -sfn /etc/letsencrypt/archive/{name} {AT}/{name}")


def test_a_pair_that_cannot_be_used_is_refused_and_all_goes_on(served: LabHost, checkout: Checkout, pair: Path) -> None:
    """Here before anything is contacted; on the host by the same rules, where certbot's hook has a good one served.

    Feature: production-deployment-system, Property 14: Certificate validation
    """
    edge = served.containers()["platform/edge"]
    mark = presented(served)
    leaf = certificate(new_key("p-256"), NAME, start=-100)
    write_pair(pair, pem(leaf), key_text(new_key("p-256")))
    for task in ("renew-certs", "deploy"):
        done = checkout.fab(task, check=False)
        assert done.returncode == 2
        assert "does not belong to the certificate" in done.stderr
        assert "expired on" in done.stderr
    assert presented(served) == mark
    good = new_pair(pair)
    send(served, pair)
    checkout.write_env(ENABLE_HTTPS="true", CERT_PATH=f"host:{AT}", SERVER_NAMES=NAME, HSTS_SECONDS="300")
    checkout.fab("deploy")
    before, mark = served.containers(), presented(served)
    assert mark == good
    assert before["platform/edge"] == edge
    write_pair(pair, pem(leaf), key_text(new_key("p-256")))
    send(served, pair)
    done = checkout.fab("renew-certs", check=False)
    assert done.returncode == 1
    assert "does not belong to the certificate" in done.stderr
    assert "another certificate than is served" in checkout.fab("doctor", check=False).stdout
    assert (served.containers(), presented(served)) == (before, mark)
    mark = new_pair(pair)
    send(served, pair)
    assert "changed=yes" in served.run("/opt/community-tracker/current/bin/host.sh renew-certs")
    assert (served.containers(), presented(served)) == (before, mark)
