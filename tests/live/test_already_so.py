"""A second deployment of the same thing says `already so` and leaves the host in peace."""

import json
import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.checkout import Checkout
from tests.labhost import LabHost

# What an engine does by itself: health checks, run and judged.
HEALTH_CHECKS = re.compile(r"exec_(create|start|die)|health_status")

SESSIONS = "journalctl -t sshd -t sshd-session --no-pager -o cat"

pytestmark = pytest.mark.timeout(1500)


def events(host: LabHost, since: str) -> list[str]:
    """What the host's engine has done since then."""
    lines = host.run(f"docker events --since {since} --until $(date +%s.%N) --format '{{{{json .}}}}'").splitlines()
    return [f"{event['Type']} {event['Action']}" for event in map(json.loads, lines)]


def host_time(host: LabHost) -> str:
    return host.run("date +%s.%N").strip()


def strangers(seen: list[str]) -> list[str]:
    return [event for event in seen if not HEALTH_CHECKS.search(event)]


def sessions(host: LabHost) -> int:
    """How many commands fab's user has been given, by sshd's log; root, whom the tests use, is not counted."""
    return len(re.findall("Starting session: .* for deployer", host.run(SESSIONS)))


@pytest.fixture(scope="module")
def quiet_host(deployed: LabHost) -> LabHost:
    """Deployed; sshd says what it is asked for, as a session of its own has shown."""
    deployed.run("echo 'LogLevel VERBOSE' >/etc/ssh/sshd_config.d/10-sessions.conf && systemctl reload ssh")
    config = str(deployed.ssh_config)
    fresh = ["ssh", "-F", config, "-o", "BatchMode=yes", "-o", "ControlPath=none", deployed.name, "true"]
    deadline = time.monotonic() + 60
    while not sessions(deployed):
        assert time.monotonic() < deadline, "sshd says nothing of sessions"
        subprocess.run(fresh, check=False)
    return deployed


def test_second_deployment_says_already_so(quiet_host: LabHost, checkout: Checkout) -> None:
    since = host_time(quiet_host)
    done = checkout.fab("deploy")
    assert "already so" in done.stdout + done.stderr
    assert strangers(events(quiet_host, since)) == []


def test_second_deployment_takes_one_round_trip(quiet_host: LabHost, checkout: Checkout) -> None:
    before = sessions(quiet_host)
    checkout.fab("deploy")
    assert sessions(quiet_host) - before == 1


def test_second_clone_with_cold_cache_says_already_so(quiet_host: LabHost, checkout: Checkout, tmp_path: Path) -> None:
    clone = Checkout.copy_of(checkout, tmp_path / "second")
    since = host_time(quiet_host)
    done = clone.fab("deploy")
    assert "already so" in done.stdout + done.stderr
    assert strangers(events(quiet_host, since)) == []


def test_changed_frontend_leaves_platform_and_data_alone(quiet_host: LabHost, checkout: Checkout) -> None:
    before = quiet_host.containers("label=slot=platform")
    quiet_host.psql("insert into activities (title) values ('kept')")
    checkout.change_page("platform stays")
    checkout.fab("deploy")
    assert set(before) == {"platform/edge", "platform/database"}
    assert quiet_host.containers("label=slot=platform") == before
    assert quiet_host.psql("select title from activities where title = 'kept'") == "kept\n"
