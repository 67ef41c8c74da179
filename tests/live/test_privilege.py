"""Root, `sudo -n` and the group docker may each deploy and take turns on a host; others are told how to get the right.

Releases differ by a setting, so that nothing is built or sent for them.
"""

import http.client
import random
import re
import subprocess
from collections import Counter
from itertools import pairwise

import pytest

from tests.checkout import ROOT, Checkout
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
    checkout.write_env(EDITION=edition, TOKEN=f'"{edition}"', APP_FILES="TOKEN", DRAIN_SECONDS="1")
    done = checkout.fab("deploy", host=f"{host.name}{user}")
    release = host.run(f"sed -n 's/^release=//p' {HERE}/active").strip()
    assert release in done.stdout
    assert served(host) == release
    assert host.run("docker", "exec", host.service("backend"), "cat", "/run/secrets/TOKEN") == edition
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


def test_who_may_not_read_what_is_deployed_is_told_who_may(host: LabHost, checkout: Checkout) -> None:
    """Turned red by: no require_readable in scripts/host/{history,explain,logs,status}.sh and tasks/status.py."""
    host.run(f"chown root:root {HERE}")
    for task in ("status", "plan", "verify", "history", "logs", "explain"):
        refused = checkout.fab(task, host=f"{host.name}-dock", check=False)
        assert refused.returncode == 1, task
        assert f"dock may not read {HERE}; root, and the group root, may" in refused.stderr, task
    host.run(f"chown dock:dock {HERE}")


def test_a_directory_of_root_s_is_handed_over_as_the_refusal_says(host: LabHost, checkout: Checkout) -> None:
    host.run(f"chown -R root:root {HERE}")
    deploy(checkout, host, "", "root's again")
    assert set(owners(host)) == {"root:root"}
    before = host.run(STATE)
    refused = checkout.fab("deploy", "--set", "CLIENT_MAX_BODY_SIZE=3m", host=f"{host.name}-dock", check=False)
    said = refused.stdout + refused.stderr
    assert refused.returncode == 1
    assert f"dock may not read {HERE}; root, and the group root, may" in said
    assert host.run(STATE) == before
    host.run(remedy(said))
    deploy(checkout, host, "-dock", "handed over")
    assert set(owners(host)) == {"dock:dock"}


def test_who_has_no_right_is_told_the_ways_that_lead_there(host: LabHost, checkout: Checkout) -> None:
    """The directory is dock's by now: a group would not do, and taking it away is no remedy."""
    before, release = host.run(STATE), served(host)
    for task in ("deploy", "plan", "up", "ship-images", "push-config", "install-docker"):
        refused = checkout.fab(task, host=f"{host.name}-plain", check=False)
        said = refused.stdout + refused.stderr
        assert refused.returncode == 1, task
        assert "plain ALL=(ALL) NOPASSWD: ALL" in said, task
        assert "log in as dock, who deploys here" in said, task
        assert "chown" not in said, task
    assert (host.run(STATE), served(host)) == (before, release)


KINDS = (
    "releases", "releases/*/.env", "releases/*.state", "active", "identity", "history.jsonl", "lock", "slots",
    "backups", "backups/*.dump", "cache/assets", "current",
)  # fmt: skip
PHASES = ("started", "migrated", "slot-up", "switched", "committed")

# Everything of an activation, once its journal has one of the phases given: the script, and what it has started.
CUT = """for _ in $(seq 6000); do
  if sed -n 's/^phase=//p' {here}/activation 2>/dev/null | grep -qxE '{phases}'; then
    systemctl kill -s KILL 'community-tracker-activation-*' 2>/dev/null; pkill -9 -f '[h]ost.sh activation'; exit 0
  fi
  sleep 0.01
done; exit 1"""


def check_owners(host: LabHost) -> None:
    """Expect that each kind of file is there, and that all of them are the directory's owner's."""
    listing = host.run(f"cd {HERE} && stat -c '%U:%G' {' '.join(KINDS)}").split()
    assert len(listing) >= len(KINDS)
    assert set(listing) == {"dock:dock"}
    assert set(owners(host)) == {"dock:dock"}
    assert set(owners(host, f"{LOGS} -type f")) == {"dock:dock"}


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_all_take_turns_in_every_order(host: LabHost, checkout: Checkout) -> None:
    """Each of the six orders of two users, with a backup between; every kind of file has one owner after each."""
    host.run(f"chown -R dock:dock {HERE} {LOGS}")
    turns = ["-root", "", "-root", "-dock", "", "-dock", "-root"]
    assert len(set(pairwise(turns))) == 6
    for turn, user in enumerate(turns):
        deploy(checkout, host, user, f"order {turn}")
        checkout.fab("backup", host=f"{host.name}{user}")
        check_owners(host)


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_what_one_was_killed_over_the_other_finishes_or_undoes(host: LabHost, checkout: Checkout) -> None:
    """An activation of root's recovered by a user of the group docker, and the other way round, in each phase.

    Turned red by: `own` that does nothing (scripts/host/files.sh).
    """
    host.run(f"chown -R dock:dock {HERE} {LOGS}")
    deploy(checkout, host, "-dock", "before")
    checkout.fab("backup", host=f"{host.name}-dock")
    chance, table = random.Random(4), []
    turns = [(phase, pair) for phase in PHASES for pair in (("-root", "-dock"), ("-dock", ""))]
    chance.shuffle(turns)
    for turn, (phase, (killed, next_one)) in enumerate(turns):
        checkout.write_env(EDITION=f"cut {turn}", DRAIN_SECONDS="3")
        fab = [str(ROOT / ".venv" / "bin" / "fab"), "-H", f"{host.name}{killed}", "deploy"]
        process = subprocess.Popen(fab, cwd=checkout.path, env=checkout.environment(), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        later = "|".join(PHASES[PHASES.index(phase) :])
        host.run(CUT.format(here=HERE, phases=later))
        process.wait()
        phase_found = host.run(f"sed -n 's/^phase=//p' {HERE}/activation").strip()
        assert served(host), "the old release or the new one, never neither"
        said = deploy(checkout, host, next_one, f"after cut {turn}")
        assert "an activation was cut off" in said
        table.append(
            (phase_found, killed or "sudo", next_one or "sudo", "undone" if "undone: " in said else "finished")
        )
        check_owners(host)
    for row in table:
        print("cut off at {}: killed {}, then {}: {}".format(*row))
