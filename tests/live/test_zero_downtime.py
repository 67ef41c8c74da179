"""Deployments and rollbacks under a constant load: nobody notices.

Everyday: 60 requests a second, 2 deployments and a rollback. With --full: 200 a second, 50 deployments, 10 rollbacks.
Turned red by: removing the old slot without drain and stop (retire.sh; without drain alone WebSockets and downloads are
cut, without stop alone nothing is), and by removing the link before making the new one (link_to).
"""

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import pytest

from tests.checkout import GUESTBOOK_SCRIPT, Checkout
from tests.labhost import LabHost
from tests.live.applications import GUESTBOOK
from tests.live.load import Load, Report

RecordProperty = Callable[[str, object], None]

pytestmark = pytest.mark.timeout(7200)


@dataclass(frozen=True)
class Size:
    """How much of it: requests a second, seconds without a deployment before them, and rounds."""

    rate: float
    idle: float
    hold: float
    rounds: int
    deployments: int
    """In each round, which a rollback ends."""

    @property
    def drain(self) -> float:
        return self.hold + 1

    @property
    def releases(self) -> int:
        return self.rounds * self.deployments + 1

    @property
    def switches(self) -> int:
        return self.rounds * (self.deployments + 1)


EVERYDAY = Size(rate=60, idle=8, hold=5, rounds=1, deployments=2)
FULL = Size(rate=200, idle=60, hold=8, rounds=10, deployments=5)


async def under_load(load: Load, size: Size, changes: Iterator[None]) -> Report:
    """Run the load from before the first change until after the last."""
    stop = asyncio.Event()
    load.phase = "idle"
    running = asyncio.create_task(load.run(None, stop))
    await asyncio.sleep(size.idle)
    load.phase = "changing"
    try:
        await asyncio.to_thread(lambda: list(changes))
        load.phase = "idle again"
        await asyncio.sleep(size.idle)
    finally:
        stop.set()
    return await running


def changes(checkout: Checkout, size: Size, so_far: Report) -> Iterator[None]:
    """In each round one new page, then changes of a value, then back."""
    for number in range(size.switches):
        step = number % (size.deployments + 1)
        words = ["rollback"] if step == size.deployments else ["deploy"]
        if step == 0:
            checkout.change_page(f"edition {number}", GUESTBOOK_SCRIPT)
        configure(checkout, size, EDITION=str(number))
        began = time.monotonic()
        checkout.fab(*words)
        took = f"{time.monotonic() - began:.1f} s, load average {os.getloadavg()[0]:.1f}"
        print(f"{number} {words[0]}: {took}, {so_far.failed} of {so_far.requests} requests failed")
        yield


def configure(checkout: Checkout, size: Size, **settings: str) -> None:
    checkout.write_guestbook_env(DRAIN_SECONDS=f"{size.drain:.0f}", **settings)


def test_nothing_is_lost_in_deployments_and_rollbacks(
    lab_host: LabHost, checkout: Checkout, full: bool, record_property: RecordProperty
) -> None:
    """GET and POST on new and on kept connections, downloads and WebSockets; how fast they are is told, not judged."""
    size = FULL if full else EVERYDAY
    configure(checkout, size)
    checkout.fab("deploy")
    load = Load(f"http://{lab_host.address}:8090", rate=size.rate, application=GUESTBOOK, hold=size.hold)
    report = asyncio.run(under_load(load, size, changes(checkout, size, load.report)))
    print(json.dumps(asdict(report), indent=1))
    record_property("load", asdict(report))
    ratio = report.milliseconds["changing"]["p99"] / report.milliseconds["idle"]["p99"]
    record_property("p99, changing to idle", round(ratio, 2))
    print(f"p99 while it changed: {ratio:.2f} times that of idle")
    assert report.failures == []
    assert (report.missing, report.twice) == (0, 0)
    assert report.closed_while_idle == 0
    assert report.acknowledged == report.posts > 0
    assert (len(report.releases), report.switches) == (size.releases, size.switches)
    assert len(report.cut_after) == size.switches
    assert min(report.cut_after) >= size.drain
