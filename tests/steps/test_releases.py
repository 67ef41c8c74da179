"""`push-config`, with every command that the host gets."""

from dataclasses import replace

import pytest

from tasks.core.errors import IdentityChanged, UsageError
from tasks.core.protocols import Answer
from tasks.last_build import last_build, write_build
from tasks.releases import push_config
from tests.steps.conftest import World, told
from tests.steps.fakes import files_in
from tests.steps.samples import RELEASE, SECRET, HostState, identity_lines, image_line, release_line

OLD, NEW = "20260101T000000Z-abc1234", "20260102T000000Z-def5678"


def test_a_new_release_is_pushed(world: World) -> None:
    release = world.built().release
    world.answers(hold=told(HostState()), receive=Answer(0, (f"received={release}",)))
    outcome = push_config(world.host, world.work)
    assert world.host.transcript == ["hold push-config", f"receive {release}"]
    assert world.host.released == 1, "the host's log says that all is done"
    assert world.host.calls[0].parameters["LOG_RELEASE"] == release
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


def test_images_that_are_there_get_the_new_name_too(world: World) -> None:
    images = world.built().images.values()
    state = HostState().having(release_line(RELEASE, "active"), *map(image_line, images))
    world.answers(hold=told(state), receive=Answer(0), tag=Answer(0))
    outcome = push_config(world.host, world.work)
    assert outcome.data is not None
    name = str(outcome.data["release"])
    assert world.host.transcript == ["hold push-config", f"receive {name}", "tag"]
    tags = {line.split()[2] for line in world.host.calls[-1].parameters["IMAGES"].splitlines()}
    assert tags == {image.release_tag(name) for image in images}


def test_a_name_is_one_host_s(world: World) -> None:
    build = world.built()
    write_build(world.root, replace(build, names={"web2": NEW}))
    world.answers(hold=told(HostState()), receive=Answer(0))
    push_config(world.host, world.work)
    assert world.host.transcript[-1] == f"receive {RELEASE}"


def test_settings_of_another_database_are_not_pushed(world: World) -> None:
    world.built()
    state = HostState().having(*identity_lines(world.settings))
    world.set(POSTGRES_USER="tracker")
    world.answers(hold=told(state))
    with pytest.raises(IdentityChanged):
        push_config(world.host, world.work)
    assert world.host.transcript == ["hold push-config"]


def test_push_needs_a_build(world: World) -> None:
    with pytest.raises(UsageError, match="nothing has been built yet"):
        push_config(world.host, world.work)
    assert world.host.transcript == []
