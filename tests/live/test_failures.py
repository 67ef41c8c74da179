"""Every service, every way to fail: the old release serves, and the report says which service, why, and what to type.

The images are made on the host, each the real one with another program in it; `up` brings the release up as ever, while
people ask (a load that never repeats a request). Everyday: each kind of fault once; with --full: the whole matrix.
"""

import asyncio
import json
import re
import shlex
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.checkout import Checkout
from tests.labhost import LabHost
from tests.live.load import Load, Report

pytestmark = pytest.mark.timeout(7200)

HERE = "/opt/community-tracker"
LOGS = "/var/log/community-tracker"
MAKE = Path(__file__).with_name("failing-release")
QUICK = ("HEALTH_TIMEOUT=5", "HEALTH_RETRIES=3", "DRAIN_SECONDS=0", "KEEP_RELEASES=3")
SLOW = ("HEALTH_TIMEOUT=60",)  # what ends sooner, or only after an answer, ends as it does on a busy machine too
CRASH = "echo 'no such module: tracker' >&2; exit 3"
EAT = "echo 'reading it all' >&2; exec tail /dev/zero"
LITTLE = "16m"
DATA = "/var/lib/docker/volumes/community-tracker_data/_data"
PLACE = "/var/lib/postgresql/data"
BROKEN = "require('http').createServer((q, r) => { r.statusCode = 500; r.end('broken') }).listen(3000)"
ONCE_WELL = (
    "let asked = 0; require('http').createServer((q, r) => "
    "{ r.statusCode = asked++ ? 500 : 200; r.end('{}') }).listen(3000)"
)
LISTEN = "/usr/sbin/sshd -o PidFile=/run/taken.pid -p 8099; sleep 1"
LEFT = (
    "docker ps -aq --filter label=slot=trial; docker volume ls -q --filter label=slot=trial; "
    "docker network ls -q --filter label=com.docker.compose.project=community-tracker_trial"
)
PENDING = "migrations=20260101000000_init,20260102000000_add_status,99990101000000_never"


def runs(line: str) -> str:
    """A Dockerfile's end: this line of the shell instead of the program; `$@` is what the program would get."""
    return f"ENTRYPOINT {json.dumps(['sh', '-c', line, 'sh'])}\n"


def migrates(line: str) -> str:
    """The same for the migration alone; the backend stays well."""
    text = b64encode(f"#!/bin/sh\n{line}\n".encode()).decode()
    return f"USER root\nRUN echo {text} | base64 -d >$(command -v migrate)\nUSER 1001:1001\n"


@dataclass(frozen=True)
class Fault:
    """One way to fail: what is made, and what the report has to say of it."""

    service: str
    kind: str
    dockerfile: str
    says: str
    settings: tuple[str, ...] = ()
    before: str = "true"
    after: str = "true"
    blamed: str = ""
    outage: bool = False
    """Whether it shows only in the real one, which is away until it is put back: failures are counted, not judged."""

    @property
    def name(self) -> str:
        return f"{self.service} {self.kind}"


def checks(command: str, script: str, user: str) -> str:
    """Another health check in the place of the image's own; the program stays well."""
    text = b64encode(f"#!/bin/sh\n{script}\n".encode()).decode()
    return f"USER root\nRUN echo {text} | base64 -d >$(command -v {command})\nUSER {user}\n"


def of(service: str) -> tuple[Fault, ...]:
    """What any service may do at its start."""
    memory = f"{service.upper()}_MEMORY={LITTLE}"
    late = "not ready within 5 s" if service in ("edge", "database") else "not healthy"
    return (
        Fault(service, "crashes", runs(CRASH), "ended with exit code 3", SLOW),
        Fault(service, "hangs", runs("exec sleep 1000"), late),
        Fault(service, "out of memory", runs(EAT), "more memory than its limit", (memory, *SLOW)),
        Fault(service, "image missing", f"LABEL lost={service}\n", "is missing or not whole",
              before=f"docker rmi -f community-tracker/{service}:NAME"),
    )  # fmt: skip


