"""Logs of a host: there after every operation, every line with its time, and what verbose mode has beside them."""

import random
import re
from datetime import datetime, timedelta

import pytest

from tests.checkout import Checkout
from tests.labhost import LabHost
from tests.properties.conftest import Examples
from tests.properties.release import seeded

HERE = "/opt/community-tracker"
LOGS = "/var/log/community-tracker"
LINE = re.compile(r"(\S+) \[[a-z-]+\] [^ :]+: .*")
RAN = re.compile(r"\+ .* \(exit \d+, \d+ ms\)")

# What a task does to itself: nothing, a failure, or a SIGKILL after so many tenths of a second (its writer goes on).
CHEAP = {
    "maintenance": ("maintenance on Back_soon", "maintenance off"),
    "prune": ("prune",),
    "rollback": ("rollback 20200101T000000Z-0000000", "rollback ../etc"),
    "restore": ("restore nothing.dump",),
    "resolve-migration": ("resolve-migration nothing applied",),
    "up": ("activate nothing",),
}
ONE = f"""before=$(ls {LOGS})
setsid {HERE}/current/bin/host.sh WORDS >/dev/null 2>&1 &
if [ KILL != no ]; then sleep KILL; kill -9 $! 2>/dev/null; fi
wait $! 2>/dev/null && code=0 || code=$?
sleep 0.2
new=$(ls {LOGS} | grep '\\.log$' | grep -vxF -e "$before" || true)
echo "$code|$new|$(tail -n 1 {LOGS}/${{new:-none}} 2>/dev/null)"
"""

pytestmark = pytest.mark.timeout(3600)


def test_a_log_is_there_after_each_operation_also_failed_or_killed(
    deployed: LabHost, checkout: Checkout, examples: Examples, full: bool
) -> None:
    """Random tasks by the host's own script: done, failed, and killed at a random moment once they have the lock.

    One real deployment first. Everyday: 10 tasks; with --full 100.

    Turned red by: no operation_begin in `locked` or in `hold`.

    Feature: production-deployment-system, Property 34: Log persistence
    """
    assert "[log]" in deployed.run(f"head -n 1 {LOGS}/*-deploy-*.log")
    examples(1)
    chance = seeded()
    for _ in range(100 if full else 10):
        task = chance.choice(list(CHEAP))
        words = chance.choice(CHEAP[task])
        kill = f"{chance.uniform(0.3, 1.2):.2f}" if chance.random() < 0.4 else "no"
        said = deployed.run("sh -s", stdin=ONE.replace("WORDS", words).replace("KILL", kill))
        code, name, last = said.rstrip("\n").split("|", 2)
        if not name:  # killed before it had the lock
            assert code == "137", said
            continue
        assert re.fullmatch(rf"\d{{8}}T\d{{6}}Z-{task}-\S+\.log", name), said
        assert code == "137" or last.endswith(f"{task} ended with exit code {code}"), said
        examples(1)
    deployed.run(f"{HERE}/current/bin/host.sh maintenance off 2>&1")
    checkout.fab("verify")


def test_every_line_of_every_log_begins_with_its_time_and_zone(deployed: LabHost, examples: Examples) -> None:
    """All lines of all logs that this module's deployments and tasks have left.

    Turned red by: the line that stamps what has no stamp left out of operation_write, and a `docker` that complains.

    Feature: production-deployment-system, Property 32: Timestamped logs
    """
    deployed.run(f"{HERE}/current/bin/host.sh restart 2>&1")
    lines = deployed.run(f"cat {LOGS}/*.log").splitlines()
    assert len(lines) >= 30
    for line in lines:
        found = LINE.fullmatch(line)
        assert found, line
        assert datetime.fromisoformat(found[1]).utcoffset() == timedelta(0), line
    examples(len(lines))


READING = ("facts", "status", "history", "explain", "verify", "logs backend 5", "backups")
CHANGING = ("maintenance on", "maintenance off", "prune", "backup", "restart")
TASKS = (
    ["status"], ["verify"], ["history"], ["explain"], ["doctor"], ["detect-os"], ["logs", "--tail", "5"],
    ["backup", "--list"], ["maintenance", "--on"], ["maintenance", "--off"], ["prune"], ["backup"], ["restart"],
    ["plan"], ["deploy"], ["rollback", "--to", "nothing"],
)  # fmt: skip


def test_verbose_shows_what_normal_mode_does_not(
    deployed: LabHost, checkout: Checkout, examples: Examples, full: bool
) -> None:
    """Every operation by both front doors, with and without: commands with exit codes and times, and a stamp a line.

    Everyday: those of the host's own script, and three of fab's; with --full all.

    Turned red by: `detail` left out of main.sh or of SshHost.converse; `written` left out of TerminalConsole.

    Feature: production-deployment-system, Property 35: Verbose mode
    """
    for words in (*READING, *CHANGING):
        normal = deployed.run(f"{HERE}/current/bin/host.sh {words} 2>&1")
        verbose = deployed.run(f"VERBOSE=1 {HERE}/current/bin/host.sh {words} 2>&1")
        own = f"{words.split()[0]} in {HERE}, logs in {LOGS}"
        assert own in verbose, words
        assert not RAN.search(normal), words
        assert own not in normal, words
        assert RAN.search(verbose) or words not in ("backup", "restart"), words  # others may ask no engine
        examples(1)
    chosen = TASKS if full else random.Random(35).sample(TASKS[:10], 3)
    for task in chosen:
        plain, full_of_it = checkout.fab(*task, check=False), checkout.fab(*task, "--verbose", check=False)
        assert not RAN.search(plain.stdout + plain.stderr), task
        assert RAN.search(full_of_it.stderr), task
        for line in (full_of_it.stdout + full_of_it.stderr).splitlines():
            assert LINE.fullmatch(line), (task, line)
        examples(1)
