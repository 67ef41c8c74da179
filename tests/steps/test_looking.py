"""Steps that only look: `detect-os`, `doctor`, `logs`, `detect-runtime`."""

import time
from pathlib import Path

import pytest

from tasks.core.errors import ConnectionFailed, RuntimeMissing, UnsupportedHost, UsageError
from tasks.core.os_release import SUPPORTED
from tasks.core.protocols import Answer
from tasks.doctor import doctor
from tasks.hosts import detect_os
from tasks.logs import logs
from tasks.runtime import detect_runtime
from tests.steps.conftest import World, told
from tests.steps.fakes import Call
from tests.steps.samples import HostState


def now() -> str:
    return str(int(time.time()))


# --- detect-os ---


def test_a_supported_system(world: World) -> None:
    world.answers(facts=told(HostState()))
    outcome = detect_os(world.host, world.work)
    assert world.host.transcript == ["facts"]
    assert outcome.summary == "web1: Debian GNU/Linux 12 (bookworm), packages by apt-get"
    assert outcome.data == {"id": "debian", "version": "12", "package_manager": "apt-get"}


@pytest.mark.parametrize("text", [("ID=arch", "NAME=Arch"), ()])
def test_an_unsupported_system_lists_every_supported_one(world: World, text: tuple[str, ...]) -> None:
    world.answers(facts=told(HostState(os_release=text)))
    with pytest.raises(UnsupportedHost) as caught:
        detect_os(world.host, world.work)
    assert caught.value.exit_code == 3
    assert "web1" in caught.value.what
    assert (text[0] if text else "no os-release file") in caught.value.what
    assert all(name in str(caught.value) for name in SUPPORTED)
    assert "Amazon Linux" in str(caught.value)
    assert world.host.transcript == ["facts"]


# --- doctor ---


def test_a_sound_host(world: World) -> None:
    world.answers(facts=told(HostState().but(clock=now())))
    outcome = doctor(world.host, world.work)
    assert world.host.transcript == ["facts"]
    assert (outcome.exit_code, outcome.summary) == (0, "web1: ready to deploy")
    assert all(line.startswith("ok  ") for line in world.console.said)
    assert any("connection" in line and "web1 (192.0.2.1)" in line for line in world.console.said)
    assert world.is_secret_kept(outcome)


def test_each_failing_line_has_its_remedy_and_the_others_are_still_looked_at(world: World, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    world.set(APP_SOURCE=str(tmp_path / "empty"))
    world.docker.programs = ()
    state = HostState().but(clock=now(), docker_version="19.3").having("port=80 taken nginx", "disk=/ 1000 1000")
    world.answers(facts=told(state))
    outcome = doctor(world.host, world.work)
    failing = [line for line in world.console.said if line.startswith("FAIL")]
    assert [line.split("  ")[0] for line in failing] == [
        "FAIL application", "FAIL container runtime", "FAIL docker", "FAIL disk", "FAIL port 80",
    ]  # fmt: skip
    assert all("\n       do: " in line for line in failing)
    assert outcome.exit_code == 1
    assert outcome.summary.startswith("web1: 5 of ")
    assert outcome.data is not None
    checks = outcome.data["checks"]
    assert isinstance(checks, list)
    assert sum(not check["passed"] for check in checks) == 5


def test_a_host_that_cannot_be_reached_comes_after_what_is_wrong_here(world: World) -> None:
    def refused(_call: Call) -> Answer:
        raise ConnectionFailed("cannot connect to web1")

    world.answers(facts=refused)
    with pytest.raises(ConnectionFailed, match="web1"):
        doctor(world.host, world.work)
    assert [line.split()[1] for line in world.console.said] == ["application", "container"]


# --- logs ---


def test_logs_are_shown_as_they_are(world: World) -> None:
    world.answers(logs=Answer(0, ('backend-1  | {"level":"info"}', "  indented"), ("from the host",)))
    outcome = logs(world.host, world.work, service="backend", lines=7)
    assert world.host.transcript == ["logs backend 7"]
    assert world.console.said == ['backend-1  | {"level":"info"}', "  indented"]
    assert outcome.summary == ""
    assert outcome.data == {"lines": world.console.said}


def test_logs_of_everything_are_the_default(world: World) -> None:
    world.answers(logs=Answer(0))
    logs(world.host, world.work)
    assert world.host.transcript == ["logs all 100"]


@pytest.mark.parametrize("service", ["backends", "", "$(id)"])
def test_logs_of_a_stranger_are_refused_here(world: World, service: str) -> None:
    with pytest.raises(UsageError, match="no logs of") as caught:
        logs(world.host, world.work, service=service)
    assert "deploy" in caught.value.remedy
    assert world.host.transcript == []


# --- detect-runtime ---


@pytest.mark.parametrize(
    ("programs", "choice", "found"),
    [
        (("docker", "finch"), "auto", "docker"), (("docker",), "auto", "docker"), (("finch",), "auto", "finch"),
        (("docker", "finch"), "finch", "finch"), (("docker", "finch"), "docker", "docker"),
    ],
)  # fmt: skip
def test_the_runtime(world: World, programs: tuple[str, ...], choice: str, found: str) -> None:
    world.docker.programs = programs
    world.set(CONTAINER_RUNTIME=choice)
    outcome = detect_runtime(world.work)
    assert outcome.summary == f"{found} 26.1.5 works"
    assert world.docker.transcript == [(found, "info", "--format", "{{.ServerVersion}}")]


@pytest.mark.parametrize(("choice", "names"), [("auto", "docker or finch"), ("finch", "finch")])
def test_no_runtime(world: World, choice: str, names: str) -> None:
    world.docker.programs = () if choice == "auto" else ("docker",)
    world.set(CONTAINER_RUNTIME=choice)
    with pytest.raises(RuntimeMissing, match=f"{names} is not in PATH") as caught:
        detect_runtime(world.work)
    assert caught.value.exit_code == 2
    assert "Docker" in caught.value.remedy
    assert "Finch" in caught.value.remedy


@pytest.mark.parametrize("answer", [Answer(1, (), ("permission denied",)), Answer(0, ("",)), Answer(0, ())])
@pytest.mark.parametrize(("name", "remedy"), [("docker", "group docker"), ("finch", "finch vm start")])
def test_an_engine_that_does_not_answer(world: World, answer: Answer, name: str, remedy: str) -> None:
    world.docker.programs = (name,)
    world.docker.failing = {"info": answer}
    with pytest.raises(RuntimeMissing, match=f"{name} is installed, but its engine does not answer") as caught:
        detect_runtime(world.work)
    assert remedy in caught.value.remedy
