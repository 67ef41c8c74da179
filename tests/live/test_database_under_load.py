"""The database killed while people write: what was acknowledged is there, and the application recovers by itself.

Turned red by: a backend that leaves on a lost session (its container is then started again), and by any replay of a
POST on the way (edge, slot or backend), which would store a row twice.
"""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import asdict

import pytest

from tests.labhost import LabHost
from tests.live.load import Load, Report

KILLS = 3
DATABASE = "$(docker ps -aq --filter label=app=community-tracker --filter label=service=database)"
BY_PROCESS = f"kill -9 $(docker inspect -f '{{{{.State.Pid}}}}' {DATABASE})"
BY_ENGINE = f"docker kill {DATABASE} && sleep 1 && docker start {DATABASE}"
READY = f"for _ in $(seq 600); do docker exec {DATABASE} ready 2>/dev/null && exit 0; sleep 0.1; done; exit 1"
WELL_AGAIN = 10.0  # seconds after the last start within which requests may still fail

pytestmark = pytest.mark.timeout(900)


async def under_load(url: str, kill: Callable[[float], float]) -> tuple[Report, float]:
    """Load, half of it POSTs, from before the first kill until well after; the report, and the last kill's second."""
    stop = asyncio.Event()
    load = Load(url, rate=40.0, posts=0.5)
    running = asyncio.create_task(load.run(None, stop))
    await asyncio.sleep(4)
    try:
        last = await asyncio.to_thread(kill, load.began)
        await asyncio.sleep(WELL_AGAIN + 10)
    finally:
        stop.set()
    return await running, last


def test_acknowledged_posts_survive_kills_of_the_database(
    deployed: LabHost, record_property: Callable[[str, object], None]
) -> None:
    backend = deployed.service("backend")
    starts = f"docker inspect -f '{{{{.RestartCount}}}} {{{{.State.StartedAt}}}}' {backend}"
    before = deployed.run(starts)

    def kill(began: float) -> float:
        for turn in range(KILLS):
            deployed.run(BY_ENGINE if turn % 2 else BY_PROCESS)
            deployed.run(READY)
            time.sleep(4)
        return time.monotonic() - began - 4

    report, last = asyncio.run(under_load(deployed.url, kill))
    late = [line for line in report.failures if float(line.split(" s:")[0]) > last + WELL_AGAIN]
    print(json.dumps({**asdict(report), "failures": len(report.failures), "ready_again": round(last, 1)}, indent=1))
    record_property("load", {"acknowledged": report.acknowledged, "posts": report.posts, "failed": report.failed})
    assert report.acknowledged > 100
    assert report.failed > 0, "no request noticed that the database was killed: it was not"
    assert (report.missing, report.twice) == (0, 0)
    assert late == [], "it does not recover by itself"
    assert deployed.service("backend") == backend
    assert deployed.run(starts) == before, "the backend was started again"
