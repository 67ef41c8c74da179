"""`build`: what is built, what is reused, and what is remembered."""

import json
import re
from pathlib import Path

import pytest

from tasks.builds import build
from tasks.core.errors import BuildFailed, UnsupportedHost, UsageError
from tasks.core.protocols import Answer
from tasks.deployment import plan
from tasks.last_build import last_build, needed_build
from tests.steps.conftest import World, copy_tree, told
from tests.steps.fakes import FakeDocker
from tests.steps.samples import HostState, image_line

SERVICES = ["database", "edge", "backend", "frontend"]


def builds_asked_for(world: World) -> dict[str, tuple[str, ...]]:
    builds = [words for words in world.docker.transcript if words[1] == "build"]
    return {words[-1].rpartition("/")[2].partition("-")[0]: words for words in builds}


def built(world: World) -> list[str]:
    return list(builds_asked_for(world))


def test_four_images_are_built_named_by_content_and_remembered(world: World) -> None:
    outcome = build(world.work)
    assert sorted(built(world)) == sorted(SERVICES)
    remembered = last_build(world.root)
    assert remembered is not None
    assert outcome.changed
    assert outcome.summary == f"built {remembered.release}: database, edge, backend, frontend"
    assert re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{12}", remembered.release), "outside git: of the inputs"
    assert remembered.arch == "linux/amd64"
    assert remembered.migrations == ("20260101000000_init", "20260102000000_add_status")
    for service in SERVICES:
        image = remembered.images[service]
        assert image.content_name in world.docker.images
        assert image.digest.removeprefix("sha256:").startswith(image.tag)
    left = [name for name in world.docker.images if "build-" in name or "incoming" in name]
    assert left == [], "temporary names are gone"
    assert world.is_secret_kept(outcome)


def test_each_image_takes_these_steps_in_order(world: World) -> None:
    build(world.work)
    for service in SERVICES:
        mine = [words for words in world.docker.transcript if any(f"/{service}:" in word for word in words)]
        verbs = [words[1] for words in mine if words[1] != "image"]
        assert verbs == ["build", "save", "tag", "rmi", "save", "tag"], "looked through, then the release's name"


def test_a_second_build_is_already_so(world: World) -> None:
    first = build(world.work)
    written = (world.root / ".deploy" / "last-build.json").read_bytes()
    world.docker.transcript.clear()
    again = build(world.work)
    assert first.data is not None
    assert (again.changed, again.summary) == (False, f"already so: {first.data['release']}")
    assert built(world) == []
    assert (world.root / ".deploy" / "last-build.json").read_bytes() == written


def test_each_image_has_the_release_s_name_also_when_all_was_there(world: World) -> None:
    build(world.work)
    made = last_build(world.root)
    assert made is not None
    for image in made.images.values():
        assert world.docker.images[image.release_tag(made.release)] == world.docker.images[image.content_name]
        del world.docker.images[image.release_tag(made.release)]
    build(world.work)
    assert all(image.release_tag(made.release) in world.docker.images for image in made.images.values())


def test_a_changed_frontend_builds_one_image(world: World, tmp_path: Path, application: Path) -> None:
    copy_tree(application, tmp_path / "changed")
    build(world.work)
    before = last_build(world.root)
    page = tmp_path / "changed" / "web-frontend" / "src" / "main.jsx"
    page.write_text(page.read_text() + "\n// changed\n")
    world.set(APP_SOURCE=str(tmp_path / "changed"))
    world.docker.transcript.clear()
    outcome = build(world.work)
    after = last_build(world.root)
    assert built(world) == ["frontend"]
    assert outcome.data is not None
    assert outcome.data["built"] == ["frontend"]
    assert before is not None
    assert after is not None
    assert {name for name in SERVICES if before.images[name] != after.images[name]} == {"frontend"}


def test_a_second_workstation_reuses_what_the_host_has(world: World) -> None:
    first = world.built()
    lines = [image_line(image) for image in first.images.values()]
    world.docker = FakeDocker()
    (world.root / ".deploy" / "last-build.json").unlink()
    world.answers(facts=told(HostState().having(*lines)))
    plan(world.host, world.work)
    assert built(world) == []
    again = last_build(world.root)
    assert again is not None
    assert {name: image.content_name for name, image in again.images.items()} == {
        name: image.content_name for name, image in first.images.items()
    }


def test_a_missing_base_image_is_fetched_once(world: World) -> None:
    gone = world.docker.images.pop("postgres:15-alpine")

    def pull(command: tuple[str, ...]) -> Answer:
        world.docker.images["postgres:15-alpine"] = gone
        return Answer(0)

    world.docker.pull = pull
    build(world.work)
    assert [words for words in world.docker.transcript if words[1] == "pull"] == [
        ("docker", "pull", "postgres:15-alpine")
    ]


def test_a_failed_build_shows_the_last_lines_and_where_the_rest_is(world: World) -> None:
    world.docker.failing = {"build": Answer(1, (), ("#7 npm ci", "npm error 404 left-pad"))}
    with pytest.raises(BuildFailed, match=r"building the \w+ image failed") as caught:
        build(world.work)
    assert caught.value.exit_code == 1
    assert "npm error 404 left-pad" in caught.value.detail
    log = re.search(r"\.deploy/build-\w+\.log", caught.value.remedy)
    assert log is not None
    assert "npm error 404" in (world.root / log.group()).read_text()
    assert last_build(world.root) is None


def test_an_archive_that_cannot_be_read_is_a_failed_build(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.steps.fakes.saved", lambda _images: b"\0" * 10240)
    with pytest.raises(BuildFailed, match="cannot be read"):
        build(world.work)


def test_a_base_of_another_architecture_is_named(world: World) -> None:
    world.docker.images["nginx:alpine"]["Architecture"] = "arm64"
    with pytest.raises(BuildFailed, match="nginx:alpine in the local store is for arm64") as caught:
        build(world.work)
    assert "docker pull --platform linux/amd64 nginx:alpine" in caught.value.remedy


def test_a_host_of_an_unknown_architecture_is_named(world: World) -> None:
    world.answers(facts=told(HostState().but(arch="riscv64")))
    with pytest.raises(UnsupportedHost, match="riscv64") as caught:
        plan(world.host, world.work)
    assert caught.value.exit_code == 3


def test_a_remote_build_is_refused_as_long_as_there_is_none(world: World) -> None:
    world.set(BUILD_MODE="remote")
    with pytest.raises(UsageError, match="BUILD_MODE"):
        build(world.work)


def test_identity_goes_to_backend_and_database_only(world: World) -> None:
    build(world.work)
    having = {service for service, words in builds_asked_for(world).items() if "API_USER_UID=1001" in words}
    assert having == {"backend", "database"}


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"release": "r1"}', "null"])
def test_a_build_that_cannot_be_read_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / ".deploy").mkdir()
    (tmp_path / ".deploy" / "last-build.json").write_text(text)
    assert last_build(tmp_path) is None
    with pytest.raises(UsageError, match="nothing has been built") as caught:
        needed_build(tmp_path)
    assert (caught.value.exit_code, caught.value.remedy) == (2, "run: fab build")


def test_what_is_remembered_has_a_schema(world: World) -> None:
    build(world.work)
    data = json.loads((world.root / ".deploy" / "last-build.json").read_text())
    assert data["schema"] == 1
    assert set(data) == {"schema", "release", "arch", "images", "migrations", "names"}
