"""Too little room on a file system of the host: refused before anything is sent, with needed against free."""

import re
from collections.abc import Iterator

import pytest

from tests.checkout import Checkout
from tests.labhost import LabHost

pytestmark = pytest.mark.timeout(1500)

LOGS = "/var/log/community-tracker"
SHORT = {
    "blocks": ("-o size=1m", r"/var/log/community-tracker needs 2\.0 MB \(logs\), 1\.0 MB are free"),
    "inodes": ("-o nr_inodes=10", r"/var/log/community-tracker needs 20 inodes \(logs\), 9 are free"),
}


@pytest.fixture(params=SHORT)
def short(request: pytest.FixtureRequest, deployed: LabHost, checkout: Checkout) -> Iterator[str]:
    """Give the place of the logs a small file system of its own; what the refusal has to say of it."""
    options, said = SHORT[request.param]
    checkout.change_page(f"short of {request.param}")
    deployed.run(f"mount -t tmpfs {options} none {LOGS}")
    try:
        yield said
    finally:
        deployed.run(f"umount {LOGS}")


def listing(host: LabHost) -> str:
    """What is on the host: images, releases, containers."""
    return host.run("docker images -q --no-trunc | sort; ls /opt/community-tracker/releases; docker ps -aq | sort")


def test_a_file_system_with_too_little_room_is_named_and_nothing_is_sent(
    short: str, deployed: LabHost, checkout: Checkout
) -> None:
    """Turned red by: no line `disk_of log` in disk_facts (scripts/host/facts.sh)."""
    before = listing(deployed)
    done = checkout.fab("deploy", check=False)
    assert done.returncode == 1
    assert re.search(rf"too little disk on \S+: {short}; nothing was sent", done.stderr)
    assert re.search("next: make room there", done.stderr)
    assert listing(deployed) == before
    assert re.search(rf"too little disk on \S+: {short}", checkout.fab("plan").stderr)


def test_with_room_again_it_is_deployed(deployed: LabHost, checkout: Checkout) -> None:
    checkout.change_page("room enough")
    assert "serves at" in checkout.fab("deploy").stdout
    assert len(deployed.containers("label=slot=platform")) == 2
