"""Migrations in `plan`, `deploy` and `up`: what is pending is said, one that never ended is refused."""

import pytest

from tasks.activation import up
from tasks.core.errors import HostNotReady
from tasks.deployment import deploy, plan
from tests.steps.conftest import World, activated, told
from tests.steps.samples import HostState, release_line, serving

OLD, NEW = "20260101T000000Z-abc1234", "20260102T000000Z-def5678"
INIT = "20260101000000_init"


def behind(world: World, *lines: str) -> HostState:
    """A host that serves, whose database lacks the first migration."""
    return serving(world.files(), OLD).without("migration.applied=").having(*lines)


def test_one_that_never_ended_is_refused_before_anything_is_built(world: World) -> None:
    """Turned red by leaving require_ended out of deploy: the images would be built."""
    world.answers(facts=told(behind(world, f"migration.begun={INIT}")))
    with pytest.raises(HostNotReady, match=f"the migration {INIT} keeps web1 from being deployed to") as caught:
        deploy(world.host, world.work)
    assert f"fab -H deployer@web1:2222 resolve-migration {INIT} --rolled-back" in caught.value.remedy
    assert world.host.transcript == ["facts"]
    assert not any(words[1] == "build" for words in world.docker.transcript)


def test_one_that_is_at_work_in_another_deployment_is_not_judged(world: World) -> None:
    state = behind(world, f"migration.begun={INIT}", "lock=held operator=anna").but(lock="held operator=anna")
    world.built()
    world.answers(facts=told(state), hold=told(behind(world, f"migration.begun={INIT}")))
    with pytest.raises(HostNotReady, match="never ended"):
        deploy(world.host, world.work)
    assert world.host.transcript == ["facts", "hold deploy"]


def test_an_activation_that_was_cut_off_is_put_right_before_its_migration_is_refused(world: World) -> None:
    """Turned red by an early require_ended in every case: nobody would end the statement that still runs."""
    state = behind(world, f"migration.begun={INIT}").but(journal_phase="started")
    world.answers(facts=told(state), hold=told(behind(world, f"migration.begun={INIT}")))
    with pytest.raises(HostNotReady, match="never ended"):
        deploy(world.host, world.work)
    assert world.host.transcript == ["facts", "hold deploy"]
    assert not any(words[1] == "build" for words in world.docker.transcript)


def test_plan_warns_of_it_and_goes_on(world: World) -> None:
    world.built()
    world.answers(facts=told(behind(world, f"migration.begun={INIT}")))
    outcome = plan(world.host, world.work)
    assert outcome.data is not None
    assert outcome.data["never_ended"] == (INIT,)
    (warned,) = world.console.warned
    assert warned.startswith(f"deploy will refuse: the migration {INIT}")
    assert any(line.startswith("  2 migrations: ") for line in world.console.said)


def test_up_says_what_is_pending(world: World) -> None:
    state = serving(world.files(), OLD).having(release_line(NEW, "pending"), f"release_migrations={NEW} {INIT},more")
    world.answers(hold=told(state), hold_activate=activated(NEW))
    up(world.host, world.work)
    assert "  1 migration: more; a dump is made before it" in world.console.said


def test_up_refuses_one_that_never_ended(world: World) -> None:
    world.answers(hold=told(behind(world, f"migration.begun={INIT}", release_line(NEW, "pending"),
                                   f"release_migrations={NEW} {INIT}")))  # fmt: skip
    with pytest.raises(HostNotReady, match="never ended"):
        up(world.host, world.work, release=NEW)
    assert world.host.transcript == ["hold up"]


def test_up_brings_a_database_up_to_date_that_a_restore_has_set_back(world: World) -> None:
    world.answers(hold=told(behind(world)), hold_activate=activated(OLD))
    up(world.host, world.work)
    assert world.host.transcript == ["hold up", f"hold: activate {OLD}"]