ILL = "echo not yet; exit 1"
FELL_ILL = "[ ! -e /tmp/asked ] || { echo 'not any more'; exit 1; }; : >/tmp/asked"
IN_A_ROW = "3 failures in a row after it had answered"
AGAIN = "fails after its first success"
UNHEALTHY = (
    Fault("backend", "unhealthy", f"CMD {json.dumps(['node', '-e', BROKEN])}\n", "not healthy within 5 s"),
    Fault("backend", AGAIN, f"CMD {json.dumps(['node', '-e', ONCE_WELL])}\n", IN_A_ROW, SLOW),
    Fault("frontend", "unhealthy", checks("probe", ILL, "101:101"), "not healthy within 5 s"),
    Fault("frontend", AGAIN, "USER root\nRUN rm /usr/share/nginx/html/index.html\nUSER 101:101\n", IN_A_ROW,
          SLOW),
    Fault("database", "unhealthy", checks("ready", ILL, "999:999"), "not ready within 5 s"),
    Fault("database", AGAIN, checks("ready", FELL_ILL, "999:999"), IN_A_ROW, SLOW),
    Fault("edge", "unhealthy", "USER root\nRUN printf 'return 500;' >/etc/nginx/slot.conf\nUSER 101:101\n",
          "the new edge does not answer with release", SLOW),
    Fault("edge", AGAIN, checks("probe", FELL_ILL, "101:101"), IN_A_ROW, SLOW),
)  # fmt: skip
# What only the real data makes hang: no trial can show it.
ON_REAL_DATA = (
    Fault("database", "hangs after its trial",
          runs(f'[ ! -e {PLACE}/lost+found ] || exec sleep 1000; exec init-db.sh "$@"'), "not ready within 60 s", SLOW,
          before=f"mkdir {DATA}/lost+found", after=f"rmdir {DATA}/lost+found", outage=True),
)  # fmt: skip
OTHERS = (
    Fault("edge", "port taken", "", "port 8099 is taken by container taken",
          ("HTTP_PORT=8099", "EDGE_FINGERPRINT=x"),
          before="docker run -d --name taken -p 8099:80 $(docker inspect --format '{{.Config.Image}}' "
          "$(docker ps -q --filter label=service=backend | head -n 1)) sleep 600",
          after="docker rm -f taken"),
    Fault("edge", "port taken by a process", "", "port 8099 is taken by sshd pid [0-9]+",
          ("HTTP_PORT=8099", "EDGE_FINGERPRINT=x"), before=LISTEN, after="kill $(cat /run/taken.pid)"),
    Fault("migrate", "fails", migrates("echo 'Error: P3018' >&2; echo 'relation x does not exist' >&2; exit 1"),
          "relation x does not exist", (PENDING,)),
    Fault("migrate", "crashes", migrates("kill -9 $$"), "exit code 137", (PENDING,)),
    Fault("migrate", "hangs", migrates("exec sleep 1000"), "did not end within 5 s", (PENDING, "MIGRATE_TIMEOUT=5")),
    Fault("migrate", "out of memory", migrates(EAT), "137|memory|reading it all",
          (PENDING, f"BACKEND_MEMORY={LITTLE}")),
    Fault("logs", "disk full", "", f"no log can be begun in {LOGS}: no space or no inodes",
          before=f"mount -t tmpfs -o size=64k none {LOGS}; head -c 1M /dev/zero >{LOGS}/filler 2>/dev/null; true",
          after=f"umount {LOGS}", blamed="-"),
    Fault("logs", "inodes full", "", f"no log can be begun in {LOGS}: no space or no inodes",
          before=f"mount -t tmpfs -o nr_inodes=3 none {LOGS}; touch {LOGS}/1 {LOGS}/2",
          after=f"umount {LOGS}", blamed="-"),
)  # fmt: skip
FAULTS = (*of("backend"), *of("frontend"), *of("edge"), *of("database"), *UNHEALTHY, *OTHERS, *ON_REAL_DATA)
EVERYDAY = (
    "backend crashes", "edge hangs", "frontend out of memory", "backend unhealthy", "frontend image missing",
    f"frontend {AGAIN}", "edge port taken", "database crashes", "migrate fails",
    "logs disk full", "logs inodes full",
)  # fmt: skip
RATE = 20.0  # requests a second
PATIENCE = 10.0  # seconds: whether it is answered is judged here, not how fast: images are made on the host meanwhile


