"""`up`, with every command that the host gets, and what is said when a release does not come up."""

from dataclasses import replace

import pytest

from tasks.activation import step_times, up
from tasks.core.errors import (
    ActivationFailed,
    HostFailed,
    HostNotReady,
    Interrupted,
    Locked,
    NothingDeployed,
    UnsupportedHost,
    UsageError,
)
from tasks.core.protocols import Answer
from tasks.last_build import remember_name
from tests.steps.conftest import World, activated, failed, told
from tests.steps.fakes import Call, Script
from tests.steps.samples import HostState, release_line, serving

OLD, NEW = "20260101T000000Z-abc1234", "20260102T000000Z-def5678"


def test_the_newest_pending_release_comes_up(world: World) -> None:
    state = HostState().having(release_line(OLD, "pending"), release_line(NEW, "pending"))
    world.answers(hold=told(state), hold_activate=activated(NEW, previous=OLD))
    outcome = up(world.host, world.work)
    assert world.host.transcript == ["hold up", f"hold: activate {NEW}"]
    assert (outcome.changed, outcome.summary) == (True, f"web1: {NEW} serves at http://192.0.2.1/ from slot blue")
    assert outcome.data == {
        "release": NEW, "previous": OLD, "slot": "blue", "log": "/var/log/community-tracker/x.log",
        "url": "http://192.0.2.1/", "steps": {"start": 1200, "health": 2500, "switch": 30},
    }  # fmt: skip
    assert world.console.said[-3:] == [
        "  on the host: start 1.2 s, health 2.5 s, switch 0.0 s",
        "  log on the host: /var/log/community-tracker/x.log",
        "  look: fab -H deployer@web1:2222 status; back: fab -H deployer@web1:2222 rollback",
    ]
    assert not any("again" in line for line in world.console.said)


def test_the_first_release_has_no_way_back(world: World) -> None:
    world.answers(hold=told(HostState().having(release_line(NEW, "pending"))), hold_activate=activated(NEW))
    up(world.host, world.work)
    assert world.console.said[-1] == "  look: fab -H deployer@web1:2222 status"


@pytest.mark.parametrize("status", ["pending", "failed"])
def test_what_was_pushed_after_the_active_release_comes_up(world: World, status: str) -> None:
    state = serving(world.files(), OLD).having(release_line(NEW, status))
    remember_name(world.root, world.built(), "web1", NEW)
    world.answers(hold=told(state), hold_activate=activated(NEW))
    up(world.host, world.work)
    assert world.host.transcript == ["hold up", f"hold: activate {NEW}"]
    assert (f"trying the failed release {NEW} again" in world.console.said) == (status == "failed")


def test_what_failed_and_is_not_what_was_pushed_last_stays_down(world: World) -> None:
    state = serving(world.files(), OLD).having(release_line(NEW, "failed"))
    remember_name(world.root, world.built(), "web1", OLD)
    world.answers(hold=told(state))
    assert up(world.host, world.work).summary == f"web1: already so, {OLD} serves"
    assert world.host.transcript == ["hold up"]


def test_what_failed_before_the_active_release_stays_down(world: World) -> None:
    state = serving(world.files(), NEW).without("release=")
    state = state.having(release_line(OLD, "failed"), release_line(NEW, "active"))
    world.answers(hold=told(state))
    assert not up(world.host, world.work).changed


def test_a_first_release_that_failed_is_tried_again(world: World) -> None:
    world.answers(hold=told(HostState().having(release_line(OLD, "failed"))), hold_activate=activated(OLD))
    up(world.host, world.work)
    assert world.host.transcript == ["hold up", f"hold: activate {OLD}"]


def test_the_first_release_does_not_come_up_where_an_account_could_read_its_secrets(world: World) -> None:
    """Turned red by: no require_own_number in up."""
    state = HostState().having(release_line(NEW, "pending")).but(account="ann", account_free="2001")
    world.answers(hold=told(state))
    with pytest.raises(HostNotReady, match="is the number of the account ann"):
        up(world.host, world.work)
    assert world.host.transcript == ["hold up"]


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
    with pytest.raises(NothingDeployed, match="has no release to bring up") as caught:
        up(world.host, world.work)
    assert (caught.value.exit_code, caught.value.remedy) == (1, "fab -H deployer@web1:2222 deploy")


