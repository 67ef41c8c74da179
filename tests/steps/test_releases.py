"""`push-config`, `up`, `verify`, `status` and `down`, with every command that the host gets."""

from dataclasses import replace

import pytest

from tasks.builds import last_build, write_build
from tasks.core.errors import ActivationFailed, HostFailed, Locked, UnsupportedHost, UsageError
from tasks.core.protocols import Answer
from tasks.releases import down, push_config, status, step_times, up, verify
from tests.steps.conftest import World, activated, failed, told
from tests.steps.fakes import files_in
from tests.steps.samples import RELEASE, SECRET, HostState, container_line, release_line, serving

OLD, NEW = "20260101T000000Z-abc1234", "20260102T000000Z-def5678"


# --- push-config ---


def test_a_new_release_is_pushed(world: World) -> None:
    release = world.built().release
    world.answers(hold=told(HostState()), receive=Answer(0, (f"received={release}",)))
    outcome = push_config(world.host, world.work)
    assert world.host.transcript == ["hold push-config", f"receive {release}"]
    assert (outcome.changed, outcome.summary) == (True, f"web1: pushed {release}")
    files = files_in(world.host.calls[-1].data)
    assert f"RELEASE='{release}'\n".encode() in files[".env"]
    assert SECRET.encode() in files["app.env.json"]
    assert world.is_secret_kept(outcome)


@pytest.mark.parametrize("state", ["pending", "failed", "retired"])
def test_the_same_release_is_already_so(world: World, state: str) -> None:
    files = world.files()
    world.answers(hold=told(HostState().having(release_line(RELEASE, state, files))))
    outcome = push_config(world.host, world.work)
    assert world.host.transcript == ["hold push-config"]
    assert (outcome.changed, outcome.summary) == (False, f"web1: already so, {RELEASE} is there")


def test_another_configuration_under_that_name_takes_a_new_one(world: World) -> None:
    world.built()
    world.answers(hold=told(HostState().having(release_line(RELEASE, "active"))), receive=Answer(0))
    outcome = push_config(world.host, world.work)
    assert outcome.data is not None
    name = str(outcome.data["release"])
    assert name not in (RELEASE, "")
    assert name.endswith(RELEASE.partition("-")[2])
    assert world.host.transcript == ["hold push-config", f"receive {name}"]
    remembered = last_build(world.root)
    assert remembered is not None
    assert (remembered.release, dict(remembered.names)) == (RELEASE, {"web1": name})


def test_a_name_is_one_host_s(world: World) -> None:
    build = world.built()
    write_build(world.root, replace(build, names={"web2": NEW}))
    world.answers(hold=told(HostState()), receive=Answer(0))
    push_config(world.host, world.work)
    assert world.host.transcript[-1] == f"receive {RELEASE}"


def test_push_needs_a_build(world: World) -> None:
    with pytest.raises(UsageError, match="nothing has been built yet"):
        push_config(world.host, world.work)
    assert world.host.transcript == []


# --- up ---


def test_the_newest_pending_release_comes_up(world: World) -> None:
    state = HostState().having(release_line(OLD, "pending"), release_line(NEW, "pending"))
    world.answers(hold=told(state), hold_activate=activated(NEW))
    outcome = up(world.host, world.work)
    assert world.host.transcript == ["hold up", f"hold: activate {NEW}"]
    assert (outcome.changed, outcome.summary) == (True, f"web1: {NEW} serves from slot blue")
    assert outcome.data == {
        "release": NEW, "slot": "blue", "log": "/var/log/community-tracker/x.log",
        "steps": {"start": 1200, "health": 2500, "switch": 30},
    }  # fmt: skip


@pytest.mark.parametrize("status", ["pending", "failed"])
def test_what_was_pushed_after_the_active_release_comes_up(world: World, status: str) -> None:
    state = serving(world.files(), OLD).having(release_line(NEW, status))
    world.answers(hold=told(state), hold_activate=activated(NEW))
    up(world.host, world.work)
    assert world.host.transcript == ["hold up", f"hold: activate {NEW}"]


def test_what_failed_before_the_active_release_stays_down(world: World) -> None:
    state = serving(world.files(), NEW).without("release=")
    state = state.having(release_line(OLD, "failed"), release_line(NEW, "active"))
    world.answers(hold=told(state))
    assert not up(world.host, world.work).changed


def test_a_first_release_that_failed_is_tried_again(world: World) -> None:
    world.answers(hold=told(HostState().having(release_line(OLD, "failed"))), hold_activate=activated(OLD))
    up(world.host, world.work)
    assert world.host.transcript == ["hold up", f"hold: activate {OLD}"]


def test_a_named_release_comes_up(world: World) -> None:
    state = HostState().having(release_line(OLD, "retired"), release_line(NEW, "pending"))
    world.answers(hold=told(state), hold_activate=activated(OLD))
    up(world.host, world.work, release=OLD)
    assert world.host.transcript == ["hold up", f"hold: activate {OLD}"]


def test_an_unknown_release_is_refused(world: World) -> None:
    world.answers(hold=told(HostState().having(release_line(OLD, "active"))))
    with pytest.raises(UsageError, match="web1 has no release nosuch") as caught:
        up(world.host, world.work, release="nosuch")
    assert "status" in caught.value.remedy
    assert world.host.transcript == ["hold up"]


