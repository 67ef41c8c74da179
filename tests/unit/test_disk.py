"""What a deployment needs of each file system: needed against free, and how to make room."""

import pytest

from tasks.core.disk import CLUSTER_NEED, RELEASE_NEEDS, deployment_needs, disk_remedy, image_needs, shortages
from tasks.core.facts import HostFacts
from tests.steps.samples import APP, HostState, image_line, make_image

IMAGES = [make_image("backend"), make_image("frontend")]


def host(*disks: str, **values: str) -> HostFacts:
    return HostState().but(**values).having(*(f"disk={line}" for line in disks)).facts()


SHORT = {
    "all on one": (["deployment,log,docker,data / 500000 90000"], []),
    "one for all": (
        ["deployment,log,docker,data / 200000 90000"],
        ["/ needs 214.0 MB (images, release, logs, new database), 204.8 MB are free"],
    ),
    "the deployment's": (
        ["deployment,log / 1000 90000", "docker,data /d 500000 90000"],
        ["/ needs 4.0 MB (release, logs), 1.0 MB are free"],
    ),
    "inodes": (
        ["deployment,log / 90000 90000", "docker,data /d 500000 100"],
        ["/d needs 8713 inodes (images, new database), 100 are free"],
    ),
    "inodes that nobody counts": (
        ["deployment / 90000 90000", "docker,data /d 500000 -", "log /l 10 -"],
        ["/l needs 2.0 MB (logs), 10.2 kB are free"],
    ),
    "the data's": (
        ["deployment,log,docker / 150000 90000", "data /d 90000 9000"],
        ["/d needs 100.0 MB (new database), 92.2 MB are free"],
    ),
    "two": (
        ["deployment,log,docker / 0 0", "data /d 0 0"],
        ["/ needs 114.0 MB (images, release, logs), 0 B are free", "/d needs 100.0 MB (new database), 0 B are free"],
    ),
}


@pytest.mark.parametrize("case", SHORT)
def test_each_file_system_has_what_lies_on_it_added_up(case: str) -> None:
    disks, short = SHORT[case]
    facts = host(*disks)
    assert shortages(deployment_needs(IMAGES, facts), facts) == short


def test_a_host_with_a_database_needs_no_room_for_one() -> None:
    facts = host(**{"identity.app": "app"})
    assert CLUSTER_NEED not in deployment_needs(IMAGES, facts)
    assert deployment_needs([], facts) == RELEASE_NEEDS


@pytest.mark.parametrize(
    ("store", "disks", "role"),
    [
        ("containerd", ("docker /d 1 1", "containerd /c 1 1"), "containerd"),
        ("containerd", ("docker /d 1 1",), "docker"),
        ("overlay2", ("docker /d 1 1", "containerd /c 1 1"), "docker"),
    ],
)  # fmt: skip
def test_a_containerd_store_has_its_images_with_containerd(store: str, disks: tuple[str, ...], role: str) -> None:
    (need,) = image_needs(IMAGES, host(*disks, docker_store=store))
    assert (need.role, need.bytes) == (role, 110_000_000)


def test_the_remedy_says_what_prune_would_give() -> None:
    failed = image_line(IMAGES[0], f"{APP}/backend:r2", f"{APP}/backend:r3")
    kept = image_line(IMAGES[1], f"{APP}/frontend:r2", f"{APP}/frontend:r1")
    state = HostState().having("release=r1 retired a", "release=r2 failed b", "release=r3 failed c", failed, kept)
    assert disk_remedy(state.facts(), "web1").startswith("fab -H web1 prune   (up to 50.0 MB, of 2 failed releases); ")
    assert disk_remedy(HostState().facts(), "web1").startswith("make room there (docker image prune")