def test_nothing_to_bring_up_where_there_is_no_docker(world: World) -> None:
    bare = HostState().but(docker_version="", docker_installed="no", compose_version="")
    world.answers(hold=told(bare))
    with pytest.raises(NothingDeployed) as caught:
        up(world.host, world.work)
    assert caught.value.remedy == "fab -H deployer@web1:2222 deploy"


def test_up_is_already_so(world: World) -> None:
    world.answers(hold=told(serving(world.files(), OLD)))
    outcome = up(world.host, world.work)
    assert (outcome.changed, outcome.summary) == (False, f"web1: already so, {OLD} serves")
    assert world.host.transcript == ["hold up"]


def test_up_brings_back_what_was_taken_down(world: World) -> None:
    """`down` leaves the releases, the one that served retired, and no active one; a failed one would serve nothing."""
    old, new = release_line(OLD, "retired"), release_line(NEW, "retired")
    state = HostState().having(f"{old} 1 3", f"{new} 2 2", release_line("z", "failed"))
    world.answers(hold=told(state), hold_activate=activated(OLD))
    up(world.host, world.work)
    assert world.host.transcript == ["hold up", f"hold: activate {OLD}"], "it served last, though pushed first"


def test_up_starts_again_what_does_not_run(world: World) -> None:
    state = serving(world.files(), OLD).without('container={"service": "backend"')
    world.answers(hold=told(state), hold_activate=activated(OLD))
    up(world.host, world.work)
    assert world.host.transcript == ["hold up", f"hold: activate {OLD}"]


def test_a_failed_up_has_all_of_it_in_its_last_message_and_once(world: World) -> None:
    state = serving(world.files(), OLD).having(release_line(NEW, "pending"))
    world.answers(hold=told(state), hold_activate=failed(NEW, OLD))
    with pytest.raises(ActivationFailed) as caught:
        up(world.host, world.work)
    all_of_it = ", /var/log/community-tracker/y.log on the host has all of it"
    assert str(caught.value).splitlines() == [
        f"{NEW} did not come up on web1 (step health, service backend): its container ended with exit code 1",
        "    tried: /health through slot green, 3 times in 2 s; the last answer: HTTP 503",
        "    edge ended with exit code 9",
        "    last lines of backend:",
        "      | Error: cannot find module",
        "      | at main.js",
        "    last lines of edge:",
        "      | bye",
        "    cause: the program stopped at its start",
        "    check: the lines above; often a variable that .env lacks",
        "    kept: the release that served goes on serving; data and volumes were not touched",
        f"  now: {OLD} still serves from slot blue",
        "  next: look into backend-api; fab -H deployer@web1:2222 explain shows this again" + all_of_it,
    ]
    assert world.console.said == ["2026-11-23T15:45:59Z starting"], "what the last message has was not said before"


def test_a_failed_up_has_the_same_for_programs(world: World) -> None:
    state = serving(world.files(), OLD).having(release_line(NEW, "pending"))
    world.answers(hold=told(state), hold_activate=failed(NEW, OLD))
    with pytest.raises(ActivationFailed) as caught:
        up(world.host, world.work)
    assert caught.value.failure == {
        "schema": 1, "host": "deployer@web1:2222", "seq": 2, "release": NEW, "previous": OLD, "task": "up",
        "time": "2026-11-23T15:46:02Z", "log": "/var/log/community-tracker/y.log", "step": "health",
        "service": "backend", "reason": "its container ended with exit code 1",
        "tried": "/health through slot green, 3 times in 2 s", "answer": "HTTP 503", "exit_code": 1,
        "out_of_memory": False,
        "containers": [{"service": "backend", "state": "ended with exit code 1 (restarts: 2)"},
                       {"service": "edge", "state": "ended with exit code 9"}],
        "logs": {"backend": ["Error: cannot find module", "at main.js"], "edge": ["bye"]}, "not_captured": [],
        "diagnosis": {"cause": "the program stopped at its start",
                      "check": "the lines above; often a variable that .env lacks",
                      "remedy": "mend it, then fab -H deployer@web1:2222 deploy",
                      "preserved": "the release that served goes on serving; data and volumes were not touched"},
        "serving": {"release": OLD, "slot": "blue", "answers": True}, "put_back": "put back: as before",
        "next": "look into backend-api",
    }  # fmt: skip


