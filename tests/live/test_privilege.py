"""Root, `sudo -n` and the group docker may each deploy and take turns on a host; others are told how to get the right.

Releases differ by a setting, so that nothing is built or sent for them.
"""

import http.client
import re
from collections import Counter

import pytest

from tests.checkout import Checkout
from tests.labhost import LabHost

HERE, LOGS = "/opt/community-tracker", "/var/log/community-tracker"
STATE = f"ls -la {HERE} 2>/dev/null; docker ps -aq; docker volume ls -q; docker network ls -q"

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def host(lab_host: LabHost) -> LabHost:
    """The host, with the user `dock`: in the group docker, no sudo (a host of an older making lacks it)."""
    lab_host.run("id dock >/dev/null 2>&1 || useradd -m -s /bin/bash -G docker dock")
    return lab_host


def owners(host: LabHost, path: str = HERE) -> Counter[str]:
    """How many files and directories below the path belong to whom, but for the socket that a slot makes itself."""
    return Counter(host.run(f"find {path} ! -type s -printf '%U:%G %u:%g\\n' | cut -d' ' -f2").split())


def deploy(checkout: Checkout, host: LabHost, user: str, edition: str) -> str:
    """Deploy as that user a release of its own; what was said."""
    checkout.write_env(EDITION=edition, DRAIN_SECONDS="1")
    done = checkout.fab("deploy", host=f"{host.name}{user}")
    release = host.run(f"sed -n 's/^release=//p' {HERE}/active").strip()
    assert release in done.stdout
    assert served(host) == release
    return done.stdout + done.stderr


def served(host: LabHost) -> str | None:
    connection = http.client.HTTPConnection(host.address, timeout=20)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.getheader("X-Release")
    finally:
        connection.close()


def remedy(said: str) -> str:
    """The command that a refusal tells to type on the host; root's tests need no sudo for it."""
    found = re.search(r"sudo ((?:install|chown) .*?)   \(on the host\)", said)
    assert found, said
    return found.group(1)


def test_who_may_deploy_takes_turns_and_files_have_one_owner(host: LabHost, checkout: Checkout) -> None:
    checkout.fab("build", host=None)
    before = host.run(STATE)
    refused = checkout.fab("deploy", host=f"{host.name}-dock", check=False)
    said = refused.stdout + refused.stderr
    assert refused.returncode == 1
    assert f"cannot make {HERE} as dock" in said
    assert host.run(STATE) == before
    host.run(remedy(said))
    assert owners(host) == {"dock:dock": 1}

    assert f"logs are in {HERE}/logs" in deploy(checkout, host, "-dock", "dock, first")
    assert set(owners(host)) == {"dock:dock"}
    for turn, user in enumerate(("-root", "-dock", "")):
        deploy(checkout, host, user, f"turn {turn}")
        assert set(owners(host)) == {"dock:dock"}, user
    assert owners(host, LOGS) == {"dock:dock": 4}, "root has made the directory; since then one log each"
    for task in ("verify", "status", "logs", "plan"):
        checkout.fab(task, host=f"{host.name}-dock")
    assert set(owners(host)) == {"dock:dock"}


def test_a_directory_of_root_s_is_handed_over_as_the_refusal_says(host: LabHost, checkout: Checkout) -> None:
    host.run(f"chown -R root:root {HERE}")
    deploy(checkout, host, "", "root's again")
    assert set(owners(host)) == {"root:root"}
    before = host.run(STATE)
    refused = checkout.fab("deploy", "--set", "CLIENT_MAX_BODY_SIZE=3m", host=f"{host.name}-dock", check=False)
    said = refused.stdout + refused.stderr
    assert refused.returncode == 1
    assert f"{HERE} belongs to root, and dock may not write there" in said
    assert host.run(STATE) == before
    host.run(remedy(said))
    deploy(checkout, host, "-dock", "handed over")
    assert set(owners(host)) == {"dock:dock"}


def test_who_has_no_right_is_told_both_ways_to_get_it(host: LabHost, checkout: Checkout) -> None:
    before, release = host.run(STATE), served(host)
    for task in ("deploy", "plan", "up", "ship-images", "push-config", "install-docker"):
        refused = checkout.fab(task, host=f"{host.name}-plain", check=False)
        said = refused.stdout + refused.stderr
        assert refused.returncode == 1, task
        assert "plain ALL=(ALL) NOPASSWD: ALL" in said, task
        assert "usermod -aG docker plain" in said, task
    assert (host.run(STATE), served(host)) == (before, release)
