"""The facts of a host, parsed from the lines of one round trip."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.errors import HostFailed
from tasks.core.facts import Disk, HostRelease, Port, parse_facts
from tests.steps.samples import HostState, container_line, image_line, make_image

ONE_LINE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), max_size=60)


@given(st.dictionaries(st.from_regex(r"[a-z]+(\.[a-z_]+)?", fullmatch=True).map("x.{}".format), ONE_LINE, max_size=8))
def test_any_value_arrives(values: dict[str, str]) -> None:
    facts = parse_facts(["schema=1", *(f"{key}={value}" for key, value in values.items())])
    assert {key: facts.value(key) for key in values} == values
    assert facts.value("not.there") == ""


@pytest.mark.parametrize("lines", [[], ["schema=2"], ["schema="], ["user=deployer"]])
def test_another_schema_is_refused(lines: list[str]) -> None:
    with pytest.raises(HostFailed, match="schema") as caught:
        parse_facts(lines)
    assert "newest version" in caught.value.remedy


def test_lines_that_are_no_facts_are_passed_over() -> None:
    assert parse_facts(["Welcome!", "", "schema=1", "user=a"]).value("user") == "a"


def test_os_release_keeps_its_lines() -> None:
    facts = HostState(os_release=("ID=debian", "", "NAME='a=b'")).facts()
    assert facts.os_release == "ID=debian\n\nNAME='a=b'"


def test_images() -> None:
    image = make_image("backend")
    facts = HostState().having(image_line(image, image.release_tag("r1"))).facts()
    (found,) = facts.images
    assert found.layers == image.layers
    assert facts.image_named(image.content_name) is found
    assert facts.image_named(image.release_tag("r1")) is found
    assert facts.image_named("another:tag") is None
    assert image.is_on(facts)


def test_a_dangling_image_without_labels() -> None:
    text = json.dumps({"id": "sha256:1", "tags": None, "layers": None, "labels": None, "arch": "amd64", "size": 1})
    (found,) = HostState().having(f"image={text}").facts().images
    assert (found.tags, found.layers, dict(found.labels)) == ((), (), {})


def test_containers() -> None:
    lines = [
        container_line("edge", "platform"), container_line("backend", "blue", release="r1"),
        container_line("backend", "green", release="r2", health=""),
    ]  # fmt: skip
    facts = HostState().but(link="green").having(*lines).facts()
    found = facts.container("backend", "green")
    assert found is not None
    assert (found.release, found.health) == ("r2", "")
    assert facts.container("backend", "platform") is None
    assert [one.service for one in facts.serving] == ["edge", "backend"]


@pytest.mark.parametrize(
    ("line", "release"),
    [
        ("r1 active abc", HostRelease("r1", "active", "abc")), ("r1 pending ", HostRelease("r1", "pending", "")),
        ("r1  ", HostRelease("r1", "", "")), ("r1", HostRelease("r1", "", "")),
    ],
)  # fmt: skip
def test_releases(line: str, release: HostRelease) -> None:
    assert HostState().having(f"release={line}").facts().releases == (release,)


def test_active_is_the_release_that_was_committed_last() -> None:
    state = HostState().having("release=r1 retired a", "release=r2 active b")
    assert state.facts().active is None
    assert state.but(active_release="r2").facts().active == HostRelease("r2", "active", "b")
    assert state.but(active_release="r3").facts().active is None, "its directory is gone"


@pytest.mark.parametrize(
    ("line", "disk"),
    [
        ("/ 1000 2000", Disk("/", 1000, 2000)), ("/mnt/a disk 1000 2000", Disk("/mnt/a disk", 1000, 2000)),
        ("/ 1000 ", Disk("/", 1000, 0)), ("/ 1000 -", Disk("/", 1000, 0)),
    ],
)  # fmt: skip
def test_disks(line: str, disk: Disk) -> None:
    assert HostState().having(f"disk={line}").facts().disks == (disk,)


@pytest.mark.parametrize(
    ("path", "disk"),
    [("/var/lib/docker", "/var/lib"), ("/var/library", "/"), ("/opt/x", "/"), ("/var/lib", "/var/lib")],
)
def test_disk_of_a_path(path: str, disk: str) -> None:
    found = HostState().having("disk=/ 1 1", "disk=/var/lib 2 2", "disk=/srv 3 3").facts().disk_of(path)
    assert found is not None
    assert found.path == disk


def test_no_disk_of_a_path() -> None:
    assert HostState().having("disk=/srv 3 3").facts().disk_of("/opt") is None


@pytest.mark.parametrize(
    ("line", "port"),
    [
        ("80 free", Port(80, "free", "")), ("443 own", Port(443, "own", "")), ("80 taken", Port(80, "taken", "")),
        ("80 taken nginx (pid 812)", Port(80, "taken", "nginx (pid 812)")),
    ],
)  # fmt: skip
def test_ports(line: str, port: Port) -> None:
    assert HostState().having(f"port={line}").facts().ports == (port,)
