"""Kill the client, its session, the engine or the host in the middle of a deployment: see faults.py.

Everyday: two cases; with --full the whole table and 200 random moments. scripts/faults runs one case alone.

Turned red by: `restart: unless-stopped` in compose/platform.yml, where the engine is killed once migrated.
"""

import secrets
from collections.abc import Callable

import pytest

from tests.checkout import Checkout
from tests.labhost import LabHost
from tests.live.faults import Case, Faults, moments, run_all, table

pytestmark = pytest.mark.timeout(7200)

EVERYDAY = (Case("client", "switched"), Case("session", "migrated"))


@pytest.fixture(scope="module")
def faults(deployed: LabHost, checkout: Checkout) -> Faults:
    return Faults(checkout, deployed)


def test_a_deployment_that_is_cut_leaves_the_old_or_the_new_release(
    faults: Faults, record_property: Callable[[str, object], None]
) -> None:
    """And its log, to the end.

    Feature: production-deployment-system, Property 34: Log persistence
    """
    record_property("examples", len(EVERYDAY))
    assert [row.wrong for row in run_all(faults, EVERYDAY) if row.wrong] == []


@pytest.mark.full
def test_each_phase_and_each_blow(faults: Faults) -> None:
    assert [row.wrong for row in run_all(faults, table()) if row.wrong] == []


@pytest.mark.full
def test_any_moment(faults: Faults) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    rows = run_all(faults, moments(200, seed, faults.duration()))
    assert [row.wrong for row in rows if row.wrong] == []