class Visitors:
    """The load, in a thread of its own, over all cases; `taken` gives what came back since it was last asked."""

    def __init__(self, host: LabHost) -> None:
        self._load = Load(host.url, rate=RATE, patience=PATIENCE)
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._before: tuple[int, int, dict[str, int]] = (0, 0, {})
        self.report: Report = self._load.report

    def _run(self) -> None:
        self._loop.run_until_complete(self._load.run(None, self._stop))
        self._loop.close()

    def taken(self) -> tuple[int, list[str], set[str]]:
        """Requests, failures, and the releases that answered, of the case that ends."""
        requests, failed, answers = self._before
        now = dict(self._load.releases)
        self._before = (self.report.requests, self.report.failed, now)
        answered = {release for release in now if now[release] > answers.get(release, 0)}
        return self.report.requests - requests, self.report.failures[failed : self.report.failed], answered

    def __enter__(self) -> "Visitors":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()


def active(host: LabHost) -> str:
    return host.run(f"sed -n 's/^release=//p' {HERE}/active").strip()


def kept(host: LabHost, release: str) -> str:
    """Files and images of a release, by their sums."""
    files = host.run(f"cd {HERE}/releases/{release} && find . -type f -exec sha256sum {{}} + | sort")
    names = host.run(f"sed -n 's/^image\\.[a-z]*=//p' {HERE}/releases/{release}/release.facts").split()
    return files + host.run("docker", "image", "inspect", "--format", "{{.Id}}", *names)


def bring_up(fault: Fault, number: int, checkout: Checkout, host: LabHost, visitors: Visitors) -> list[str]:
    """Make the release, bring it up, print the case's row, and give what was wrong with how that ended."""
    name, old = f"fault-{number}", active(host)
    service = {"migrate": "backend", "logs": "backend"}.get(fault.service, fault.service)
    words = shlex.join(["sh", "/root/failing-release", name, service, *QUICK, *fault.settings])
    host.run(f"cat >/root/failing-release <<'END'\n{MAKE.read_text()}END\n")
    host.run(words, stdin=fault.dockerfile)
    host.run(fault.before.replace("NAME", name))
    before = kept(host, old)
    visitors.taken()
    began = time.monotonic()
    done = checkout.fab("up", "--release", name, "--json", check=False)
    took = time.monotonic() - began
    requests, failed, answered = visitors.taken()
    host.run(fault.after)
    wrong = [] if kept(host, old) == before else ["the old release's files or images are not what they were"]
    wrong += [f"{old} is not active any more"] if active(host) != old else []
    wrong += [f"exit code {done.returncode}: {done.stdout}{done.stderr}"] if done.returncode != 1 else []
    wrong += [f"served by {each}" for each in answered if each not in (old, "none")]
    wrong += [f"{len(failed)} requests failed: {failed[:3]}"] if failed and not fault.outage else []
    wrong += [] if requests else ["nobody asked"]
    wrong += [f"a trial has left {each}" for each in host.run(LEFT).split()]
    wrong += report(fault, old, done.stdout, done.stderr, host) if done.returncode == 1 else []
    checkout.fab("verify")
    shown = json.loads(done.stdout)["error"] if done.returncode == 1 else "none"
    print(f"| {fault.service} | {fault.kind} | {requests} | {len(failed)} | {took:.1f} | {shown} |")
    return [f"{number} {fault.name}: {each}" for each in wrong]


