"""What doctor says of a host, each failing line with its remedy."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tasks.core.checks import Check, host_checks
from tasks.core.releases import release_files
from tasks.core.requirements import missing_requirements
from tests.steps.samples import HostState, make_build, make_settings, serving

ROOT = Path(__file__).resolve().parents[2]
NOW = 1_795_000_000.0
DAEMON = "/etc/docker/daemon.json"
UNFIT = f"unable to configure the Docker daemon with file {DAEMON}: invalid character"


def checked(place: Path, state: HostState) -> dict[str, Check]:
    state = state.but(**({} if "clock" in state.values else {"clock": str(int(NOW))}))
    checks = list(host_checks(state.facts(), make_settings(place), now=NOW))
    assert len({check.name for check in checks}) == len(checks), "two lines have the same name"
    return {check.name: check for check in checks}


def failing(place: Path, state: HostState) -> list[Check]:
    return [check for check in checked(place, state).values() if check.passed is False]


def test_a_sound_host_passes_every_line(tmp_path: Path) -> None:
    found = checked(tmp_path, HostState())
    assert [check for check in found.values() if not check.passed] == []
    assert set(found) >= {"operating system", "privilege", "tools", "docker", "compose", "clock", "lock", "activation"}
    assert found["operating system"].found == "Debian GNU/Linux 12 (bookworm)"


def test_an_account_with_the_backend_s_number_fails_and_its_remedy_is_what_can_still_be_changed(tmp_path: Path) -> None:
    """Turned red by: no shared_number among the checks; of before, `ready to deploy`."""
    state = HostState().but(account="ann", account_free="2003")
    (first,) = failing(tmp_path, state)
    assert first.name == "API_USER_UID"
    assert first.found.startswith("1001 (API_USER_UID), which the backend runs as, is the number of the account ann: ")
    assert first.remedy.startswith("set API_USER_UID=2003, which nobody has there; it cannot change after ")
    assert "; or usermod -u 2003 ann " in first.remedy
    (later,) = failing(tmp_path, state.having("identity.uid=1001"))
    assert later.remedy.startswith("give the account another: usermod -u 2003 ann (on the host, as root")


@pytest.mark.parametrize(
    ("changes", "name", "found", "remedy"),
    [
        ({"privilege": "none", "privilege.next": "log in as dock"}, "privilege", "deployer is neither root",
         "allow it: log in as dock"),
        ({"tools.missing": "flock timeout"}, "tools", "flock timeout", "install: flock timeout"),
        ({"privilege": "docker", "docker.version": "", "docker.installed": "no", "privilege.next": "ask ann"}, "docker",
         "not installed", "allow it: ask ann"),
        ({"privilege": "docker", "docker.version": "", "docker.error": "no daemon"}, "docker", "no daemon",
         "systemctl"),
        ({"privilege": "docker", "docker.version": "", "docker.error": "permission denied",
          "privilege.next": "ask ann"}, "docker", "deployer may not speak to Docker: permission denied",
         "allow it: ask ann"),
        ({"docker.version": "", "docker.error": UNFIT}, "docker", f"Docker does not start: {UNFIT}",
         f"mend {DAEMON} on the host"),
        ({"docker.version": "19.03.1"}, "docker", "Docker 19.03.1 found, 20.10.10 required", "upgrade Docker"),
        ({"docker.rootless": "yes"}, "docker", "rootless", "system-wide"),
        ({"compose.version": "", "compose.v1": "1.29.2"}, "compose", "1.29.2 found, 2.20.0 required", "plugin"),
        ({"compose.version": "2.19.9"}, "compose", "2.19.9 found, 2.20.0 required", "upgrade the Compose plugin"),
        ({"path.obstacle": "/x/lock belongs to root", "path.next": "sudo chown x"}, "deployment path",
         "/x/lock belongs to root", "sudo chown x"),
        ({"path.unreadable": "dock may not read /x", "path.next": "log in as ann"}, "deployment path",
         "dock may not read /x", "log in as ann"),
        ({"clock": str(int(NOW) - 3600)}, "clock", "3600 s", "set-ntp"),
        ({"lock": "held anna@laptop deploy since 12:00"}, "lock", "anna@laptop", "wait"),
        ({"journal.phase": "slot-up"}, "activation", "cut off at slot-up", "the next deploy or up"),
    ],
)  # fmt: skip
def test_a_line_that_fails(tmp_path: Path, changes: Mapping[str, str], name: str, found: str, remedy: str) -> None:
    state = HostState(values=changes)
    (check,) = failing(tmp_path, state)
    assert check.name == name
    assert found in check.found
    assert remedy in check.remedy
    assert str(check).startswith("FAIL")
    assert f"do: {check.remedy}" in str(check)


def test_what_a_user_without_a_right_cannot_see_is_not_called_wrong(tmp_path: Path) -> None:
    """One fault, one remedy: Docker is not to be started, and a port that our own edge may hold is no stranger's.

    Turned red by: no Check with `passed` None in _engine or _ports; `unknown` taken for `taken`.
    """
    state = HostState().but(
        privilege="none", docker_version="", docker_error="permission denied", privilege_next="log in as dock"
    )
    found = checked(tmp_path, state.having("port=80 unknown"))
    assert {name: check.passed for name, check in found.items() if not check.passed} == {
        "privilege": False, "docker": None, "port 80": None,
    }  # fmt: skip
    assert not any("systemctl start" in str(check) for check in found.values())
    assert str(found["port 80"]).startswith("?    port 80            in use; by whom, deployer may not see")


def test_another_application_of_ours_is_not_to_be_stopped_for_this_one(tmp_path: Path) -> None:
    """Turned red by: taken_port without is_ours."""
    check = checked(tmp_path, HostState().having("port=80 taken the application guestbook"))["port 80"]
    assert check.found == "port 80 is taken by the application guestbook"
    assert check.remedy == "set HTTP_PORT to a free port for this one"


def test_what_cannot_stay_is_a_line_with_the_way(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    state = serving(release_files(ROOT, settings, make_build())).having("fault=edge it has lost its network")
    (check,) = failing(tmp_path, state)
    assert (check.name, check.found) == ("edge", "it has lost its network")
    assert "up puts it right" in check.remedy
    assert failing(tmp_path, HostState()) == [], "what has never been there is no fault"


def test_an_unsupported_system_lists_the_supported(tmp_path: Path) -> None:
    (check,) = failing(tmp_path, HostState(os_release=("ID=plan9",)))
    assert check.name == "operating system"
    assert check.found.endswith(": ID=plan9")
    assert "Amazon Linux" in check.remedy
    (check,) = failing(tmp_path, HostState(os_release=()))
    assert check.found.endswith(": no os-release file")


@pytest.mark.parametrize(
    ("line", "passes"),
    [
        ("docker / 40000000 2000000", True), ("docker / 1000000 2000000", False), ("docker / 40000000 100", False),
        ("docker / 40000000 0", False), ("docker / 40000000 -", True),
        ("log / 1000000 -", True), ("log / 1000 -", False),
    ],
)  # fmt: skip
def test_disks(tmp_path: Path, line: str, passes: bool) -> None:
    checks = failing(tmp_path, HostState().having(f"disk={line}"))
    assert [check.name.startswith("disk") for check in checks] == ([] if passes else [True])


@pytest.mark.parametrize(("line", "passes"), [("80 free", True), ("80 own", True), ("80 taken nginx", False)])
def test_ports(tmp_path: Path, line: str, passes: bool) -> None:
    check = checked(tmp_path, HostState().having(f"port={line}"))["port 80"]
    assert check.passed == passes
    assert ("nginx" in check.found) != passes


def test_an_activation_at_work_is_not_one_cut_off(tmp_path: Path) -> None:
    state = HostState(values={"journal.phase": "migrated", "lock": "held anna@laptop deploy"})
    assert [check.name for check in failing(tmp_path, state)] == ["lock"]


def test_two_disks_are_two_lines(tmp_path: Path) -> None:
    checks = list(
        host_checks(
            HostState().having("disk=docker / 9000000 -", "disk=log /srv 1 -").facts(), make_settings(tmp_path), now=NOW
        )
    )
    assert [check.passed for check in checks if check.name.startswith("disk")] == [True, False]


@pytest.mark.parametrize("name", ["docker", "compose"])
def test_what_deploy_will_install_passes_and_names_the_task_for_it(tmp_path: Path, name: str) -> None:
    state = HostState().but(docker_version="", docker_installed="no", compose_version="")
    line = next(
        check
        for check in host_checks(state.facts(), make_settings(tmp_path), now=NOW, target="anna@web1:2222")
        if check.name == name
    )
    assert line.passed
    assert "will be installed" in line.found
    assert "fab -H anna@web1:2222 install-docker" in line.found


@pytest.mark.parametrize(
    "changes",
    [
        {"privilege": "none"}, {"docker.version": "19.03.1"}, {"docker.rootless": "yes"}, {"compose.version": "2.1"},
        {"docker.version": "", "docker.error": "no daemon", "privilege": "docker"},
    ],
)  # fmt: skip
def test_doctor_and_a_deployment_say_the_same(tmp_path: Path, changes: Mapping[str, str]) -> None:
    settings, facts = make_settings(tmp_path), HostState(values=changes).having("port=80 taken nginx").facts()
    lines = {(check.found, check.remedy) for check in host_checks(facts, settings, now=NOW) if not check.passed}
    assert lines >= {(unmet.what, unmet.remedy) for unmet in missing_requirements(facts, settings)}
