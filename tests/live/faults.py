"""Kill the client, its SSH session, the engine or the whole host in each phase of an activation, or at any moment.

After each: the old or the new release serves with all data, the host has a log of it, and the next plain
`fab -H HOST deploy` succeeds.

The journal's phase is watched on the host by a script of these tests; when the phase is reached, the activation is
stopped (SIGSTOP), the blow falls, and what is left of it goes on. The product knows nothing of it.

Usage: scripts/faults --host NAME [--phase PHASE] [--what WHAT] [--moments N [--seed S]]
       without --phase, --what and --moments: the whole table. NAME is a lab host, and is made when it is not there.
"""

import argparse
import http.client
import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.checkout import PYTHON_ENVIRONMENT, Checkout
from tests.labhost import LAB, LabHost

HERE = "/opt/community-tracker"
LOGS = "/var/log/community-tracker"
PHASES = ("started", "migrated", "slot-up", "switched", "committed")
SERVICES = {"platform/database", "platform/edge", "backend", "frontend"}
QUICK = {"DRAIN_SECONDS": "1", "KEEP_RELEASES": "3"}

# Waits for the phase, or for the time; then stops the activation where it is, says so, and lets it go on when told to.
WATCH = f"""
end=$(($(date +%s) + 300)) session=
until grep -qx phase=PHASE {HERE}/activation 2>/dev/null; do
  [ "$(date +%s)" -lt $end ] || exit 1
done
session=$(sed -n 's/^session=//p' {HERE}/activation)
members=$(ps -e -o pid=,sid= | while read -r pid sid; do [ "$sid" != "$session" ] || echo "$pid"; done)
kill -STOP $members 2>/dev/null
sed -n 's/^phase=/stopped /p' {HERE}/activation
read -r _
kill -CONT $members 2>/dev/null
"""

# The sshd of the user who deploys, root's stay: the tests themselves are root.
CUT_SESSIONS = "ps -e -o pid=,args= | sed -n 's/^ *\\([0-9]*\\) sshd.*: deployer.*/\\1/p' | xargs -r kill -9"
KILL_ENGINE = "kill -9 $(cat /run/docker.pid)"

# What nobody will use any more.
LEFT_OVER = f"""
cd {HERE}
find . -name '.*.new' -o -name '.*.old' -o -name '.*.part' -o -name .assets.log -o -name activation
docker image ls -q --filter dangling=true | sed 's/^/dangling image /'
slot=community-tracker-$(readlink slots/active)_slot
docker network ls --filter type=custom --format '{{{{.Name}}}}' | grep -vx -e community-tracker_edge -e "$slot"
for facts in backups/*.facts; do [ ! -e "$facts" ] || [ -e "${{facts%.facts}}.dump" ] || echo "$facts"; done
true
"""


@dataclass(frozen=True)
class Case:
    """A blow, and when it falls: in a phase, or so many seconds after the start."""

    what: str
    phase: str = ""
    after: float = 0.0

    def __str__(self) -> str:
        return f"{self.phase or f'after {self.after:.2f} s'} {self.what}"


@dataclass(frozen=True)
class Row:
    """What came of a case."""

    case: Case
    hit: str
    served: str
    seconds: float
    next_seconds: float
    wrong: tuple[str, ...]

    def __str__(self) -> str:
        verdict = "ok" if not self.wrong else "WRONG: " + "; ".join(self.wrong)
        return (
            f"| {self.case.phase or f'{self.case.after:.2f} s':<10} | {self.case.what:<8} | {self.hit:<10} "
            f"| {self.served:<4} | {self.seconds:6.1f} | {self.next_seconds:6.1f} | {verdict} |"
        )


HEADER = (
    "| when       | killed   | journal    | then | within | next   | verdict |\n"
    "|            |          | said       |      | s      | deploy s |       |"
)


