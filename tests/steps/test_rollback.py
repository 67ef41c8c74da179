"""Going back, starting anew, history, backups, migrations and prune: what the host gets, and what is said."""

import json

import pytest

from tasks.backups import backup, restore
from tasks.core.errors import ActivationFailed, HostFailed, NothingDeployed, UsageError
from tasks.core.protocols import Answer
from tasks.history import history
from tasks.migrations import resolve_migration
from tasks.prune import prune
from tasks.rollback import restart, rollback
from tests.steps.conftest import World, activated, failed, told
from tests.steps.samples import RELEASE, HostState, serving

OLD, DUMP = "20260101T000000Z-abc1234", "/opt/community-tracker/backups/20260101T000000Z-x.dump"


def answer(*lines: str) -> Answer:
    return Answer(0, lines)


def went_back(*more: str) -> Answer:
    found = activated(OLD, "green", RELEASE)
    return Answer(found.exit_code, (f"rollback={OLD}", *more, *found.lines), found.talk)


def test_rollback_without_an_argument_lets_the_host_choose_under_its_lock(world: World) -> None:
    world.answers(hold=told(serving(world.files())), hold_rollback=went_back(f"dump={DUMP}"))
    outcome = rollback(world.host, world.work)
    assert world.host.transcript == ["hold rollback", "hold: rollback"]
    assert (outcome.changed, outcome.summary) == (True, f"web1: {OLD} serves at http://192.0.2.1/ from slot green")
    assert outcome.data is not None
    assert outcome.data["dump"] == DUMP
    assert world.console.said[-1].endswith("back: fab -H deployer@web1:2222 rollback")


def test_rollback_names_the_dump_of_the_release_that_it_leaves(world: World) -> None:
    talk = ("the data stays as it is; as it was before: fab -H HOST restore --backup x.dump --yes",)
    found = went_back(f"dump={DUMP}")
    world.answers(hold=told(serving(world.files())), hold_rollback=Answer(0, found.lines, talk))
    rollback(world.host, world.work)
    assert world.console.said[0].endswith("fab -H deployer@web1:2222 restore --backup x.dump --yes")


def test_rollback_to_a_named_release(world: World) -> None:
    world.answers(hold=told(serving(world.files())), hold_rollback=went_back())
    rollback(world.host, world.work, to=OLD)
    assert world.host.transcript == ["hold rollback", f"hold: rollback {OLD}"]


def test_a_refused_rollback_gives_the_host_s_reason_and_next_command(world: World) -> None:
    talk = (f"no release served here before {RELEASE}", "  next: fab -H HOST deploy")
    world.answers(hold=told(serving(world.files())), hold_rollback=Answer(1, (), talk))
    with pytest.raises(HostFailed) as caught:
        rollback(world.host, world.work)
    assert caught.value.what == f"web1: no release served here before {RELEASE}"
    assert caught.value.remedy == "fab -H deployer@web1:2222 deploy"
    assert caught.value.exit_code == 1


def test_a_rollback_that_does_not_come_up_says_what_serves(world: World) -> None:
    state = serving(world.files())
    bad = failed(OLD, previous=RELEASE)
    world.answers(hold=told(state), hold_rollback=Answer(1, (f"rollback={OLD}", *bad.lines), bad.talk))
    with pytest.raises(ActivationFailed) as caught:
        rollback(world.host, world.work)
    assert OLD in caught.value.what
    assert RELEASE in caught.value.now


def test_restart_activates_what_serves(world: World) -> None:
    world.answers(hold=told(serving(world.files())), hold_activate=activated(RELEASE, "green"))
    outcome = restart(world.host, world.work)
    assert world.host.transcript == ["hold restart", f"hold: activate {RELEASE}"]
    assert outcome.changed


def test_restart_with_nothing_serving(world: World) -> None:
    world.answers(hold=told(HostState()))
    with pytest.raises(NothingDeployed, match="nothing serves on web1"):
        restart(world.host, world.work)


def test_history_is_a_line_an_activation_and_survives_a_torn_line(world: World) -> None:
    entry = {"seq": 1, "time": "2026-01-01T00:00:00Z", "task": "deploy", "release": OLD, "result": "failed",
             "operator": "me@here", "service": "backend", "reason": "it died"}  # fmt: skip
    world.answers(history=answer(f"history={json.dumps(entry)}", 'history={"seq": 2, "ti'))
    outcome = history(world.host, world.work, lines=5)
    assert world.host.transcript == ["history 5"]
    assert len(world.console.said) == 1
    assert all(word in world.console.said[0] for word in (OLD, "failed", "backend it died", "me@here"))
    assert outcome.data == {"history": [entry]}


