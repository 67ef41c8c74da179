"""HTTPS on the stack: a second edge beside the plain one, before the same slot; its certificate changes as it runs."""

import asyncio
import http.client
import os
import socket
import ssl
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from docker.models.containers import Container
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.bundle import host_bundle
from tasks.core.certificates import certificate_archive
from tasks.core.commands import parameters
from tasks.hosts import host_parameters
from tests.certificates import KINDS, Key, certificate, fingerprint, key_text, new_key, pem, write_pair
from tests.checkout import ROOT
from tests.live.load import Load, Report
from tests.properties.conftest import Examples, free_port
from tests.properties.stack import Stack, checked, execute, lab_settings, rendered
from tests.properties.test_stack_database import LISTENING, hundred

FILES = ("platform.yml", "https.yml")
NAME = "tracker.test"
MOUNT = "/etc/nginx/certs"
CIPHERS = {f"ECDHE-{kind}-{rest}" for kind in ("RSA", "ECDSA")
           for rest in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")}  # fmt: skip

kept_key = cache(new_key)


@dataclass(frozen=True)
class Chain:
    """A certificate for NAME with who signed it; the last one is trusted by the client, and is not sent."""

    key: Key
    chain: Sequence[x509.Certificate]

    @classmethod
    def of(cls, kinds: Sequence[str], *, key: Key | None = None) -> "Chain":
        """One certificate a kind of key, the server's first; an authority of its own above them."""
        keys = [key or kept_key(kinds[0]), *(kept_key(kind) for kind in kinds[1:]), kept_key("p-384")]
        names = [NAME, *(f"authority {place}" for place in range(1, len(keys)))]
        signers = [*zip(keys[1:], names[1:], strict=True), None]
        return cls(keys[0], [
            certificate(mine, name, signer=above) for mine, name, above in zip(keys, names, signers, strict=True)
        ])  # fmt: skip

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.chain[0])

    def write(self, directory: Path) -> Path:
        return write_pair(directory, pem(*self.chain[:-1]), key_text(self.key))

    def context(self) -> ssl.SSLContext:
        """A client that trusts the last one alone, and looks at the name."""
        context = ssl.create_default_context(cadata=pem(self.chain[-1]).decode())
        context.verify_flags &= ~ssl.VerifyFlags.VERIFY_X509_STRICT  # of the test's own authorities
        return context


