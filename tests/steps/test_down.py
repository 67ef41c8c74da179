"""`down`, with every command that the host gets."""

import pytest

from tasks.core.errors import HostFailed, HostNotReady, UsageError
from tasks.core.protocols import Answer
from tasks.down import down
from tests.steps.conftest import World, told
from tests.steps.samples import HostState, serving

OLD, NEW = "20260101T000000Z-abc1234", "20260102T000000Z-def5678"


def test_down_keeps_the_data(world: World) -> None:
    world.answers(hold=told(serving(world.files(), OLD)), hold_down=Answer(0, ("removed=edge",)))
    outcome = down(world.host, world.work)
    assert world.host.transcript == ["hold down", "hold: down"]
    assert outcome.summary == "web1: down, data, images and releases are kept"
    assert outcome.remedy == "fab -H deployer@web1:2222 up brings it back"


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


def test_down_with_volumes_on_directories_says_that_their_files_are_kept(world: World) -> None:
    answer = Answer(0, ("removed=community-tracker_data", "kept=/srv/pg"))
    world.answers(hold=told(serving(world.files(), OLD)), hold_down=answer)
    outcome = down(world.host, world.work, volumes=True, yes=True)
    assert outcome.summary == "web1: down, its volumes too are gone, and the files in /srv/pg are kept"


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
    assert "cannot remove edge" not in str(caught.value), "it was said as it came"
    assert world.console.said == ["cannot remove edge"]


def test_down_does_not_take_an_engine_that_is_silent_for_an_empty_host(world: World) -> None:
    state = HostState().but(docker_version="", docker_error="Cannot connect to the Docker daemon")
    world.answers(hold=told(state))
    with pytest.raises(HostNotReady, match="does not answer") as caught:
        down(world.host, world.work)
    assert "systemctl start docker" in caught.value.remedy
    assert world.host.transcript == ["hold down"]


def test_down_where_there_is_no_docker(world: World) -> None:
    world.answers(hold=told(HostState().but(docker_version="", docker_installed="no")))
    assert down(world.host, world.work).summary == "web1: already so, nothing runs"
