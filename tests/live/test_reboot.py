"""After a power cut, a restart of the engine or in any order of its containers everything returns by itself.

A watcher asks the published port all the time, repeats nothing, and keeps every answer: from the moment the edge runs
until the slot answers there is 503 with a plain page, and nothing else.
Everyday: two orders of starting the containers; with --full: all 24.
"""

import http.client
import itertools
import json
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.labhost import LAB, LabHost

ROWS = 50
ACTIVITIES = "/api/activities"
PATHS = ("/", ACTIVITIES, "/health", "/activities/1")
API = (ACTIVITIES, "/health")
PERIOD, TOO_LONG = 0.1, 5.0
START_OF_NGINX = 4.0
"""Seconds from the start of the edge's container until its nginx must answer, on a busy machine."""
SERVICES = ("edge", "frontend", "backend", "database")

pytestmark = pytest.mark.timeout(1800)


@dataclass(frozen=True)
class Sample:
    """One request: when it began and ended (Unix time), and what came: a status, or 0 and the error."""

    path: str
    began: float
    ended: float
    status: int
    text: str
    retry_after: str | None = None

    def __str__(self) -> str:
        return f"{self.path} {self.status} after {self.ended - self.began:.2f} s: {self.text[:80]}"


@dataclass
class Watcher:
    """Asks each path every tenth of a second on a connection of its own; nothing is repeated."""

    address: str
    samples: list[Sample] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def ask(self, path: str) -> Sample:
        connection, began = http.client.HTTPConnection(self.address, timeout=TOO_LONG), time.time()
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            text = answer.read().decode()
            return Sample(path, began, time.time(), answer.status, text, answer.getheader("Retry-After"))
        except (OSError, http.client.HTTPException) as error:
            return Sample(path, began, time.time(), 0, repr(error))
        finally:
            connection.close()

    def watch(self, path: str) -> None:
        while not self.stop.wait(PERIOD):
            self.samples.append(self.ask(path))

    def since(self, moment: float) -> list[Sample]:
        return sorted((each for each in self.samples if each.began >= moment), key=lambda each: each.began)


@contextmanager
def watching(host: LabHost) -> Iterator[Watcher]:
    """Watch the published port; the watcher has heard an answer from each path before and after."""
    watcher = Watcher(host.address)
    threads = [threading.Thread(target=watcher.watch, args=(path,), daemon=True) for path in PATHS]
    for thread in threads:
        thread.start()
    try:
        yield watcher
    finally:
        watcher.stop.set()
        for thread in threads:
            thread.join()


def wait_until_all_serve(watcher: Watcher, since: float, seconds: float = 90) -> None:
    """Wait until each path has answered 200 to a request that began after that moment."""
    deadline = time.time() + seconds
    while {each.path for each in watcher.since(since) if each.status == 200} != set(PATHS):
        assert time.time() < deadline, "\n".join(str(each) for each in watcher.since(since)[-12:])
        time.sleep(0.2)


def edge_started(host: LabHost) -> float:
    """When the edge's container was started last; the host's clock is the workstation's."""
    template = "{{.State.StartedAt}}"
    return float(host.run(f"date -u -d \"$(docker inspect -f '{template}' {host.service('edge')})\" +%s.%N"))


def is_fine(sample: Sample) -> bool:
    """200; a plain 503 of the edge; or, of what the backend answers, that of the slot or the application's own 503."""
    plain = sample.retry_after == "2" and sample.text.endswith("<p>starting\n")
    api = sample.path in API and (sample.text.endswith("<p>the API does not answer\n") or sample.text.startswith("{"))
    return sample.status == 200 or (sample.status == 503 and (plain or api))


def faults(watcher: Watcher, edge: float) -> list[str]:
    """What nobody must see: another answer, none while the edge runs, or 503 again after the slot has answered."""
    wrong = [each for each in watcher.samples if each.status and not is_fine(each)]
    for path in PATHS:
        answers = [each for each in watcher.since(edge) if each.path == path]
        began = next((n for n, each in enumerate(answers) if each.status or each.began > edge + START_OF_NGINX), 0)
        wrong += [each for each in answers[began:] if not each.status]
        serving = next((n for n, each in enumerate(answers) if each.status == 200), len(answers))
        wrong += [each for each in answers[serving:] if each.status != 200]
    return [f"{each.began - edge:+.2f} s: {each}" for each in wrong]


def table(watcher: Watcher, since: float) -> dict[str, dict[str, int]]:
    """How many answers of which kind each path had."""
    kinds: dict[str, Counter[str]] = {path: Counter() for path in PATHS}
    for each in watcher.since(since):
        kinds[each.path][str(each.status) if each.status else each.text.split("(")[0]] += 1
    return {path: dict(counter) for path, counter in kinds.items()}


@pytest.fixture(scope="module")
def busy(deployed: LabHost) -> LabHost:
    """The deployed host, with rows."""
    deployed.psql("insert into activities (title) select 'row ' || n from generate_series(1, 50) n")
    assert rows(deployed) == ROWS
    return deployed


def rows(host: LabHost) -> int:
    return int(host.psql("select count(*) from activities where title like 'row %'"))


def power_cut(host: LabHost) -> None:
    """Kill everything at once and boot again; the connection that the tests kept is gone with it."""
    subprocess.run([LAB / "fault", "dead", host.name], check=True)
    (host.home / "ssh-master").unlink(missing_ok=True)
    subprocess.run([LAB / "fault", "dead", host.name, "off"], check=True)


def restart_engine(host: LabHost) -> None:
    host.run("systemctl restart docker")


@pytest.mark.parametrize("event", [power_cut, restart_engine])
def test_everything_returns_without_a_command(
    busy: LabHost, event: Callable[[LabHost], None], record_property: Callable[[str, object], None]
) -> None:
    before = busy.containers()
    with watching(busy) as watcher:
        time.sleep(2)
        began = time.time()
        event(busy)
        wait_until_all_serve(watcher, time.time())
        took = time.time() - began
        time.sleep(3)
    edge = edge_started(busy)
    assert edge > began
    line = f"{event.__name__}: served again after {took:.1f} s; {json.dumps(table(watcher, began))}"
    print(line)
    record_property(event.__name__, line)
    assert faults(watcher, edge) == []
    assert busy.containers() == before
    assert rows(busy) == ROWS


def test_containers_start_in_any_order(
    busy: LabHost, full: bool, record_property: Callable[[str, object], None]
) -> None:
    containers = {name: busy.service(name) for name in SERVICES}
    orders: Sequence[Sequence[str]] = list(itertools.permutations(SERVICES)) if full else [SERVICES, SERVICES[::-1]]
    for order in orders:
        busy.run("docker", "stop", *(containers[name] for name in SERVICES))
        with watching(busy) as watcher:
            for name in order:
                busy.run("docker", "start", containers[name])
                time.sleep(1)
            wait_until_all_serve(watcher, time.time())
        answers = table(watcher, 0)
        print(f"{', '.join(order)}: {json.dumps(answers)}")
        assert faults(watcher, edge_started(busy)) == []
        assert order[0] != "edge" or answers["/"]["503"] > 0
        assert rows(busy) == ROWS
    record_property("orders", len(orders))