def test_prune_says_what_went_and_already_so(world: World) -> None:
    world.answers(hold=told(serving(world.files())), hold_prune=answer(f"removed=release {OLD}"))
    assert prune(world.host, world.work).summary == "web1: removed 1 thing"
    world.answers(hold=told(serving(world.files())), hold_prune=answer())
    outcome = prune(world.host, world.work)
    assert (outcome.changed, outcome.summary) == (False, "web1: already so, nothing to remove")


def test_backup_gives_file_size_and_tables(world: World) -> None:
    made = answer(f"backup={DUMP}", "sha256=aa", "size=2048", "tables=3")
    world.answers(hold=told(serving(world.files())), hold_backup=made)
    outcome = backup(world.host, world.work)
    assert world.host.transcript == ["hold backup", "hold: backup"]
    assert outcome.summary == f"web1: {DUMP} (2.0 kB, 3 tables)"
    fetch = f"ssh -p 2222 deployer@web1 'sudo cat {DUMP}' >20260101T000000Z-x.dump"
    assert world.console.said == [
        "  SHA-256 aa, 2048 bytes", f"  it lies on the disk of the data; copy it away: {fetch}",
    ]  # fmt: skip
    assert outcome.data is not None
    assert outcome.data["fetch"] == fetch


def test_backup_list_changes_nothing(world: World) -> None:
    world.answers(
        backups=answer(f"backup=a.dump 2048 2026-01-01T00:00:00Z {RELEASE}", "backup=b.dump 1 2026-01-02T00:00:00Z ")
    )
    outcome = backup(world.host, world.work, list=True)
    assert world.host.transcript == ["backups"]
    assert world.console.said == [f"  a.dump  2.0 kB  before the migrations of {RELEASE}", "  b.dump  1 B"]
    assert not outcome.changed


def test_restore_is_confirmed_and_says_what_is_kept(world: World) -> None:
    done = answer("restored=a.dump", "kept=tracker_before_x", "tables=3")
    world.answers(hold=told(serving(world.files())), hold_restore=done)
    outcome = restore(world.host, world.work, backup="a.dump", yes=True)
    assert world.host.transcript == ["hold restore", "hold: restore a.dump"]
    assert "tracker_before_x" in world.console.said[-1]
    assert outcome.summary == "web1: a.dump is restored (3 tables)"


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({}, "needs --backup NAME or --forget"),
        ({"backup": "a.dump", "forget": True}, "needs --backup NAME or --forget"),
        ({"backup": "a.dump"}, "the data of now is put aside"),
        ({"forget": True}, "what earlier restores kept is removed"),
    ],
)
def test_restore_refuses_before_any_contact(world: World, given: dict[str, object], what: str) -> None:
    with pytest.raises(UsageError, match=what):
        restore(world.host, world.work, **given)  # type: ignore[arg-type]
    assert world.host.transcript == []


def test_forgetting_what_restores_kept(world: World) -> None:
    world.answers(hold=told(serving(world.files())), **{"hold_restore-forget": answer("removed=tracker_before_x")})
    assert restore(world.host, world.work, forget=True, yes=True).summary == "web1: removed tracker_before_x"


@pytest.mark.parametrize("state", ["applied", "rolled-back"])
def test_a_migration_is_resolved_one_way(world: World, state: str) -> None:
    world.answers(hold=told(serving(world.files())), **{"hold_resolve-migration": answer(f"resolved=x {state}")})
    outcome = resolve_migration(
        world.host, world.work, name="x", applied=state == "applied", rolled_back=state == "rolled-back"
    )
    assert world.host.transcript == ["hold resolve-migration", f"hold: resolve-migration x {state}"]
    assert outcome.remedy == "fab -H deployer@web1:2222 deploy"


@pytest.mark.parametrize("both", [True, False])
def test_a_migration_is_not_resolved_both_ways_or_none(world: World, *, both: bool) -> None:
    with pytest.raises(UsageError, match="what became of x"):
        resolve_migration(world.host, world.work, name="x", applied=both, rolled_back=both)
    assert world.host.transcript == []
