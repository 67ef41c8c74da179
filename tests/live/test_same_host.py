"""One by one, in one chain, or `deploy`: the host is the same afterwards."""

import difflib
from pathlib import Path

import pytest

from tests.checkout import Checkout
from tests.labhost import LabHost

LISTING = Path(__file__).with_name("listing")
STEPS = ("ship-images", "push-config", "up", "verify")

pytestmark = pytest.mark.timeout(1500)


def listing(host: LabHost) -> list[str]:
    """Everything that a deployment has made on the host, minus times."""
    return host.run("sh -s", stdin=LISTING.read_bytes()).splitlines()


def differences(one: list[str], other: list[str]) -> str:
    lines = "\n".join(difflib.unified_diff(one, other, "deploy", "this way", n=0, lineterm=""))
    print(lines)
    return lines


@pytest.fixture(scope="module")
def by_deploy(checkout: Checkout, lab_host: LabHost) -> list[str]:
    """The listing of a host after `deploy`; all ways start from one build, so that all make the same release."""
    lab_host.clean(images=True)
    checkout.fab("build", host=None)
    checkout.fab("deploy")
    return listing(lab_host)


def test_listing_sees_the_deployment(by_deploy: list[str]) -> None:
    kinds = {line.split()[0] for line in by_deploy}
    assert {"container", "image", "volume", "network", "file", "link"} <= kinds
    services = {line.split()[2] for line in by_deploy if line.startswith("container ")}
    assert services == {"edge", "database", "frontend", "backend"}


def test_each_primitive_alone_gives_the_same_host(by_deploy: list[str], checkout: Checkout, lab_host: LabHost) -> None:
    lab_host.clean(images=True)
    checkout.fab("build", host=None)
    for step in STEPS:
        checkout.fab(step)
    assert not differences(by_deploy, listing(lab_host))


def test_one_chain_gives_the_same_host(by_deploy: list[str], checkout: Checkout, lab_host: LabHost) -> None:
    lab_host.clean(images=True)
    checkout.fab("build", *STEPS)
    assert not differences(by_deploy, listing(lab_host))


def test_each_primitive_again_changes_nothing(by_deploy: list[str], checkout: Checkout, lab_host: LabHost) -> None:
    for step in STEPS:
        checkout.fab(step)
    assert not differences(by_deploy, listing(lab_host))
