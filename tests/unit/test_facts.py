"""The facts of a host, parsed from the lines of one round trip."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.errors import HostFailed
from tasks.core.facts import Disk, HostRelease, Port, parse_facts
from tests.steps.samples import HostState, container_line, image_line, make_image

ONE_LINE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), max_size=60)


@given(ONE_LINE)
def test_any_value_arrives(value: str) -> None:
    facts = parse_facts([
        "schema=1", f"user={value}", f"docker.error={value}", f"identity.database={value}",
        f"candidate.docker.io={value}", f"active_facts=HTTP_PORT={value}", f"volume={value}",
    ])  # fmt: skip
    assert (facts.user, facts.engine.error) == (value, value)
    assert facts.identity == {"database": value}
    assert facts.engine.candidates == {"docker.io": value}
    assert facts.active_facts == {"HTTP_PORT": value}
    assert facts.volumes == {value}


def test_a_host_that_says_nothing_has_nothing() -> None:
    facts = parse_facts(["schema=1"])
    assert (facts.user, facts.clock, facts.missing_tools, facts.lock) == ("", None, (), "free")
    assert (facts.served_slot, facts.active, facts.unfinished) == ("none", None, "")
    flags = (facts.is_administrator, facts.is_locked, facts.is_path_there)
    assert flags == (False, False, False)
    assert (facts.engine.version, facts.engine.is_installed, facts.engine.is_user_in_group) == ("", False, False)


def test_plain_facts_are_typed() -> None:
    facts = HostState().but(clock="1700000000", tools_missing="flock setsid", docker_rootless="yes").facts()
    assert (facts.clock, facts.missing_tools) == (1_700_000_000, ("flock", "setsid"))
    assert facts.engine.is_rootless
    assert facts.engine.is_installed
    assert (facts.engine.version, facts.engine.compose, facts.engine.store) == ("26.1.5", "2.40.3", "overlay2")
    assert not facts.is_path_there


@pytest.mark.parametrize(("privilege", "may"), [("root", True), ("sudo", True), ("docker", False), ("none", False)])
def test_an_administrator_is_root_by_itself_or_by_sudo(privilege: str, may: bool) -> None:
    assert HostState().but(privilege=privilege).facts().is_administrator == may


def test_an_activation_at_work_is_not_an_unfinished_one() -> None:
    state = HostState(values={"journal.phase": "migrated"})
    assert state.facts().unfinished == "migrated"
    working = state.but(lock="held operator=anna@laptop").facts()
    assert working.is_locked
    assert working.unfinished == ""


@pytest.mark.parametrize("lines", [[], ["schema=2"], ["schema="], ["user=deployer"]])
def test_another_schema_is_refused(lines: list[str]) -> None:
    with pytest.raises(HostFailed, match="schema") as caught:
        parse_facts(lines)
    assert "newest version" in caught.value.remedy


def test_lines_that_are_no_facts_are_passed_over() -> None:
    assert parse_facts(["Welcome!", "", "schema=1", "user=a"]).user == "a"


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
        ("docker / 1000 2000", Disk("/", 1000, 2000, ("docker",))), ("log / 1000 0", Disk("/", 1000, 0, ("log",))),
        ("docker,log /mnt/a disk 1000 -", Disk("/mnt/a disk", 1000, None, ("docker", "log"))),
    ],
)  # fmt: skip
def test_disks(line: str, disk: Disk) -> None:
    assert HostState().having(f"disk={line}").facts().disks == (disk,)


@pytest.mark.parametrize(
    ("line", "port"),
    [
        ("80 free", Port(80, "free", "")), ("443 own", Port(443, "own", "")), ("80 taken", Port(80, "taken", "")),
        ("80 taken nginx (pid 812)", Port(80, "taken", "nginx (pid 812)")),
    ],
)  # fmt: skip
def test_ports(line: str, port: Port) -> None:
    assert HostState().having(f"port={line}").facts().ports == (port,)