class Faults:
    """A host, a checkout, and one blow after the other; each deployment is of another configuration."""

    def __init__(self, checkout: Checkout, host: LabHost) -> None:
        self.checkout, self.host = checkout, host
        self.number, self.rows = 0, 0

    def blows(self, client: "subprocess.Popen[bytes]") -> dict[str, Callable[[], None]]:
        return {
            "client": lambda: os.killpg(client.pid, signal.SIGKILL),
            "session": lambda: self._on_host(CUT_SESSIONS),
            "engine": lambda: self._on_host(KILL_ENGINE),
            "host": self._power_cut,
        }

    def run(self, case: Case) -> Row:
        """Deploy something new, let the blow fall, look who serves, deploy again, look what is left."""
        old = self._active()
        self._new_configuration()
        self._add_row()
        logs = self._logs()
        client = self._start()
        hit = self._strike(case, client)
        began = time.monotonic()
        client.wait(300)
        wrong: list[str] = []
        try:
            served = self._served(old)
            wrong += [f"{self.rows} rows were added, {self._count()} are there"] if self._count() != self.rows else []
        except TimeoutError as error:
            served, wrong = "none", [*wrong, str(error)]
        seconds = time.monotonic() - began
        self._wait_until_unlocked()
        wrong += self._log_faults(case, self._logs() - logs)
        began = time.monotonic()
        done = self.checkout.fab("deploy", check=False)
        wrong += self._faults(old, done)
        return Row(case, hit, served, seconds, time.monotonic() - began, tuple(wrong))

    def duration(self) -> float:
        """How long a deployment takes when nothing happens to it."""
        self._new_configuration()
        began = time.monotonic()
        self.checkout.fab("deploy")
        self.rows = self._count()
        return time.monotonic() - began

    def _new_configuration(self) -> None:
        self.number += 1
        self.checkout.write_env(**QUICK, EDITION=f"{self.number} {secrets.token_hex(4)}", IMAGES_MAY_HOLD="EDITION")

    def _start(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [str(PYTHON_ENVIRONMENT / "bin" / "fab"), "-H", self.host.name, "deploy"],
            cwd=self.checkout.path,
            env=self.checkout.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _strike(self, case: Case, client: "subprocess.Popen[bytes]") -> str:
        """Give what the journal said when the blow fell."""
        if not case.phase:
            time.sleep(case.after)
            self.blows(client)[case.what]()
            return "-"
        line = WATCH.replace("PHASE", case.phase)
        with self._shell(line) as watcher:
            assert watcher.stdin is not None
            assert watcher.stdout is not None
            hit = watcher.stdout.readline().decode().strip().removeprefix("stopped ")
            self.blows(client)[case.what]()
            if case.what != "host":
                watcher.stdin.write(b"go on\n")
                watcher.stdin.flush()
            else:
                watcher.kill()
        return hit or "missed"

    def _shell(self, line: str) -> "subprocess.Popen[bytes]":
        """A shell inside the host that needs neither its sshd nor its engine."""
        command = ["docker", "exec", "-i", f"lab-{self.host.name}", "sh", "-c", line]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def _on_host(self, line: str) -> None:
        subprocess.run(["docker", "exec", f"lab-{self.host.name}", "sh", "-c", line], check=False)

    def _power_cut(self) -> None:
        subprocess.run([LAB / "fault", "dead", self.host.name], check=True)
        (self.host.home / "ssh-master").unlink(missing_ok=True)
        subprocess.run([LAB / "fault", "dead", self.host.name, "off"], check=True)

    def _active(self) -> str:
        return self.host.run(f"sed -n 's/^release=//p' {HERE}/active").strip()

    def _add_row(self) -> None:
        self.rows += 1
        self.host.psql("insert into activities (title) values ('kept')")

    def _count(self) -> int:
        return int(self.host.psql("select count(*) from activities where title = 'kept'"))

    def _served(self, old: str) -> str:
        """Who answers, page and API both; the engine or the host may need a while to come back by itself."""
        end, said = time.monotonic() + 120, "nothing"
        while time.monotonic() < end:
            answers = {self._ask(path) for path in ("/", "/api/activities")}
            if len(answers) == 1 and (said := str(next(iter(answers)))).startswith("200 "):
                return "old" if said == f"200 {old}" else "new"
            time.sleep(0.2)
        raise TimeoutError(f"nothing serves after 120 s, last: {said}")

    def _ask(self, path: str) -> str:
        connection = http.client.HTTPConnection(self.host.address, 80, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            return f"{answer.status} {answer.headers.get('X-Release')}"
        except (OSError, http.client.HTTPException) as error:
            return repr(error)
        finally:
            connection.close()

    def _wait_until_unlocked(self) -> None:
        """An activation goes on without its client: until it has ended, the host says so, and who holds the lock."""
        self._on_host(f"timeout 120 flock -s {HERE}/lock true")

    def _logs(self) -> set[str]:
        return set(self.host.run(f"ls {LOGS} | grep deploy").split())

    def _log_faults(self, case: Case, logs: set[str]) -> Iterator[str]:
        """What is wrong with the log that the deployment left; a power cut ends it anywhere."""
        if case.phase and len(logs) != 1:
            yield f"it left these logs: {sorted(logs)}"
        for name in logs if case.what != "host" else ():
            last = self.host.run(f"tail -n 1 {LOGS}/{name}")
            if "deploy ended with exit code" not in last:
                yield f"{name} ends with {last!r}"

    def _faults(self, old: str, done: "subprocess.CompletedProcess[str]") -> Iterator[str]:
        """What is wrong after the next deployment."""
        if done.returncode:
            yield f"the next deploy ended with exit code {done.returncode}: {done.stdout[-600:]} {done.stderr[-600:]}"
            return
        new = self._active()
        if new == old or self._ask("/") != f"200 {new}":
            yield f"{new} is active, the port answers {self._ask('/')}; before, {old} was"
        found = {name.removeprefix("blue/").removeprefix("green/") for name in self.host.containers()}
        if found != SERVICES or len(self.host.containers()) != len(SERVICES):
            yield f"containers {sorted(self.host.containers())}"
        if self._count() != self.rows:
            yield f"{self.rows} rows were added, {self._count()} are there"
        left = self.host.run("sh -s", stdin=LEFT_OVER).split("\n")[:-1]
        yield from (f"left over: {each}" for each in left)


def table() -> list[Case]:
    """Each phase, each blow."""
    return [Case(what, phase) for phase in PHASES for what in ("client", "session", "engine", "host")]


def moments(number: int, seed: int, seconds: float) -> list[Case]:
    """Random blows at random moments of a deployment that takes so long."""
    chance = random.Random(seed)
    whats = ("client", "session", "engine", "host")
    return [Case(chance.choice(whats), after=chance.uniform(0, seconds)) for _ in range(number)]


def run_all(faults: Faults, cases: Iterable[Case]) -> list[Row]:
    """Print the table as it grows."""
    print(HEADER, flush=True)
    rows = []
    for case in cases:
        rows.append(faults.run(case))
        print(rows[-1], flush=True)
    print(f"{len(rows)} cases, {sum(bool(row.wrong) for row in rows)} wrong", flush=True)
    return rows


def chosen(arguments: argparse.Namespace, seconds: float) -> list[Case]:
    """The cases asked for."""
    seed = arguments.seed if arguments.seed is not None else secrets.randbits(32)
    if arguments.moments:
        print(f"seed {seed}; a deployment takes {seconds:.1f} s", flush=True)
    if arguments.moments and not (arguments.phase or arguments.what):
        return moments(arguments.moments, seed, seconds)
    cases = [case for case in table() if arguments.phase in (None, case.phase) and arguments.what in (None, case.what)]
    return cases + moments(arguments.moments, seed, seconds)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/faults", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--host", required=True, help="a lab host; made when it is not there, emptied first")
    parser.add_argument("--phase", choices=PHASES)
    parser.add_argument("--what", choices=("client", "session", "engine", "host"))
    parser.add_argument(
        "--moments", type=int, default=0, help="so many random moments (alone, or after the cases chosen)"
    )
    parser.add_argument("--seed", type=int, help="repeats the moments of another run")
    arguments = parser.parse_args()
    subprocess.run([LAB / "host", "up", arguments.host, "systemd26"], check=True)
    with tempfile.TemporaryDirectory() as place:
        home = Path(place) / "home"
        home.mkdir()
        host = LabHost.at(arguments.host, home)
        host.clean()
        faults = Faults(Checkout.clone(Path(place) / "checkout", host), host)
        faults.duration()
        rows = run_all(faults, chosen(arguments, faults.duration()))
    return int(any(row.wrong for row in rows))


if __name__ == "__main__":
    sys.exit(main())