def report(fault: Fault, old: str, out: str, talk: str, host: LabHost) -> list[str]:
    """What is wrong with the report: for people, for programs, and as it is kept."""
    data = json.loads(out)
    failure = data.get("failure") or {}
    wrong = [] if re.search(fault.says, data["error"]) else [f"the reason is {data['error']}"]
    if fault.service == "logs":  # nothing was begun
        return wrong + ([] if "df -i" in data["next"] and not failure else [f"{data}"])
    blamed = fault.blamed or fault.service
    if blamed != "-" and failure.get("service") != blamed:
        wrong.append(f"{failure.get('service')} is blamed")
    wrong += [] if data.get("now") == f"{old} still serves from slot {failure['serving']['slot']}" else [f"now: {data}"]
    wrong += [f"no {key}" for key in ("next", "exit_code") if not data.get(key)]
    wrong += [] if "fab -H" in data["next"] else [f"next: {data['next']}"]
    wrong += [] if failure.get("diagnosis") else ["no diagnosis"]
    said = talk[talk.index("error: ") :].rstrip().splitlines()
    wrong += [] if len(said) <= 60 else [f"{len(said)} lines are no screen"]
    wrong += [] if said[-1].startswith("  next: ") else [f"it ends with {said[-1]}"]
    lines = failure.get("logs", {}).get(blamed, [])
    wrong += [] if len(lines) <= 20 else [f"{len(lines)} lines of {blamed}"]
    if fault.kind == "crashes" and fault.service not in ("migrate", "logs"):
        wrong += [] if any("no such module: tracker" in line for line in lines) else [f"logs: {failure.get('logs')}"]
        wrong += [] if failure.get("exit_code") == 3 else [f"exit_code {failure.get('exit_code')}"]
        stored = host.run("cat", failure["log"])
        wrong += [] if "no such module: tracker" in stored else ["its log is not stored"]
        state = re.search(rf" \[capture\] \S+: {blamed} inspect: state ", stored)
        wrong += [] if state else ["its state is not stored"]
        wrong += [f"{line} is said twice" for line in set(said) if said.count(line) > 1 and "  | " not in line]
    if fault.kind == "out of memory" and fault.service != "migrate":
        wrong += [] if failure.get("out_of_memory") else ["out_of_memory is not said"]
    return wrong


@pytest.fixture(scope="module")
def visitors(deployed: LabHost) -> Iterator[Visitors]:
    print("| service | fault | requests | failed | seconds | reason |\n|---|---|---|---|---|---|")
    with Visitors(deployed) as made:
        yield made
    assert (made.report.missing, made.report.twice) == (0, 0), "a POST that was acknowledged is not there once"


def test_whatever_fails_the_old_release_serves_and_the_report_says_why(
    deployed: LabHost,
    checkout: Checkout,
    visitors: Visitors,
    full: bool,
    record_property: Callable[[str, object], None],
) -> None:
    """No request of the load fails; the report is judged as people and as programs get it, and as it is stored.

    Feature: production-deployment-system, Property 24: Failure rollback with diagnostics

    Feature: production-deployment-system, Property 28: Previous deployment preserved

    Feature: production-deployment-system, Property 33: Log capture on failure

    Turned red by: no failure_capture in activation_failed (scripts/host/activate.sh); by a `docker stop` of the
    serving frontend in its place; and by no `step trial` there.
    """
    chosen = [fault for fault in FAULTS if full or fault.name in EVERYDAY]
    assert len(chosen) == len(FAULTS if full else EVERYDAY)
    wrong = [
        text for number, each in enumerate(chosen) for text in bring_up(each, number, checkout, deployed, visitors)
    ]
    record_property("examples", len(chosen))
    assert wrong == []


def test_after_failures_in_a_row_the_last_one_is_explained_and_the_old_release_is_deployable(
    deployed: LabHost, checkout: Checkout, visitors: Visitors
) -> None:
    """Three in a row after the first success; then `explain`, in both forms, of the last and of a named one."""
    old = active(deployed)
    wrong = [text for number in (101, 102, 103) for text in bring_up(FAULTS[0], number, checkout, deployed, visitors)]
    assert wrong == []
    said = checkout.fab("explain").stdout
    assert "fault-103 did not come up" in said
    assert "no such module: tracker" in said
    assert f"{old} serves now" in said
    data = json.loads(checkout.fab("explain", "--release", "fault-102", "--json").stdout)
    assert (data["failure"]["release"], data["failure"]["service"], data["active"]) == ("fault-102", "backend", old)
    none = checkout.fab("explain", "--release", old, check=False)
    assert none.returncode == 1
    assert f"no failure of {old} on record" in none.stderr
    checkout.fab("up", "--release", old)
    assert active(deployed) == old