def test_nothing_to_bring_up(world: World) -> None:
    world.answers(hold=told(HostState()))
    with pytest.raises(UsageError, match="has no release to bring up") as caught:
        up(world.host, world.work)
    assert "push-config" in caught.value.remedy


def test_up_is_already_so(world: World) -> None:
    world.answers(hold=told(serving(world.files(), OLD)))
    outcome = up(world.host, world.work)
    assert (outcome.changed, outcome.summary) == (False, f"web1: already so, {OLD} serves")
    assert world.host.transcript == ["hold up"]


def test_up_brings_back_what_was_taken_down(world: World) -> None:
    """`down` leaves the releases, the one that served retired, and no active one; a failed one would serve nothing."""
    state = HostState().having(release_line(OLD, "retired"), release_line(NEW, "retired"), release_line("z", "failed"))
    world.answers(hold=told(state), hold_activate=activated(NEW))
    up(world.host, world.work)
    assert world.host.transcript == ["hold up", f"hold: activate {NEW}"]


def test_up_starts_again_what_does_not_run(world: World) -> None:
    state = serving(world.files(), OLD).without('container={"service": "backend"')
    world.answers(hold=told(state), hold_activate=activated(OLD))
    up(world.host, world.work)
    assert world.host.transcript == ["hold up", f"hold: activate {OLD}"]


def test_a_failed_up(world: World) -> None:
    state = serving(world.files(), OLD).having(release_line(NEW, "pending"))
    world.answers(hold=told(state), hold_activate=failed(NEW, OLD))
    with pytest.raises(ActivationFailed, match=f"{NEW} did not come up on web1: backend is unhealthy") as caught:
        up(world.host, world.work)
    assert f"{OLD} still serves" in caught.value.remedy
    assert "cannot find module" in caught.value.detail


def test_up_on_an_unfit_host(world: World) -> None:
    world.answers(hold=told(HostState().but(compose_version="").having(release_line(NEW, "pending"))))
    with pytest.raises(UnsupportedHost):
        up(world.host, world.work)
    assert world.host.transcript == ["hold up"]


def test_up_while_another_is_at_it(world: World) -> None:
    world.answers(hold=Answer(4, ("holder=operator=anna@laptop task=deploy",)))
    with pytest.raises(Locked, match="anna@laptop"):
        up(world.host, world.work)


def test_what_was_put_right_under_the_lock_is_said(world: World) -> None:
    talk = ("the activation of r0 was cut off and is undone",)
    answer = replace(told(HostState().having(release_line(NEW, "pending")), recovered="undone r0"), talk=talk)
    world.answers(hold=answer, hold_activate=activated(NEW))
    up(world.host, world.work)
    assert talk[0] in world.console.said


def test_step_times() -> None:
    assert step_times({"start": 1200, "switch": 30}) == "start 1.2 s, switch 0.0 s"


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
    assert (outcome.changed, outcome.exit_code, outcome.summary) == (False, 1, "web1: not healthy")
    assert "  backend unhealthy its container is exited" in world.console.said
    assert world.host.transcript == ["verify"]


def test_verify_of_an_answer_without_checks_is_no_success(world: World) -> None:
    world.answers(verify=Answer(0, (), ("something else",)))
    with pytest.raises(HostFailed, match="nothing to verify"):
        verify(world.host, world.work)


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
    assert (outcome.summary, outcome.data) == ("web1: nothing deployed yet", {"active": None})


# --- down ---


def test_down_keeps_the_data(world: World) -> None:
    world.answers(hold=told(serving(world.files(), OLD)), hold_down=Answer(0, ("removed=edge",)))
    outcome = down(world.host, world.work)
    assert world.host.transcript == ["hold down", "hold: down"]
    assert outcome.summary == "web1: down, data, images and releases are kept"


def test_down_with_volumes_wants_to_be_asked_twice(world: World) -> None:
    with pytest.raises(UsageError, match="removes the database's data") as caught:
        down(world.host, world.work, volumes=True)
    assert "--yes" in caught.value.remedy
    assert world.host.transcript == []


def test_down_with_volumes(world: World) -> None:
    world.answers(hold=told(serving(world.files(), OLD)), hold_down=Answer(0))
    outcome = down(world.host, world.work, volumes=True, yes=True)
    assert world.host.transcript == ["hold down", "hold: down volumes"]
    assert "data too is gone" in outcome.summary


def test_down_is_already_so(world: World) -> None:
    world.answers(hold=told(HostState().having("volume=community-tracker_data")))
    outcome = down(world.host, world.work)
    assert (outcome.changed, outcome.summary) == (False, "web1: already so, nothing runs")
    assert world.host.transcript == ["hold down"]


def test_down_removes_volumes_that_are_left(world: World) -> None:
    world.answers(hold=told(HostState().having("volume=community-tracker_data")), hold_down=Answer(0))
    assert down(world.host, world.work, volumes=True, yes=True).changed


def test_a_down_that_fails(world: World) -> None:
    world.answers(hold=told(serving(world.files(), OLD)), hold_down=Answer(1, (), ("cannot remove edge",)))
    with pytest.raises(HostFailed, match="taking the application down on web1 failed") as caught:
        down(world.host, world.work)
    assert "cannot remove edge" in caught.value.detail