@dataclass
class Https:
    """The edge with TLS, and a deployment directory in which the real host script finds it."""

    stack: Stack
    place: Path
    port: int
    plain_port: int
    client: Container = field(init=False)

    def __post_init__(self) -> None:
        cert_path = self.place / "live"
        self.app = f"https-{os.getpid()}"
        self.settings = lab_settings(self.place / "settings", {
            "APP_NAME": self.app, "ENABLE_HTTPS": "true", "CERT_PATH": f"host:{cert_path}",
            "HTTPS_PORT": str(self.port), "HTTP_PORT": str(self.plain_port), "HEALTH_TIMEOUT": "30",
        })  # fmt: skip
        self.live = cert_path
        self.directory = self.place / "deployment"

    def up(self, first: Chain) -> None:
        """Certificate first, then the edge, as an activation does it."""
        self.stack.client.volumes.create(f"{self.app}_certs", labels={"app": self.app})
        self.client = self.stack.client.containers.run(
            self.stack.images["edge"], ["-c", "sleep 3600"], entrypoint="sh", network_mode="none", detach=True,
            volumes={f"{self.app}_certs": {"bind": MOUNT, "mode": "rw"}}, labels={"app": self.app, "service": "helper"},
        )  # fmt: skip
        self.put(first)
        checked(self.compose("up", "-d", "--no-deps", "edge"))
        self.wait_until_presented(first)
        release = self.directory / "releases" / self.stack.release
        release.mkdir(parents=True)
        (self.directory / "slots").mkdir()
        (self.directory / "slots" / "active").symlink_to("blue")
        (self.directory / "active").write_text(f"schema=1\nrelease={self.stack.release}\nslot=blue\nseq=1\n")
        facts = {f"image.{service}": tag for service, tag in self.stack.images.items()} | {"ENABLE_HTTPS": "true"}
        (release / "release.facts").write_text("".join(f"{key}={value}\n" for key, value in facts.items()))

    def compose(self, *words: str, **changes: str) -> subprocess.CompletedProcess[str]:
        volumes = {f"{name.upper()}_VOLUME": f"{self.stack.app}_{name}" for name in ("data", "socket", "assets")}
        given = {"APP_NAME": self.app, "ENABLE_HTTPS": "true", "CERTS_VOLUME": f"{self.app}_certs",
                 "HTTP_PORT": str(self.plain_port), "HTTPS_PORT": str(self.port),
                 "EDGE_MEMORY": "512m"}  # fmt: skip
        return self.stack.compose(self.app, *words, files=FILES, **volumes, **{**given, **changes})

    @property
    def edge(self) -> Container:
        [found] = self.stack.client.containers.list(filters={"label": [f"app={self.app}", "service=edge"]})
        return found

    def put(self, chain: Chain) -> None:
        """Put a pair into the volume, as the host script's one-shot does, without starting one."""
        directory = chain.write(self.place / "pair")
        sums = [sha256((directory / name).read_bytes()).hexdigest() for name in ("fullchain.pem", "privkey.pem")]
        command = ["docker", "exec", "-i", str(self.client.id), "certificates", "put", chain.fingerprint[:16], *sums]
        done = subprocess.run(command, input=certificate_archive(directory), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr

    def wait_until_presented(self, chain: Chain) -> None:
        """For a fifth of a second by every new connection: for half of it nginx lets old workers take some, too."""
        deadline, since, seen = time.monotonic() + 20, time.monotonic(), ""
        while time.monotonic() < since + 0.2:
            assert time.monotonic() < deadline, f"{seen}, not {chain.fingerprint}: {self.edge.logs(tail=3)!r}"
            try:
                seen = self.presented(ssl._create_unverified_context())  # noqa: S323 - which one is what is asked
            except OSError as error:
                seen = str(error)
            if seen != chain.fingerprint:
                since = time.monotonic()

    def presented(self, context: ssl.SSLContext) -> str:
        plain = socket.create_connection(("127.0.0.1", self.port), 10)
        with context.wrap_socket(plain, server_hostname=NAME) as secured:
            return sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()

    def ask(self, context: ssl.SSLContext) -> str | None:
        """Ask for the page; the release that answered."""
        with closing(http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=context)) as connection:
            connection.connect = lambda: self._connect(connection, context)  # type: ignore[method-assign]
            connection.request("GET", "/")
            answer = connection.getresponse()
            assert answer.status == 200
            assert b"<html" in answer.read()
            return answer.getheader("X-Release")

    def _connect(self, connection: http.client.HTTPSConnection, context: ssl.SSLContext) -> None:
        plain = socket.create_connection(("127.0.0.1", self.port), 10)
        connection.sock = context.wrap_socket(plain, server_hostname=NAME)

    def renew(self) -> str:
        """Run the real `host.sh renew-certs` on this machine; what it said."""
        values = host_parameters(self.settings, "renew-certs")
        values |= {"DEPLOYMENT_PATH": str(self.directory), "LOG_PATH": str(self.place / "log")}
        done = subprocess.run(["sh", "-s", "renew-certs"], input=parameters(values) + host_bundle(ROOT),
                              capture_output=True, text=True, check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def down(self) -> None:
        for container in self.stack.client.containers.list(all=True, filters={"label": f"app={self.app}"}):
            container.remove(force=True)
        for network in self.stack.client.networks.list(names=[f"{self.app}_edge"]):
            network.remove()
        self.stack.client.volumes.get(f"{self.app}_certs").remove(force=True)


@pytest.fixture(scope="module")
def secured(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Https]:
    running = Https(stack, tmp_path_factory.mktemp("https"), free_port(), free_port())
    try:
        running.up(Chain.of(["p-256"]))
        yield running
    finally:
        running.down()


CHAINS = st.lists(st.sampled_from(KINDS), min_size=1, max_size=3)


def test_any_valid_certificate_is_served(secured: Https, examples: Examples, full: bool) -> None:
    """A client that trusts the chain's root alone gets the page over TLS 1.2, 1.3 and is offered HTTP/2.

    Where the edge reads it the pair is readable for it, and nothing there can be written. The everyday run takes 30
    chains, --full a hundred.

    Feature: production-deployment-system, Property 3: Conditional HTTPS
    Feature: production-deployment-system, Property 13: Certificate mounting

    Turned red by: `ssl_protocols TLSv1.3` or no `http2 on` (containers/edge/start); no `read_only` in https.yml.
    """
    edge, number = secured.edge, 100 if full else 30

    def holds(kinds: Sequence[str]) -> None:
        chain = Chain.of(kinds)
        secured.put(chain)
        edge.kill("HUP")
        secured.wait_until_presented(chain)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = chain.context()
            context.minimum_version = context.maximum_version = version
            assert secured.presented(context) == chain.fingerprint
            assert secured.ask(context) == secured.stack.release
        context = chain.context()
        context.set_alpn_protocols(["h2", "http/1.1"])
        with context.wrap_socket(socket.create_connection(("127.0.0.1", secured.port), 10), server_hostname=NAME) as h2:
            assert h2.selected_alpn_protocol() == "h2"
        code, said = execute(
            edge, ["sh", "-c", f"cd {MOUNT}/current && cat privkey.pem >/dev/null && sha256sum <fullchain.pem"]
        )
        assert (code, said.split()[0]) == (0, sha256(pem(*chain.chain[:-1])).hexdigest())
        code, said = execute(edge, ["sh", "-c", f"touch {MOUNT}/x || touch {MOUNT}/current/x"])
        assert code != 0
        assert said.count("Read-only file system") == 2
        examples()

    settings(hundred, max_examples=number)(given(CHAINS)(holds))()
    assert secured.edge.id == edge.id
    assert examples.count >= number


def test_a_renewal_is_unnoticed(secured: Https, examples: Examples, full: bool) -> None:
    """`host.sh renew-certs` on a new pair: served by the same container of the same image, and no request fails.

    Feature: production-deployment-system, Property 15: Renewal without rebuild

    The everyday run takes 8 renewals, --full a hundred, with 50 requests a second. With memory for them: the workers
    before each stay as long as their connections, idle ones for 65 s, and here all that is within a minute.
    Turned red by: `engine restart` in the place of the HUP (scripts/host/certificates.sh); no `keepalive_min_timeout`.
    """
    number = 100 if full else 8
    edge = secured.edge
    before = identity(edge)

    def renewals() -> None:
        settings(hundred, max_examples=number)(given(CHAINS)(holds))()

    def holds(kinds: Sequence[str]) -> None:
        chain = Chain.of(kinds)
        chain.write(secured.live)
        said = secured.renew()
        assert f"fingerprint={chain.fingerprint}" in said
        assert "changed=yes" in said
        assert secured.presented(chain.context()) == chain.fingerprint
        examples()

    report = asyncio.run(loaded(Load(f"https://127.0.0.1:{secured.port}", rate=50), renewals))
    assert report.failures == []
    assert (report.missing, report.twice, report.closed_while_idle) == (0, 0, 0)
    assert identity(secured.edge) == before
    assert "changed=no" in secured.renew()
    assert examples.count >= number


def identity(container: Container) -> tuple[str | None, str, str]:
    """The container, its image, and when it was started."""
    return container.id, str(container.attrs["Image"]), str(container.attrs["State"]["StartedAt"])


async def loaded(load: Load, work: Callable[[], None]) -> Report:
    stop = asyncio.Event()
    running = asyncio.create_task(load.run(None, stop))
    try:
        await asyncio.to_thread(work)
    finally:
        stop.set()
    return await running


def test_only_the_profile_is_spoken(secured: Https) -> None:
    """Every version and cipher that this OpenSSL knows is offered alone: the profile's are taken, and no others.

    Turned red by: no `ssl_ciphers` in containers/edge/start.
    """
    taken = set()
    for kind in ("rsa-2048", "p-256"):
        chain = Chain.of([kind])
        secured.put(chain)
        secured.edge.kill("HUP")
        secured.wait_until_presented(chain)
        every = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        every.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
        names = {str(each["name"]) for each in every.get_ciphers() if each["protocol"] != "TLSv1.3"}
        assert names > CIPHERS
        taken |= {name for name in names if speaks(secured, ssl.TLSVersion.TLSv1_2, name)}
    assert taken == CIPHERS
    assert not any(
        speaks(secured, version, "ALL:@SECLEVEL=0") for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
    )


def speaks(secured: Https, version: ssl.TLSVersion, ciphers: str) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers(ciphers if "SECLEVEL" in ciphers else f"{ciphers}:@SECLEVEL=0")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of the versions that must not be spoken
            context.minimum_version = context.maximum_version = version
        secured.presented(context)
    except (ssl.SSLError, ConnectionError):
        return False
    return True


def test_redirect_hsts_and_the_challenge(secured: Https) -> None:
    """HTTP goes on to HTTPS, but for what an authority asks; HSTS where it is asked for, over HTTPS alone.

    Turned red by: no `location ^~ /.well-known/acme-challenge/` in slot.conf; `$hsts` without the map of $scheme.
    """
    token = secured.stack.directory / "slots/acme/.well-known/acme-challenge/t-1_x"
    token.parent.mkdir(parents=True, exist_ok=True)
    token.write_text("of the authority")
    chain = Chain.of(["p-256"])
    secured.put(chain)
    secured.edge.kill("HUP")
    secured.wait_until_presented(chain)
    paths = ["/", "/api/x?a=%2e&b=1", "/x/../.well-known/acme-challenge/t-1_x?q", "//double", "/.well-known/acme"]
    for path in paths:
        status, headers, _ = plain(secured.plain_port, path)
        if "acme-challenge" not in path:
            assert (status, headers["Location"]) == (308, f"https://{NAME}:{secured.port}{path}")
    for port in (secured.plain_port, secured.stack.settings.http_port):
        status, headers, body = plain(port, "/.well-known/acme-challenge/t-1_x")
        assert (status, body, headers["Content-Type"]) == (200, b"of the authority", "text/plain")
        status, headers, body = plain(port, "/.well-known/acme-challenge/unknown")
        assert (status, headers["X-Release"]) == (200, secured.stack.release)  # the application's page
    assert plain(secured.stack.settings.http_port, "/")[1]["Strict-Transport-Security"] is None
    checked(secured.compose("up", "-d", "--no-deps", "edge", HTTPS_REDIRECT="false", HSTS_SECONDS="300"))
    secured.wait_until_presented(chain)
    assert plain(secured.plain_port, "/")[0] == 200
    assert plain(secured.plain_port, "/")[1]["Strict-Transport-Security"] is None
    context = chain.context()
    with context.wrap_socket(socket.create_connection(("127.0.0.1", secured.port), 10), server_hostname=NAME) as wire:
        wire.sendall(b"GET /assets/none-12345678.js HTTP/1.0\r\nHost: x\r\n\r\n")
        said = b"".join(iter(lambda: wire.recv(65536), b"")).decode()
    assert said.lower().count("strict-transport-security: max-age=300") == 1


def plain(port: int, path: str) -> tuple[int, http.client.HTTPMessage, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", path, headers={"Host": NAME})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def test_without_certificates_there_is_http_alone(stack: Stack, examples: Examples) -> None:
    """Whatever else is set: without ENABLE_HTTPS one port is published and listened on, and HTTP works.

    Feature: production-deployment-system, Property 4: HTTP-only fallback

    Turned red by: the `ports` of https.yml in platform.yml.
    """
    assert plain(stack.settings.http_port, "/")[0] == 200
    code, said = execute(stack.container("edge"), ["cat", "/proc/net/tcp", "/proc/net/tcp6"])
    listening = {line.split()[1].rpartition(":")[2] for line in said.splitlines() if f" {LISTENING} " in line}
    assert (code, {int(port, 16) for port in listening - {""}} - resolver(stack)) == (0, {80})

    def holds(port: int, redirect: bool, hsts: int, names: str) -> None:
        given = {"HTTPS_PORT": str(port), "HTTPS_REDIRECT": str(redirect).lower(), "HSTS_SECONDS": str(hsts),
                 "SERVER_NAMES": names}  # fmt: skip
        edge = rendered(stack.compose(stack.app, "config", "--format", "json", **given))["edge"]
        assert [each["published"] for each in edge["ports"]] == [str(stack.settings.http_port)]  # type: ignore[attr-defined]
        assert edge["environment"] == {"ENABLE_HTTPS": "false"}
        assert "certs" not in str(edge["volumes"])
        examples()

    names = st.sampled_from(["", "example.org", "a.test,b.test"])
    hundred(given(st.integers(1, 65535), st.booleans(), st.integers(0, 63_072_000), names)(holds))()
    assert examples.count >= 100


def resolver(stack: Stack) -> set[int]:
    """Docker's own name server, which listens in every container of a network on a port of its choice."""
    _, said = execute(stack.container("edge"), ["cat", "/proc/net/tcp"])
    rows = [line.split()[1] for line in said.splitlines() if f" {LISTENING} " in line]
    return {int(row.partition(":")[2], 16) for row in rows if row.startswith("0B00007F")}