def test_a_release_of_before_says_less(world: World) -> None:
    state = serving(world.files(), OLD).having(release_line(NEW, "pending"))
    answer = failed(NEW, OLD)
    known = ("result", "release", "slot", "seq", "failed.step", "failed.service", "failed.reason", "log")
    kept = tuple(line for line in answer.lines if line.partition("=")[0] in known)
    world.answers(hold=told(state), hold_activate=replace(answer, lines=kept))
    with pytest.raises(ActivationFailed) as caught:
        up(world.host, world.work)
    assert caught.value.now == f"{OLD} still serves from slot blue"
    assert caught.value.remedy.startswith("mend it, then fab -H deployer@web1:2222 deploy; ")


def test_an_activation_that_the_host_refuses_is_no_failed_release(world: World) -> None:
    refused = Answer(1, (), ("error: an earlier activation could not be undone yet", "  next: mend what it names"))
    state = HostState().having(release_line(NEW, "pending"))
    world.answers(hold=told(state), hold_activate=refused)
    with pytest.raises(HostFailed) as caught:
        up(world.host, world.work)
    assert str(caught.value) == "web1: an earlier activation could not be undone yet\n  next: mend what it names"
    assert world.console.said == []


def test_a_failure_that_was_told_as_it_came_is_not_told_again(world: World) -> None:
    state = HostState().having(release_line(NEW, "pending"))
    lines = ("result=failed", f"release={NEW}", "slot=none", "failed.reason=it is gone")
    answer = Answer(1, lines, ("the activation ended without a result",))
    world.answers(hold=told(state), hold_activate=answer)
    with pytest.raises(ActivationFailed) as caught:
        up(world.host, world.work)
    assert world.console.said == ["the activation ended without a result"]
    assert caught.value.detail == world.console.said[0], "for --json"
    assert world.console.said[0] not in str(caught.value)


def test_a_host_that_fails_before_the_lock_is_told_once(world: World) -> None:
    refused = ("error: community-tracker runs here already", "  next: set DEPLOYMENT_PATH back")
    world.answers(hold=Answer(1, (), ("an activation was cut off", *refused)))
    with pytest.raises(HostFailed) as caught:
        up(world.host, world.work)
    assert world.console.said == ["an activation was cut off"]
    assert str(caught.value) == "web1: community-tracker runs here already\n  next: set DEPLOYMENT_PATH back"


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


def test_ctrl_c_asks_the_host_to_undo_and_waits_for_how_that_ends(world: World) -> None:
    """Turned red by: `self._cancel()` left out of Lock.order; the second `finish` left out."""
    state = serving(world.files(), OLD).having(release_line(NEW, "pending"))
    world.answers(hold=told(state), hold_activate=interrupted_once(failed(NEW, previous=OLD)), cancel=Answer(0))
    with pytest.raises(Interrupted) as caught:
        up(world.host, world.work)
    assert world.host.transcript == ["hold up", f"hold: activate {NEW}", "cancel"]
    assert "interrupted: asking the host to undo it; Ctrl-C again leaves at once" in world.console.said
    assert caught.value.what == f"interrupted: {NEW} was not brought up on web1"
    assert caught.value.now == f"{OLD} still serves from slot blue"
    assert caught.value.exit_code == 130


def test_ctrl_c_after_the_switch_says_that_the_release_serves(world: World) -> None:
    world.answers(hold=told(HostState().having(release_line(NEW, "pending"))), cancel=Answer(0),
                  hold_activate=interrupted_once(activated(NEW)))  # fmt: skip
    with pytest.raises(Interrupted) as caught:
        up(world.host, world.work)
    assert caught.value.what == f"interrupted too late: {NEW} had been switched to on web1"
    assert caught.value.remedy == "fab -H deployer@web1:2222 rollback goes back"


def test_a_second_ctrl_c_leaves_at_once(world: World) -> None:
    def always(_call: Call) -> Answer:
        raise KeyboardInterrupt

    state = HostState().having(release_line(NEW, "pending"))
    world.answers(hold=told(state), hold_activate=always, cancel=Answer(0))
    with pytest.raises(KeyboardInterrupt):
        up(world.host, world.work)
    assert world.host.transcript[-1] == "cancel"


def interrupted_once(answer: Answer) -> Script:
    """Have Ctrl-C come first, then the answer."""
    waits = [KeyboardInterrupt()]

    def script(_call: Call) -> Answer:
        if waits:
            raise waits.pop()
        return answer

    return script
