"""Versions, and what a host must have before anything is sent to it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.requirements import is_older, missing_requirements, version_numbers
from tests.steps.samples import HostState, make_settings

NUMBERS = st.lists(st.integers(0, 99), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("26.1.5", (26, 1, 5)), ("v2.27.0-desktop.2", (2, 27, 0)), ("20.10.24+dfsg1", (20, 10, 24)), ("2.20", (2, 20)),
        ("28.0.0-rc.1", (28, 0, 0)), (" 1.29.2\n", (1, 29, 2)), ("v2", (2,)), ("", ()), ("unknown", ()), ("dev", ()),
        ("17.03.2-ce", (17, 3, 2)), ("26.1.5~debian", (26, 1, 5)),
    ],
)  # fmt: skip
def test_version_numbers(text: str, numbers: tuple[int, ...]) -> None:
    assert version_numbers(text) == numbers


@given(NUMBERS, NUMBERS, st.sampled_from(["", "v"]), st.sampled_from(["", "-ce", "+dfsg1", "~rc1", "-desktop.2"]))
def test_versions_compare_by_number(one: list[int], other: list[int], prefix: str, suffix: str) -> None:
    found, required = (".".join(map(str, numbers)) for numbers in (one, other))
    assert is_older(prefix + found + suffix, required) == (one < other)


@pytest.mark.parametrize("found", ["", "unknown", "dev"])
def test_a_version_that_cannot_be_read_counts_as_older(found: str) -> None:
    assert is_older(found, "0.1")


@pytest.mark.parametrize(
    ("changes", "what", "remedy"),
    [
        ({"privilege": "none", "privilege_next": "log in as dock"}, "deployer is neither root",
         "allow it: log in as dock"),
        ({"docker_version": "", "docker_installed": "no"}, "docker is not installed", "fab -H HOST install-docker"),
        ({"docker_version": "", "docker_error": "no daemon"}, "no daemon", "systemctl start docker"),
        ({"docker_version": "", "docker_error": "permission denied", "privilege_next": "ask ann"}, "permission denied",
         "allow it: ask ann"),
        ({"docker_rootless": "yes"}, "rootless", "system-wide"),
        ({"docker_version": "20.10.9"}, "Docker 20.10.9 found, 20.10.10 required", "upgrade Docker"),
        ({"compose_version": ""}, "Docker Compose v2 is not installed, 2.20.0 required", "Compose plugin"),
        ({"compose_version": "2.19.1"}, "Docker Compose 2.19.1 found, 2.20.0 required", "Compose plugin"),
    ],
)  # fmt: skip
def test_what_is_missing(tmp_path: Path, changes: dict[str, str], what: str, remedy: str) -> None:
    (fault,) = missing_requirements(HostState().but(**changes).facts(), make_settings(tmp_path))
    assert what in fault.what
    assert remedy in fault.remedy


@pytest.mark.parametrize("line", ["port=80 taken nginx (pid 812)", "port=80 taken"])
def test_a_stranger_s_port(tmp_path: Path, line: str) -> None:
    (fault,) = missing_requirements(HostState().having(line).facts(), make_settings(tmp_path))
    assert "port 80 is taken by" in fault.what
    assert line.removeprefix("port=80 taken").strip() in fault.what
    assert "HTTP_PORT" in fault.remedy


def test_all_faults_at_once_most_basic_first(tmp_path: Path) -> None:
    state = HostState().but(docker_version="19.3", compose_version="1.29.2").having("port=80 taken x")
    faults = missing_requirements(state.facts(), make_settings(tmp_path))
    assert [fault.what.split()[0] for fault in faults] == ["Docker", "Docker", "port"]
    assert [fault.unsupported for fault in faults] == [True, True, False]


def test_who_may_nothing_is_told_that_alone(tmp_path: Path) -> None:
    state = (
        HostState().but(privilege="none", docker_version="", docker_error="permission denied").having("port=80 taken")
    )
    (fault,) = missing_requirements(state.facts(), make_settings(tmp_path))
    assert fault.what.startswith("deployer is neither root")
    assert not fault.unsupported


@pytest.mark.parametrize(
    "changes", [{}, {"privilege": "root"}, {"privilege": "docker"}, {"docker_version": "20.10.10"}]
)
def test_a_sound_host(tmp_path: Path, changes: dict[str, str]) -> None:
    state = HostState().but(**changes)
    assert missing_requirements(state.facts(), make_settings(tmp_path)) == ()
    assert missing_requirements(state.having("port=80 own").facts(), make_settings(tmp_path)) == ()
