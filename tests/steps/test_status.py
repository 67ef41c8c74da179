"""`status` and `verify`: what a host serves, and how well."""

import pytest

from tasks.core.errors import HostFailed, HostNotReady, NothingDeployed
from tasks.core.protocols import Answer
from tasks.deployment import deploy, plan
from tasks.status import status, verify
from tests.steps.conftest import World, told
from tests.steps.samples import HostState, container_line, identity_lines, release_line, serving

OLD, NEW = "20260101T000000Z-abc1234", "20260102T000000Z-def5678"


# --- verify ---

HEALTHY = Answer(0, ("check=backend healthy healthy", "check=port healthy http://127.0.0.1:80/health answers"))


def test_verify_shows_each_check(world: World) -> None:
    world.answers(verify=HEALTHY)
    outcome = verify(world.host, world.work)
    assert world.host.transcript == ["verify"]
    assert world.console.said == [
        "  backend healthy healthy", "  port healthy http://127.0.0.1:80/health answers",
    ]  # fmt: skip
    assert (outcome.changed, outcome.exit_code, outcome.summary) == (False, 0, "web1: verified")


def test_verify_fails_with_one_sick_service_and_changes_nothing(world: World) -> None:
    world.answers(verify=Answer(1, ("check=edge healthy healthy", "check=backend unhealthy its container is exited")))
    outcome = verify(world.host, world.work)
    assert (outcome.changed, outcome.exit_code, outcome.summary) == (False, 1, "web1: not healthy: backend")
    assert "fab -H deployer@web1:2222 logs" in outcome.remedy
    assert "  backend unhealthy its container is exited" in world.console.said
    assert world.host.transcript == ["verify"]


def test_verify_of_an_answer_without_checks_is_no_success(world: World) -> None:
    world.answers(verify=Answer(0, (), ("something else",)))
    with pytest.raises(HostFailed, match="nothing to verify"):
        verify(world.host, world.work)


def test_verify_where_the_engine_is_silent(world: World) -> None:
    world.answers(verify=Answer(1, ("check=engine unhealthy Cannot connect",)))
    outcome = verify(world.host, world.work)
    assert (outcome.exit_code, outcome.remedy) == (1, "fab -H deployer@web1:2222 doctor says what to do")


@pytest.mark.parametrize("state", ["nothing deployed", "no docker"])
def test_verify_of_an_empty_host_says_so(world: World, state: str) -> None:
    world.answers(verify=Answer(1, ("check=active unhealthy nothing is deployed here",), (state,)))
    with pytest.raises(NothingDeployed, match="web1 has nothing to verify") as caught:
        verify(world.host, world.work)
    assert caught.value.exit_code == 1
    assert "fab -H deployer@web1:2222 deploy" in caught.value.remedy


# --- status ---


def test_status_shows_releases_and_containers(world: World) -> None:
    state = serving(world.files(), OLD).having(release_line(NEW, "failed"), container_line("backend", "green"))
    world.answers(facts=told(state.but(lock="held operator=anna@laptop")))
    outcome = status(world.host, world.work)
    assert world.host.transcript == ["facts"]
    assert outcome.summary == f"web1: {OLD} serves from slot blue"
    assert [line.split()[:4] for line in world.console.said[:4]] == [
        ["database", "platform", "running", "healthy"], ["edge", "platform", "running", "healthy"],
        ["backend", "blue", "running", "healthy"], ["frontend", "blue", "running", "healthy"],
    ]  # fmt: skip
    assert world.console.said[4:] == [
        f"  release {OLD}  active", f"  release {NEW}  failed", "  lock: held operator=anna@laptop",
    ]  # fmt: skip
    assert outcome.data is not None
    assert (outcome.data["active"], outcome.data["slot"]) == (OLD, "blue")
    assert world.is_secret_kept(outcome)


