"""Builds that meet: two in one checkout, two checkouts on one engine, and one that is interrupted."""

import _thread
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

import pytest

from tasks.builds import build
from tasks.core.errors import BuildFailed, DeployError
from tasks.core.protocols import Answer
from tasks.core.workspace import Workspace
from tasks.last_build import last_build, remember_name, write_build
from tests.steps.conftest import World
from tests.steps.fakes import FakeConsole, FakeDocker
from tests.steps.samples import make_build

LIMIT = 60.0


@dataclass
class WatchedDocker(FakeDocker):
    """A docker whose builds first do what the test says."""

    first: Callable[[tuple[str, ...]], Answer | None] = field(default=lambda _words: None)
    begun: list[str] = field(default_factory=list)

    def _build(self, words: tuple[str, ...]) -> Answer:
        self.begun.append(words[words.index("-t") + 1])
        return self.first(words) or super()._build(words)


@dataclass
class ListeningConsole(FakeConsole):
    """A console on which a test waits for a line."""

    heard: Event = field(default_factory=Event)

    def say(self, text: str) -> None:
        super().say(text)
        self.heard.set()


def left_over(docker: FakeDocker) -> list[str]:
    return [name for name in docker.images if ":build-" in name]


def test_a_second_build_in_the_checkout_waits_says_so_and_takes_over_what_the_first_made(world: World) -> None:
    at_work, may_go_on = Event(), Event()

    def hold(_words: tuple[str, ...]) -> None:
        at_work.set()
        assert may_go_on.wait(LIMIT)

    docker, console = WatchedDocker(first=hold), ListeningConsole()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(build, Workspace(world.root, world.settings, docker, world.console))
        assert at_work.wait(LIMIT)
        second = pool.submit(build, Workspace(world.root, world.settings, docker, console))
        assert console.heard.wait(LIMIT)
        may_go_on.set()
        made, again = first.result(LIMIT), second.result(LIMIT)
    assert "another build is at work in this checkout (process " in console.said[0]
    assert made.data is not None
    assert (again.changed, again.summary) == (False, f"already so: {made.data['release']}")
    assert len(docker.begun) == 4


def test_two_checkouts_build_under_names_of_their_own(world: World) -> None:
    docker, other = WatchedDocker(), WatchedDocker()
    for each in (docker, other):
        (world.root / ".deploy" / "last-build.json").unlink(missing_ok=True)
        build(Workspace(world.root, world.settings, each, world.console))
    assert len(docker.begun) == len(other.begun) == 4
    assert not set(docker.begun) & set(other.begun)
    assert {name.rpartition("-")[0] for name in docker.begun} == {name.rpartition("-")[0] for name in other.begun}


@pytest.mark.parametrize("verb", ["build", "save"])
def test_a_failed_build_leaves_no_temporary_name_and_begins_no_further_image(world: World, verb: str) -> None:
    docker = WatchedDocker(failing={"save": Answer(1, (), ("no space left",))} if verb == "save" else {})
    if verb == "build":
        docker.first = lambda _words: Answer(1, (), ("npm error",))
    with pytest.raises(BuildFailed if verb == "build" else DeployError, match=verb):
        build(Workspace(world.root, world.settings, docker, world.console))
    assert left_over(docker) == []
    assert list((world.root / ".deploy" / "context").iterdir()) == []
    assert len(docker.begun) < 4
    assert last_build(world.root) is None


def test_an_interrupted_build_ends_what_is_under_way_and_begins_nothing(world: World) -> None:
    stopped = Event()

    def interrupt(_words: tuple[str, ...]) -> Answer:
        if len(docker.begun) == 1:
            _thread.interrupt_main()
        assert stopped.wait(LIMIT)
        return Answer(1, (), ("context canceled",))

    docker = WatchedDocker(first=interrupt)
    docker.stop = stopped.set  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        build(Workspace(world.root, world.settings, docker, world.console))
    assert len(docker.begun) <= 2
    assert left_over(docker) == []


def test_a_name_is_remembered_with_the_build_it_belongs_to(tmp_path: Path) -> None:
    made = make_build()
    write_build(tmp_path, made)
    remember_name(tmp_path, made, "web1", "one")
    remember_name(tmp_path, made, "web2", "two")
    remembered = last_build(tmp_path)
    assert remembered is not None
    assert remembered.names == {"web1": "one", "web2": "two"}
    newer = replace(made, release="20261124T000000Z-0000000")
    write_build(tmp_path, newer)
    remember_name(tmp_path, made, "web3", "three")
    assert last_build(tmp_path) == newer, "another has been built meanwhile"
    assert [path.name for path in (tmp_path / ".deploy").iterdir()] == ["last-build.json"]
