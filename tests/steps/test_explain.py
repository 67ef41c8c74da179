"""`explain`: the kept report again, from what the host says of it."""

import json

import pytest

from tasks.core.errors import NothingDeployed
from tasks.core.protocols import Answer
from tasks.explain import explain
from tests.steps.conftest import World, failed

OLD, NEW = "20260101T000000Z-abc1234", "20260102T000000Z-def5678"


def history(seq: int, **values: object) -> str:
    entry = {"seq": seq, "time": "2026-11-24T00:00:00Z", "task": "deploy", "release": NEW, "result": "failed"}
    return "history=" + json.dumps(entry | values)


def test_the_last_failure_is_shown_again(world: World) -> None:
    lines = (*failed(NEW, OLD).lines, history(2, reason="an older text"), f"active={OLD}")
    world.answers(explain=Answer(0, lines))
    outcome = explain(world.host, world.work)
    assert world.host.transcript == ["explain"]
    assert world.console.said[0] == (
        f"2026-11-23T15:46:02Z up: {NEW} did not come up on web1 (step health, service backend): "
        "its container ended with exit code 1"
    )
    assert "      | Error: cannot find module" in world.console.said
    assert f"  then: {OLD} still serves from slot blue" in world.console.said
    assert (outcome.exit_code, outcome.summary) == (0, f"web1: {OLD} serves now")
    assert outcome.remedy == "look into backend-api"
    assert outcome.data is not None
    assert outcome.data["active"] == OLD


def test_one_that_was_cut_off_has_its_line_of_the_history(world: World) -> None:
    cut = history(3, service="", reason="the activation was cut off in phase slot-up", log="/x.log")
    world.answers(explain=Answer(0, (*failed(OLD, OLD).lines, cut, "active=")))
    outcome = explain(world.host, world.work)
    assert world.console.said[0].endswith(f"{NEW} did not come up on web1: the activation was cut off in phase slot-up")
    assert outcome.summary == "web1: nothing serves now"


def test_none_is_said(world: World) -> None:
    world.answers(explain=Answer(0, ("active=",)))
    outcome = explain(world.host, world.work)
    assert (outcome.exit_code, outcome.data) == (0, {"failure": None})
    assert "no activation has failed here" in outcome.summary
    with pytest.raises(NothingDeployed, match=f"no failure of {NEW} on record") as caught:
        explain(world.host, world.work, release=NEW)
    assert caught.value.exit_code == 1
    assert world.host.transcript[-1] == f"explain {NEW}"