def test_status_of_a_new_host(world: World) -> None:
    world.answers(facts=told(HostState()))
    outcome = status(world.host, world.work)
    assert (outcome.summary, outcome.remedy) == ("web1: nothing deployed yet", "fab -H deployer@web1:2222 deploy")
    assert outcome.data == {
        "active": None, "slot": "none", "previous": "", "releases": [], "containers": [],
        "deployment": None, "maintenance": None, "certificate": None, "next": "fab -H deployer@web1:2222 deploy",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("releases", "identity", "remedy"),
    [
        ([(OLD, "retired"), (NEW, "failed")], True, f"up brings {OLD} back"),
        ([(OLD, "retired"), (NEW, "retired")], False, "deploy"),
        ([(NEW, "failed")], True, f"logs --service deploy shows why {NEW} failed; mend it, then fab -H"),
        ([(NEW, "pending")], False, f"up brings {NEW} up"),
    ],
)
def test_status_lists_what_is_kept_when_nothing_serves(
    world: World, releases: list[tuple[str, str]], identity: bool, remedy: str
) -> None:
    """Without an identity the data is gone, as after `down --volumes`: nothing is to be brought back.

    Turned red by: _way_up without is_data_gone (tasks/core/status.py).
    """
    state = HostState().having(*(release_line(*each) for each in releases), container_line("edge", "platform"))
    world.answers(facts=told(state.having(*identity_lines(world.settings)) if identity else state))
    outcome = status(world.host, world.work)
    kept = "1 release" if len(releases) == 1 else "2 releases"
    assert outcome.summary == f"web1: nothing serves, {kept} kept"
    assert outcome.remedy.startswith(f"fab -H deployer@web1:2222 {remedy}")
    assert world.console.said[0].split()[:4] == ["edge", "platform", "running", "healthy"]
    assert world.console.said[1:] == [f"  release {name}  {each}" for name, each in releases]


def test_a_container_that_was_started_a_moment_ago_is_not_called_starting(world: World) -> None:
    state = serving(world.files(), OLD).without('container={"service": "backend"')
    world.answers(facts=told(state.having(container_line("backend", "blue", release=OLD, health="starting"))))
    outcome = status(world.host, world.work)
    text = "\n".join(world.console.said)
    assert "starting" not in text
    assert f"backend   blue      running    unchecked  {OLD}" in text
    assert "fab -H deployer@web1:2222 verify asks now" in text
    assert (outcome.summary, outcome.remedy) == (f"web1: {OLD} serves from slot blue", "")
    assert outcome.data is not None
    assert "'health': 'starting'" in str(outcome.data["containers"]), "a program gets Docker's own word"


def test_status_names_what_is_not_healthy(world: World) -> None:
    world.answers(facts=told(serving(world.files(), OLD).without('container={"service": "backend"')))
    outcome = status(world.host, world.work)
    assert outcome.summary == f"web1: {OLD} serves from slot blue, not healthy: backend"
    assert "fab -H deployer@web1:2222 up" in outcome.remedy


def test_status_says_what_cannot_stay_and_why_the_data_is_not_there(world: World) -> None:
    state = serving(world.files(), OLD)
    state = state.having("fault=edge it has lost its network", "fault=database it ends over and over")
    world.answers(facts=told(state.having("database.fault=another cluster is there", "database.next=bring it back")))
    outcome = status(world.host, world.work)
    assert "  edge: it has lost its network" in world.console.said
    said = [line for line in world.console.said if line.startswith("  database: ")]
    assert said == ["  database: another cluster is there"]
    assert outcome.summary == f"web1: {OLD} serves from slot blue, not healthy: database, edge"


@pytest.mark.parametrize(("error", "why"), [("Cannot connect", "Cannot connect"), ("", "it is not installed")])
def test_status_without_an_engine_does_not_say_that_nothing_runs(world: World, error: str, why: str) -> None:
    state = serving(world.files(), OLD).without("container=").but(docker_version="", docker_error=error)
    world.answers(facts=told(state))
    outcome = status(world.host, world.work)
    assert f"  docker does not answer ({why}): containers are not shown" in world.console.said
    assert outcome.summary == f"web1: docker does not answer: whether {OLD} serves from slot blue cannot be seen"
    assert (outcome.exit_code, outcome.remedy.split(" says")[0]) == (1, "fab -H deployer@web1:2222 doctor")


def test_who_may_not_look_is_told_who_may_and_that_is_not_nothing(world: World) -> None:
    """Turned red by: no require_readable in tasks/status.py and tasks/deployment.py."""
    state = HostState().but(path_unreadable="dock may not read /opt/x; root may", path_next="log in as one of these")
    world.answers(facts=told(state))
    for step in (status, plan, deploy):
        with pytest.raises(HostNotReady, match=r"web1: dock may not read /opt/x; root may") as caught:
            step(world.host, world.work)
        assert (caught.value.exit_code, caught.value.remedy) == (1, "log in as one of these")
    assert world.host.transcript == ["facts"] * 3
    world.answers(verify=Answer(1, (), ("error: dock may not read /opt/x; root may", "  next: log in as root")))
    with pytest.raises(HostFailed, match=r"web1: dock may not read /opt/x; root may") as failed:
        verify(world.host, world.work)
    assert (failed.value.exit_code, failed.value.remedy) == (1, "log in as root")
