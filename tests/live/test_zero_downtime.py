"""Deployments under a constant load: nobody notices.

Everyday: 3 deployments; with --full: 20. Turned red by: removing the old slot without drain and stop (retire.sh;
either of the two alone is enough to lose nothing), and by removing the link before making the new one (link_to).
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict

import pytest

from tests.checkout import Checkout
from tests.labhost import LabHost
from tests.live.load import Load, Report

RecordProperty = Callable[[str, object], None]
RATE = 60.0

pytestmark = pytest.mark.timeout(3600)


async def under_load(url: str, deployments: Iterator[None]) -> Report:
    """Run the load from before the first deployment until after the last."""
    stop = asyncio.Event()
    load = asyncio.create_task(Load(url, rate=RATE).run(None, stop))
    await asyncio.sleep(8)
    try:
        await asyncio.to_thread(lambda: list(deployments))
        await asyncio.sleep(8)
    finally:
        stop.set()
    return await load


def deploy_each(checkout: Checkout, number: int) -> Iterator[None]:
    for n in range(1, number + 1):
        began = time.monotonic()
        checkout.change_page(f"edition {n}")
        checkout.fab("deploy")
        print(f"deployment {n}: {time.monotonic() - began:.1f} s")
        yield


def test_no_request_is_lost_in_deployments(
    deployed: LabHost, checkout: Checkout, full: bool, record_property: RecordProperty
) -> None:
    number = 20 if full else 3
    report = asyncio.run(under_load(deployed.url, deploy_each(checkout, number)))
    print(json.dumps(asdict(report), indent=1))
    record_property("load", asdict(report))
    assert len(report.releases) == number + 1, report.releases
    assert report.failures == []
    assert (report.missing, report.twice) == (0, 0)
    assert report.closed_while_idle == 0
    assert report.acknowledged == report.posts > 0
