"""Ctrl-C while a host activates: it undoes, and that is waited for; the second one leaves at once.

Turned red by: no `cancel` in Lock.order (tasks/hosts.py); no kill in scripts/host/cancel.sh.
"""

import subprocess
import time
from pathlib import Path

import pytest

from tests.checkout import PYTHON_ENVIRONMENT, Checkout
from tests.labhost import LabHost

HERE = "/opt/community-tracker"
# The activation has a SIGTERM that it could not look at yet.
ASKED = f"grep -q '^ShdPnd:.*4...$' /proc/$(sed -n 's/^session=//p' {HERE}/activation)/status"
MAKE = Path(__file__).with_name("failing-release")

pytestmark = pytest.mark.timeout(900)


def slow(host: LabHost, name: str) -> None:
    """Put a release on the host whose backend hangs, so that the activation waits for its health."""
    host.run(f"cat >/root/failing-release <<'END'\n{MAKE.read_text()}END\n")
    host.run(
        "sh", "/root/failing-release", name, "backend", "HEALTH_TIMEOUT=120",
        stdin='ENTRYPOINT ["/bin/sh", "-c", "exec sleep 1000"]\n',
    )  # fmt: skip


def begin(checkout: Checkout, host: LabHost, name: str) -> "subprocess.Popen[str]":
    """Bring it up, and come back when the activation waits."""
    command = [str(PYTHON_ENVIRONMENT / "bin" / "fab"), "-H", host.name, "up", "--release", name]
    client = subprocess.Popen(
        command, cwd=checkout.path, env=checkout.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    host.run(f"for _ in $(seq 900); do grep -qx phase=migrated {HERE}/activation && exit 0; sleep 0.1; done; exit 1")
    return client


def serving(host: LabHost) -> str:
    return host.run(f"sed -n 's/^release=//p' {HERE}/active; readlink {HERE}/slots/active")


def test_the_first_undoes_and_the_second_leaves(deployed: LabHost, checkout: Checkout) -> None:
    """SIGTERM is what stands for Ctrl-C: tests in the background ignore SIGINT, and both are the same to fab."""
    before = serving(deployed)
    slow(deployed, "slow")
    client = begin(checkout, deployed, "slow")
    client.terminate()
    said, _ = client.communicate(timeout=60)
    assert client.returncode == 130, said
    assert "interrupted: asking the host to undo it" in said
    assert f"interrupted: slow was not brought up on {deployed.name}" in said
    assert "still serves" in said
    assert "Traceback" not in said
    assert serving(deployed) == before
    assert "it was told to stop in step" in deployed.run("cat /var/log/community-tracker/*-up-slow.log")

    client = begin(checkout, deployed, "slow")
    deployed.run("pkill -STOP -f 'host.sh activation slow'")  # a step that goes on for long
    client.terminate()
    assert client.stdout
    said = ""
    while "asking the host to undo it" not in said:
        said += client.stdout.readline()
    deployed.run(f"for _ in $(seq 300); do {ASKED} && exit 0; sleep 0.1; done; exit 1")
    left = time.monotonic()
    client.terminate()
    said += client.communicate(timeout=60)[0]
    assert client.returncode == 130, said
    assert time.monotonic() - left < 10
    assert "the host goes on by itself" in said
    assert f"fab -H {deployed.name} status" in said
    deployed.run("pkill -CONT -f 'host.sh activation slow'")
    deployed.run(f"for _ in $(seq 600); do [ -e {HERE}/activation ] || exit 0; sleep 0.1; done; exit 1")
    assert serving(deployed) == before
    checkout.fab("verify")
