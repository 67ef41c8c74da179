"""Which packages a host gets, from where, and which hosts are refused, over systems, versions and what is there."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.installation import DOCKER_KEY, Installation, needed_installation
from tasks.core.os_release import SUPPORTED
from tasks.core.packages import DISTRIBUTIONS, Distribution, upstream
from tasks.core.requirements import UnmetRequirement, is_older, missing_requirements, version_numbers
from tasks.core.settings import Settings
from tests.steps.samples import HostState, make_settings

QUOTES = st.sampled_from(["{}", '"{}"', "'{}'"])
BARE = {"docker.version": "", "docker.installed": "no", "docker.error": "docker: not installed", "compose.version": ""}
VERSIONS = st.builds("{}.{}.{}".format, st.integers(1, 30), st.integers(0, 50), st.integers(0, 30))


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_settings(tmp_path_factory.mktemp("settings"))


def bare(*os_release: str, **values: str) -> HostState:
    return HostState(values=BARE, os_release=os_release).but(**values)


def decided(state: HostState, wanted: Settings) -> Installation | UnmetRequirement | None:
    return needed_installation(state.facts(), wanted)


def installation(state: HostState, wanted: Settings) -> Installation:
    found = decided(state, wanted)
    assert isinstance(found, Installation), found
    return found


def fault(state: HostState, wanted: Settings) -> UnmetRequirement:
    found = decided(state, wanted)
    assert isinstance(found, UnmetRequirement), found
    return found


NEW_DEBIAN = "docker.io docker-cli iptables ca-certificates docker-compose"
UBUNTU = "docker.io iptables ca-certificates docker-compose-v2"
DOCKERS_OWN = "docker-ce docker-ce-cli containerd.io docker-compose-plugin"
# ID, VERSION_ID, codename line, ID_LIKE → the packages that matter
SYSTEMS = [
    ("debian", "13", "VERSION_CODENAME=trixie", "", NEW_DEBIAN),
    ("debian", "14", "VERSION_CODENAME=forky", "", NEW_DEBIAN),
    ("debian", "16", "VERSION_CODENAME=notyet", "", NEW_DEBIAN),
    ("debian", "12", "VERSION_CODENAME=bookworm", "", DOCKERS_OWN),
    ("debian", "11", "VERSION_CODENAME=bullseye", "", DOCKERS_OWN),
    ("raspbian", "12", "VERSION_CODENAME=bookworm", "debian", DOCKERS_OWN),
    ("ubuntu", "24.04", "UBUNTU_CODENAME=noble", "debian", UBUNTU),
    ("ubuntu", "22.04", "VERSION_CODENAME=jammy", "debian", UBUNTU),
    ("ubuntu", "20.04", "VERSION_CODENAME=focal", "debian", UBUNTU),
    ("ubuntu", "28.04", "VERSION_CODENAME=notyet", "debian", UBUNTU),
    ("linuxmint", "22", "UBUNTU_CODENAME=noble", "ubuntu debian", UBUNTU),
    ("linuxmint", "6", "DEBIAN_CODENAME=bookworm", "debian", DOCKERS_OWN),
    ("debian", "13.1", "", "", NEW_DEBIAN),
    ("debian", "12", "", "", DOCKERS_OWN),
]  # fmt: skip


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: f"{system[0]}-{system[1]}")
def test_packages_of_a_bare_host(system: tuple[str, ...], wanted: Settings) -> None:
    name, version, codename, like, packages = system
    found = installation(bare(f"ID={name}", f"VERSION_ID={version}", codename, f'ID_LIKE="{like}"'), wanted)
    assert " ".join(found.packages) == packages
    assert found.parts == ("engine", "compose")
    assert bool(found.repository) == ("docker-ce" in packages)
    parameters = found.parameters()
    assert parameters["PACKAGE_MANAGER"] == "apt-get"
    assert parameters["PACKAGES"] == packages
    assert packages in parameters["BY_HAND"]
    if found.repository:
        url, suite, component = found.repository.split()
        assert (url, component) == ("https://download.docker.com/linux/debian", "stable")
        assert suite in ("bookworm", "bullseye")


OTHERS = [
    ("rocky", "9.4", "dnf"), ("fedora", "41", "dnf"), ("amzn", "2023", "dnf"), ("amzn", "2", "yum"),
    ("centos", "7", "yum"), ("sles", "15.6", "zypper"), ("alpine", "3.20", "apk"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "version", "manager"), OTHERS)
def test_other_package_managers_are_named_with_what_to_type(
    name: str, version: str, manager: str, wanted: Settings
) -> None:
    found = fault(bare(f"ID={name}", f"VERSION_ID={version}"), wanted)
    assert "by hand for now" in found.what
    assert f"{manager} " in found.remedy


@pytest.mark.parametrize("text", [("ID=arch",), ()])
def test_an_unsupported_system_is_named_with_every_supported_one(text: tuple[str, ...], wanted: Settings) -> None:
    found = fault(bare(*text), wanted)
    assert (text[0] if text else "no os-release file") in found.what
    assert all(name in found.remedy for name in SUPPORTED)


@pytest.mark.parametrize(
    ("name", "version", "codename"),
    [("debian", "10", "buster"), ("ubuntu", "18.04", "bionic"), ("linuxmint", "19.3", "bionic"), ("debian", "9", "")],
)
def test_a_release_that_is_too_old(name: str, version: str, codename: str, wanted: Settings) -> None:
    lines = [f"ID={name}", f"VERSION_ID={version}", "ID_LIKE='ubuntu debian'"]
    lines += [f"VERSION_CODENAME={codename}"] if codename else []
    found = fault(bare(*lines), wanted)
    assert "too old" in found.what
    assert "Debian 11 or Ubuntu 20.04" in found.remedy


THERE = {"docker_version": "26.1.5", "docker_installed": "yes"}
TRIXIE = ("ID=debian", "VERSION_ID=13", "VERSION_CODENAME=trixie")


def test_what_plan_says(wanted: Settings) -> None:
    assert installation(bare(*TRIXIE), wanted).lines == (
        "docker: will be installed (docker.io 26.1.5 by apt-get)",
        "compose: will be installed (docker-compose 2.26.1 by apt-get)",
    )
    known = bare(*TRIXIE).having("candidate.docker.io=26.1.9+dfsg1-9+deb13u1", "candidate.docker-compose=2.30.0-4")
    assert installation(known, wanted).lines[0] == "docker: will be installed (docker.io 26.1.9 by apt-get)"
    bookworm = installation(bare("ID=debian", "VERSION_ID=12"), wanted)
    assert bookworm.lines[0] == "docker: will be installed (docker-ce from Docker's own repository by apt-get)"


def test_a_minimum_that_the_distribution_does_not_have_comes_from_docker(tmp_path: Path) -> None:
    wanted = make_settings(tmp_path, MIN_COMPOSE_VERSION="2.30.0")
    found = installation(bare(*TRIXIE), wanted)
    assert found.packages == ("docker-ce", "docker-ce-cli", "containerd.io", "docker-compose-plugin")
    assert found.repository.endswith("/debian trixie stable")


@pytest.mark.parametrize(
    ("values", "packages", "parts"),
    [
        ({**THERE, "docker_package": "docker.io"}, "docker-compose", "compose"),
        ({**THERE, "docker_package": "docker-ce"}, "docker-compose-plugin", "compose"),
        ({"compose_version": "2.40.3"}, "docker.io docker-cli iptables ca-certificates", "engine"),
        ({"docker_installed": "yes", "compose_version": "2.40.3"}, "", "engine"),
        ({"docker_installed": "yes"}, "docker-compose", "compose engine"),
    ],
)  # fmt: skip
def test_only_what_is_missing(values: dict[str, str], packages: str, parts: str, wanted: Settings) -> None:
    found = installation(bare(*TRIXIE, **values), wanted)
    assert (" ".join(found.packages), " ".join(found.parts)) == (packages, parts)
    assert ("docker: is installed and will be started" in found.lines) == (
        values.get("docker_installed") == "yes" and "docker_version" not in values
    )


def test_nothing_is_decided_where_nothing_is_missing(wanted: Settings) -> None:
    assert decided(HostState(), wanted) is None
    # too old, or silent for one who may not speak to it: for the requirements to say, not for us to replace
    assert decided(HostState().but(docker_version="19.3.0"), wanted) is None
    assert decided(HostState().but(compose_version="", compose_v1="1.29.2"), wanted) is None
    silent = {"docker_version": "", "docker_installed": "yes", "privilege": "none"}
    assert decided(HostState().but(**silent), wanted) is None


@pytest.mark.parametrize(
    ("unfinished", "packages", "parts"),
    [
        ("docker.io man-db", "docker.io docker-cli iptables ca-certificates", "engine"),
        ("containerd", "docker.io docker-cli iptables ca-certificates", "engine"),
        ("docker-compose", "docker-compose", "compose"),
        ("docker-compose docker.io", NEW_DEBIAN, "engine compose"),
    ],
)
@pytest.mark.parametrize("version", ["", "26.1.5"])
def test_what_was_installed_half_way_is_finished_whatever_answers(
    unfinished: str, packages: str, parts: str, version: str, wanted: Settings
) -> None:
    state = HostState(os_release=TRIXIE).but(docker_version=version, packages_unfinished=unfinished)
    if parts == "compose" and not version:
        parts = "compose engine"
    found = installation(state, wanted)
    assert (" ".join(found.packages), " ".join(found.parts)) == (packages, parts)
    assert f"was installed half way ({unfinished.split(maxsplit=1)[0]}" in " ".join(found.lines)


def test_other_packages_that_were_cut_off_are_not_ours_to_finish(wanted: Settings) -> None:
    assert decided(HostState(os_release=TRIXIE).but(packages_unfinished="man-db nginx"), wanted) is None
    working = HostState(os_release=TRIXIE).but(packages_unfinished="docker.io", privilege="docker")
    assert decided(working, wanted) is None, "who cannot finish it uses the engine that answers"
    silent = working.but(docker_version="")
    assert "only half installed" in fault(silent, wanted).what


@pytest.mark.parametrize("privilege", ["none", "docker"])
def test_who_may_not_install_is_told_how_to_be_allowed(privilege: str, wanted: Settings) -> None:
    found = fault(bare(*TRIXIE, privilege=privilege, privilege_next="ask ann"), wanted)
    assert "deployer may not install it" in found.what
    assert found.remedy == "allow it: ask ann"


def test_the_key_is_forty_hexadecimal_digits() -> None:
    assert len(DOCKER_KEY) == 40
    assert set(DOCKER_KEY) <= set("0123456789ABCDEF")


@pytest.mark.parametrize(
    ("debian", "program"),
    [("26.1.5+dfsg1-9+deb13u1+b1", "26.1.5"), ("5:29.1.3-1~debian.12~bookworm", "29.1.3"), ("2.26.1-4", "2.26.1"),
     ("29.1.3-0ubuntu3~24.04.2", "29.1.3"), ("2.40.3+ds1-0ubuntu1", "2.40.3")],
)  # fmt: skip
def test_upstream_versions(debian: str, program: str) -> None:
    assert upstream(debian) == program


@settings(max_examples=300)
@given(
    release=st.sampled_from(DISTRIBUTIONS),
    quote=QUOTES,
    end=st.sampled_from(["", "\r"]),
    order=st.randoms(use_true_random=False),
    has_engine=st.booleans(),
    has_compose=st.booleans(),
    offered=st.tuples(VERSIONS, VERSIONS) | st.none(),
    privilege=st.sampled_from(["root", "sudo", "docker", "none"]),
)
def test_both_are_checked_and_what_is_missing_comes_by_the_right_manager(
    *,
    wanted: Settings,
    release: Distribution,
    quote: str,
    end: str,
    order: object,
    has_engine: bool,
    has_compose: bool,
    offered: tuple[str, str] | None,
    privilege: str,
) -> None:
    # Feature: production-deployment-system, Property 20: Dependency verification and installation
    lines = [
        f"ID={quote.format(release.family)}{end}", f"VERSION_ID={quote.format(release.number)}{end}",
        f"VERSION_CODENAME={quote.format(release.codename)}{end}", f"# a comment{end}",
    ]  # fmt: skip
    order.shuffle(lines)  # type: ignore[attr-defined]
    state = bare(*lines, privilege=privilege)
    if has_engine:
        state = state.but(docker_version="26.1.5", docker_installed="yes", docker_package="docker.io")
    if has_compose:
        state = state.but(compose_version="2.40.3")
    if offered:
        state = state.but(
            **{f"candidate_{release.engine[0]}": offered[0], f"candidate_{release.compose[0]}": offered[1]}
        )
    found = decided(state, wanted)
    if has_engine and has_compose:
        assert found is None
        return
    if privilege not in ("root", "sudo"):
        assert isinstance(found, UnmetRequirement)
        return
    assert isinstance(found, Installation)
    assert found.manager == "apt-get"
    assert found.parts == tuple(part for part, there in (("engine", has_engine), ("compose", has_compose)) if not there)
    engine, compose = offered or (release.engine_version, release.compose_version)
    enough = (has_engine or not is_older(engine, wanted.min_docker_version)) and (
        has_compose or not is_older(compose, wanted.min_compose_version)
    )
    assert (found.repository == "") == enough
    expected = () if has_engine else release.engine if enough else ("docker-ce", "docker-ce-cli", "containerd.io")
    expected += () if has_compose else release.compose if enough else ("docker-compose-plugin",)
    assert found.packages == expected
    assert len(found.lines) == len(found.parts)


NUMBERS = st.lists(st.integers(0, 60), min_size=1, max_size=4)
SPELLINGS = (
    "{}",
    "v{}",
    "{}+dfsg1",
    "{}-ce",
    "{}-0ubuntu3~24.04.2",
    "v{}-desktop.2",
    "{}+ds1-0ubuntu1",
    "{}-4",
    "{}~rc1",
)


@settings(max_examples=300)
@given(
    engine=NUMBERS, compose=NUMBERS, least_engine=NUMBERS, least_compose=NUMBERS, spelling=st.sampled_from(SPELLINGS)
)
def test_a_version_below_the_minimum_is_reported_as_found_against_required(
    *,
    wanted: Settings,
    engine: list[int],
    compose: list[int],
    least_engine: list[int],
    least_compose: list[int],
    spelling: str,
) -> None:
    # Feature: production-deployment-system, Property 22: Version requirement
    written = [spelling.format(".".join(map(str, numbers))) for numbers in (engine, compose)]
    least = [".".join(map(str, numbers)) for numbers in (least_engine, least_compose)]
    asked = wanted.model_copy(update={"min_docker_version": least[0], "min_compose_version": least[1]})
    facts = HostState().but(docker_version=written[0], compose_version=written[1]).facts()
    assert needed_installation(facts, asked) is None, "what is there is never replaced"
    said = [each.what for each in missing_requirements(facts, asked)]
    expected = [
        f"{name} {found} found, {required} required"
        for name, found, required in zip(("Docker", "Docker Compose"), written, least, strict=True)
        if version_numbers(found) < version_numbers(required)
    ]
    assert said == expected
