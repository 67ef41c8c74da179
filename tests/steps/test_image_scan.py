"""Images with a secret in them are refused before anything is sent, and each image is looked through once."""

import base64
import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.builds import build
from tasks.core.errors import BuildFailed, SecretInImage
from tasks.core.protocols import Answer, Host, Outcome
from tasks.core.workspace import Workspace
from tasks.deployment import deploy, plan
from tasks.images import ship_images
from tasks.last_build import last_build
from tests.steps.conftest import World, loads, told
from tests.steps.fakes import FakeDocker
from tests.steps.samples import SECRET, HostState, make_settings

SERVICES = ("database", "edge", "backend", "frontend")
OTHER = "an0ther-never-shown"


def memory(world: World) -> Path:
    return world.root / ".deploy" / "scanned-images.json"


def scans(world: World) -> list[list[str]]:
    """The services that each `save` for a scan was about."""
    names = [words[2:] for words in world.docker.transcript if words[1] == "save"]
    kept = [each for each in names if not any("build-" in name or "incoming" in name for name in each)]
    return [[name.partition("/")[2].partition(":")[0] for name in each] for each in kept]


def change_secret(world: World, value: str = OTHER, **overrides: str) -> None:
    source = str(world.settings.app_source)
    world.settings = make_settings(world.root, f"SESSION_TOKEN={value}\n", APP_SOURCE=source, **overrides)


def test_a_build_with_a_secret_in_it_is_refused_and_not_remembered(world: World) -> None:
    """Turned red by: no require_no_secrets in _make_build."""
    world.docker.planted = base64.b64encode(SECRET.encode()).decode()
    with pytest.raises(SecretInImage) as caught:
        build(world.work)
    error = caught.value
    assert error.exit_code == 1
    for service in SERVICES:
        assert f"community-tracker/{service}:" in error.what
        assert f"{service}:" in error.detail
    assert "layer 2 of 2" in error.detail
    assert "the value of SESSION_TOKEN (base64)" in error.detail
    assert "IMAGES_MAY_HOLD=SESSION_TOKEN" in error.remedy
    assert ".dockerignore" in error.remedy
    assert "nothing was sent" in error.now
    assert last_build(world.root) is None
    assert not memory(world).exists()
    world.console.say(str(error))
    assert world.is_secret_kept()


def test_it_is_refused_again_although_the_images_are_there_now(world: World) -> None:
    world.docker.planted = SECRET
    for _ in range(2):
        with pytest.raises(SecretInImage):
            build(world.work)
    assert len(scans(world)) == 2


@pytest.mark.parametrize("step", [plan, deploy])
def test_plan_and_deploy_refuse_and_send_nothing(world: World, step: Callable[[Host, Workspace], Outcome]) -> None:
    world.docker.planted = SECRET
    world.answers(facts=told(HostState()))
    with pytest.raises(SecretInImage):
        step(world.host, world.work)
    assert world.host.transcript == ["facts"]


def test_an_unchanged_build_is_not_looked_through_again(world: World) -> None:
    """Turned red by: no `clean.add(unknown)`."""
    build(world.work)
    assert [sorted(each) for each in scans(world)] == [sorted(SERVICES)]
    world.docker.transcript.clear()
    build(world.work)
    assert scans(world) == []
    assert "info" in world.docker.verbs
    assert world.docker.verbs.count("info") == 1


def test_other_secrets_are_looked_for_in_all_images_once(world: World) -> None:
    build(world.work)
    change_secret(world)
    world.docker.transcript.clear()
    build(world.work)
    build(world.work)
    change_secret(world, SECRET)
    build(world.work)
    assert [sorted(each) for each in scans(world)] == [sorted(SERVICES)], "the first ones are remembered too"


def test_ship_images_refuses_a_build_whose_secrets_have_changed(world: World) -> None:
    """Turned red by: no require_no_secrets in send_images."""
    world.docker.planted = OTHER
    world.built()
    change_secret(world)
    world.answers(hold=told(HostState()), load=loads())
    with pytest.raises(SecretInImage):
        ship_images(world.host, world.work)
    assert world.host.sent("load") == []
    assert world.host.lock_given_back == 1


def test_what_is_no_secret_may_be_in_images(world: World) -> None:
    world.docker.planted = SECRET
    world.settings = make_settings(
        world.root, APP_SOURCE=str(world.settings.app_source), IMAGES_MAY_HOLD="SESSION_TOKEN", VERBOSE="true"
    )
    assert build(world.work).changed
    assert "not looked for in images, as too ordinary or allowed: SESSION_TOKEN" in world.console.details


def test_images_that_are_not_here_are_left_out(world: World) -> None:
    build(world.work)
    memory(world).unlink()
    made = last_build(world.root)
    assert made is not None
    world.docker = FakeDocker()
    world.answers(hold=told(HostState()), load=loads())
    with pytest.raises(Exception, match="built elsewhere"):
        ship_images(world.host, world.work)
    assert scans(world) == []


def test_the_memory_tells_nothing_of_the_secrets(world: World) -> None:
    build(world.work)
    assert stat.S_IMODE(memory(world).stat().st_mode) == 0o600
    data = json.loads(memory(world).read_text())
    assert {len(entry) for entry in data["clean"]} == {64}
    assert len(set(data["clean"])) == len(SERVICES)
    keys = {data["key"]}
    memory(world).unlink()
    build(world.work)
    again = json.loads(memory(world).read_text())
    assert again["key"] not in keys
    assert not set(again["clean"]) & set(data["clean"]), "keyed"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": 1, "clean": []}', '{"key": "zz", "clean": []}'])
def test_a_memory_that_cannot_be_read_counts_as_none(world: World, text: str) -> None:
    build(world.work)
    memory(world).write_text(text)
    build(world.work)
    assert len(scans(world)) == 2


def test_a_long_list_is_cut(world: World) -> None:
    world.docker.planted = SECRET
    lines = "".join(f"VALUE_{number}={SECRET}\n" for number in range(9))
    world.settings = make_settings(world.root, lines, APP_SOURCE=str(world.settings.app_source))
    with pytest.raises(SecretInImage) as caught:
        build(world.work)
    assert len(caught.value.detail.splitlines()) == 21
    assert caught.value.detail.endswith("and 16 more")


def test_an_archive_that_cannot_be_looked_through_is_a_failed_build(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.built()
    memory(world).unlink()
    monkeypatch.setattr("tests.steps.fakes.saved", lambda _images: b"\0" * 10240)
    with pytest.raises(BuildFailed, match="cannot be read"):
        build(world.work)


def test_a_save_that_fails_is_not_taken_for_a_clean_image(world: World) -> None:
    world.built()
    memory(world).unlink()
    world.docker.failing = {"save": Answer(1, (), ("no space left",))}
    with pytest.raises(Exception, match="docker save"):
        build(world.work)
    assert not memory(world).exists()
