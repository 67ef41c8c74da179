"""Connectivity comes before everything else: a host that cannot be reached costs nothing and changes nothing."""

import itertools
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.checkout import Checkout
from tests.labhost import LabHost

ALONE = [
    "doctor",
    "detect-os",
    "plan",
    "ship-images",
    "push-config",
    "up",
    "verify",
    "deploy",
    "status",
    "logs",
    "down",
]
CHAINS = (("ship-images", "push-config", "up", "verify"), ("plan", "deploy"), ("doctor", "status"))
TASKS = (*((task,) for task in ALONE), *CHAINS)
# What may be asked of the engine here before the host has answered: whether it is there, and what it has.
HARMLESS = ("info", "version", "image inspect", "image ls", "images", "buildx version", "inspect")

pytestmark = pytest.mark.timeout(1800)


@dataclass(frozen=True)
class Fault:
    """A target that cannot be reached, and what its message must name besides."""

    target: str
    says: str
    home: Path | None = None


class Engine:
    """A docker in PATH that writes down what it is asked, with the time, and asks the real one."""

    def __init__(self, place: Path) -> None:
        self.log = place / "calls"
        self.log.touch()
        self.path = f"{place}:{os.environ['PATH']}"
        shim = place / "docker"
        shim.write_text(
            f'#!/bin/sh\nprintf "%s %s\\n" "$(date +%s%N)" "$*" >>{self.log}\nexec {shutil.which("docker")} "$@"\n'
        )
        shim.chmod(0o755)

    def calls(self) -> list[tuple[float, str]]:
        lines = [line.split(" ", 1) for line in self.log.read_text().splitlines() if line]
        return [(int(when) / 1e9, what) for when, what in lines if when.isdigit()]

    def doing(self) -> list[tuple[float, str]]:
        """Calls that build, send or change something."""
        return [call for call in self.calls() if not call[1].startswith(HARMLESS)]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return Engine(tmp_path_factory.mktemp("bin"))


def serve(answer: bytes) -> tuple[socket.socket, int]:
    """A port that says `answer` to whoever connects, and hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def loop() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.sendall(answer)

    threading.Thread(target=loop, daemon=True).start()
    return listener, listener.getsockname()[1]


def home_of(host: LabHost, place: Path, *, known_hosts: str | None = None, key: Path | None = None) -> Path:
    """Another HOME: the host with another key on record, or with a key of ours that it does not know."""
    ssh = place / ".ssh"
    ssh.mkdir(mode=0o700)
    lines = [f"Host {host.name}", f"  HostName {host.address}", "  User deployer", "  IdentitiesOnly yes"]
    config = [line.split() for line in host.ssh_config.read_text().splitlines()]
    original = next(words[1] for words in config if words and words[0] == "IdentityFile")
    lines.append(f"  IdentityFile {key or original}")
    lines.append(f"  UserKnownHostsFile {ssh / 'known_hosts'}")
    (ssh / "config").write_text("\n".join([*lines, ""]))
    (ssh / "known_hosts").write_text(known_hosts or (host.home / ".ssh" / "known_hosts").read_text())
    return place


def make_key(place: Path) -> Path:
    key = place / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    return key


@pytest.fixture(scope="module")
def faults(lab_host: LabHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Fault]]:
    """Every way in which a host can be out of reach, but silence: that takes ten seconds and is tried by itself."""
    lab_host.run("echo 'PerSourcePenalties no' >/etc/ssh/sshd_config.d/20-penalties.conf && systemctl reload ssh")
    stranger = make_key(tmp_path_factory.mktemp("key"))
    changed = f"{lab_host.address} {(stranger.with_suffix('.pub')).read_text()}"
    mute, mute_port = serve(b"")
    web, web_port = serve(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    yield [
        Fault("nosuch.invalid", "nosuch.invalid"),
        Fault(f"{lab_host.address}:2299", "2299"),
        Fault("127.0.0.1:1", "127.0.0.1"),
        Fault(f"127.0.0.1:{mute_port}", str(mute_port)),
        Fault(f"127.0.0.1:{web_port}", str(web_port)),
        Fault(lab_host.name, lab_host.name, home_of(lab_host, tmp_path_factory.mktemp("changed"), known_hosts=changed)),
        Fault(lab_host.name, lab_host.name, home_of(lab_host, tmp_path_factory.mktemp("stranger"), key=stranger)),
        Fault(f"nobody@{lab_host.name}", lab_host.name),
    ]
    mute.close()
    web.close()
    lab_host.run("rm /etc/ssh/sshd_config.d/20-penalties.conf && systemctl reload ssh")


def attempt(checkout: Checkout, engine: Engine, fault: Fault, task: Sequence[str]) -> str | None:
    """Run the task against the fault; what is wrong with the answer, or None."""
    here = replace(checkout, host=replace(checkout.host, home=fault.home)) if fault.home else checkout
    done = here.fab(*task, host=fault.target, check=False, PATH=engine.path)
    if done.returncode != 1 or fault.says not in done.stderr or "Traceback" in done.stderr:
        return f"{task} on {fault.target}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
    return None


def snapshot(host: LabHost) -> str:
    return host.run("docker ps -aq; docker volume ls -q; ls -la /opt /var/log --time-style=+ | grep -v journal")


# Feature: production-deployment-system, Property 16: SSH verification
def test_nothing_is_done_for_a_host_that_cannot_be_reached(
    checkout: Checkout,
    lab_host: LabHost,
    engine: Engine,
    faults: list[Fault],
    record_property: Callable[[str, object], None],
) -> None:
    """Turned red by building before connecting in tasks/deployment.py."""
    checkout.fab("build", host=None)
    built = (checkout.path / ".deploy" / "last-build.json").read_bytes()
    before = snapshot(lab_host)
    checkout.change_page("would have to be built")
    examples = list(itertools.product(faults, TASKS))
    with ThreadPoolExecutor(3) as pool:
        wrong = [fault for fault in pool.map(lambda pair: attempt(checkout, engine, *pair), examples) if fault]
    print(f"{len(examples)} examples")
    record_property("examples", len(examples))
    assert wrong == []
    assert engine.doing() == []
    assert (checkout.path / ".deploy" / "last-build.json").read_bytes() == built
    assert snapshot(lab_host) == before
    assert len(examples) >= 100


def test_silent_host_is_given_up_within_its_time(checkout: Checkout, engine: Engine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        fault = Fault(f"127.0.0.1:{listener.getsockname()[1]}", "127.0.0.1")
        assert attempt(checkout, engine, fault, ("deploy",)) is None
    assert engine.doing() == []


def test_host_has_answered_before_anything_is_built(checkout: Checkout, lab_host: LabHost, engine: Engine) -> None:
    lab_host.run("echo 'LogLevel VERBOSE' >/etc/ssh/sshd_config.d/10-sessions.conf && systemctl reload ssh")
    began = float(lab_host.run("date +%s.%N"))
    checkout.change_page("built after the host has answered")
    checkout.fab("deploy", PATH=engine.path)
    log = f"journalctl --since @{began} -t sshd -t sshd-session -o short-unix --no-pager"
    answered = lab_host.run(f"{log} | grep -m 1 'Starting session: .* for deployer'")
    first = next(when for when, what in engine.doing() if what.startswith(("build", "buildx build")))
    assert float(answered.split()[0]) < first
