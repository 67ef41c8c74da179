"""Steps that only look: `detect-os`, `doctor`, `logs`, `detect-runtime`."""

import time
from pathlib import Path

import pytest

from tasks.core.errors import ConnectionFailed, NothingDeployed, RuntimeMissing, UnsupportedHost, UsageError
from tasks.core.os_release import SUPPORTED
from tasks.core.protocols import Answer
from tasks.doctor import doctor
from tasks.hosts import detect_os, require_all
from tasks.logs import logs
from tasks.runtime import detect_runtime
from tests.steps.conftest import World, told
from tests.steps.fakes import Call, FakeHost
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


# --- several hosts ---


def test_a_host_that_cannot_be_worked_with_is_found_before_any_is_changed(world: World) -> None:
    """Turned red by: require_all that stops at the first, or that asks none."""

    def refused(_call: Call) -> Answer:
        raise ConnectionFailed("cannot connect to web2")

    good, bad = FakeHost({"facts": [told(HostState())]}), FakeHost({"facts": [refused]}, name="web2")
    require_all([(good, world.work), (good, world.work)])
    with pytest.raises(ConnectionFailed, match=r"^cannot connect to web2$"):
        require_all([(bad, world.work), (good, world.work)])
    assert good.transcript == ["facts", "facts", "facts"]
    with pytest.raises(ConnectionFailed, match="2 of 3 hosts cannot be worked with") as caught:
        require_all([(bad, world.work), (good, world.work), (bad, world.work)])
    assert caught.value.detail == "cannot connect to web2\ncannot connect to web2"


# --- doctor ---


def test_a_sound_host(world: World) -> None:
    world.answers(facts=told(HostState().but(clock=now())))
    outcome = doctor(world.host, world.work)
    assert world.host.transcript == ["facts"]
    assert (outcome.exit_code, outcome.summary) == (0, "web1: ready to deploy")
    assert all(line.startswith("ok  ") for line in world.console.said)
    assert any("connection" in line and "web1 (192.0.2.1)" in line for line in world.console.said)
    assert world.is_secret_kept(outcome)


def test_another_s_stack_and_data_are_lines_that_fail(world: World) -> None:
    """Turned red by: no identity_checks in tasks/doctor.py."""
    state = HostState().but(clock=now()).having("stack=/opt/old", "data.database=other", "data.major=17")
    world.answers(facts=told(state.having("data.flavour=musl")))
    outcome = doctor(world.host, world.work)
    failing = [line for line in world.console.said if line.startswith("FAIL")]
    assert [line.split("  ")[0] for line in failing] == ["FAIL stack", "FAIL data volume"]
    assert "the host has /opt/old, asked for is /opt/community-tracker" in failing[0]
    assert "has other, asked for is community_tracker" in failing[1]
    assert "has PostgreSQL 17 (Alpine, musl), asked for is PostgreSQL 15 (Alpine, musl)" in failing[1]
    assert outcome.exit_code == 1


def test_each_failing_line_has_its_remedy_and_the_others_are_still_looked_at(world: World, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    world.set(APP_SOURCE=str(tmp_path / "empty"))
    world.docker.programs = ()
    state = HostState().but(clock=now(), docker_version="19.3").having("port=80 taken nginx", "disk=docker / 1000 1000")
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
    assert [line.split()[1] for line in world.console.said] == ["application", "container", "base"]


@pytest.mark.parametrize("is_in_registry", [True, False])
def test_a_base_image_that_is_not_here_is_looked_up_and_not_pulled(world: World, is_in_registry: bool) -> None:
    """What a registry does not show is not called ready, nor wrong: the engine may know a mirror.

    Turned red by: no lookup_fault in _base_images (tasks/doctor.py).
    """
    world.answers(facts=told(HostState().but(clock=now())))
    del world.docker.images["nginx:alpine"]
    world.docker.failing = {"manifest": Answer(0, ("{}",)) if is_in_registry else Answer(1, (), ("no such host",))}
    outcome = doctor(world.host, world.work)
    here, looked_up = [line for line in world.console.said if "base image" in line]
    assert here.startswith("ok  ")
    assert "nginx" not in here
    assert ("docker", "manifest", "inspect", "nginx:alpine") in world.docker.transcript
    assert "pull" not in world.docker.verbs
    assert outcome.exit_code == 0
    if is_in_registry:
        assert looked_up.endswith("nginx:alpine (NGINX_IMAGE) is in its registry, the next build pulls it")
        assert outcome.summary == "web1: ready to deploy"
    else:
        assert looked_up.startswith("?   ")
        assert "nginx:alpine (NGINX_IMAGE) is not here, nor found in a registry: no such host\n" in looked_up
        assert "do: docker pull nginx:alpine" in looked_up
        assert outcome.summary == "web1: ready to deploy, as far as can be seen; not known: base image"


# --- logs ---


def test_logs_are_shown_as_they_are(world: World) -> None:
    world.answers(logs=Answer(0, ('backend-1  | {"level":"info"}', "  indented"), ("from the host",)))
    outcome = logs(world.host, world.work, service="backend", tail="7")
    assert world.host.transcript == ["logs backend 7 "]
    assert world.console.said == ['backend-1  | {"level":"info"}', "  indented"]
    assert outcome.summary == ""
    assert outcome.data == {"lines": world.console.said}


def test_logs_of_everything_are_the_default(world: World) -> None:
    world.answers(logs=Answer(0, ("edge | started",)))
    logs(world.host, world.work)
    assert world.host.transcript == ["logs all  "]


@pytest.mark.parametrize("service", ["backends", "", "$(id)"])
def test_logs_of_a_stranger_are_refused_here(world: World, service: str) -> None:
    with pytest.raises(UsageError, match="no logs of") as caught:
        logs(world.host, world.work, service=service)
    assert "deploy" in caught.value.remedy
    assert world.host.transcript == []


@pytest.mark.parametrize("service", ["all", "backend", "deploy"])
def test_logs_of_an_empty_host_are_told_as_the_host_does(world: World, service: str) -> None:
    world.answers(logs=Answer(1, (), ("nothing of that is here", "  next: fab -H HOST deploy")))
    with pytest.raises(NothingDeployed) as caught:
        logs(world.host, world.work, service=service)
    assert caught.value.exit_code == 1
    assert str(caught.value) == "web1: nothing of that is here\n  next: fab -H deployer@web1:2222 deploy"


def test_logs_that_fail_otherwise_show_what_the_host_said(world: World) -> None:
    world.answers(logs=Answer(1, (), ("tail: no space left",)))
    with pytest.raises(NothingDeployed, match="no logs of edge") as caught:
        logs(world.host, world.work, service="edge")
    assert caught.value.detail == "tail: no space left"
    assert "fab -H deployer@web1:2222 status" in caught.value.remedy


def test_a_service_that_has_written_nothing_is_no_failure(world: World) -> None:
    world.answers(logs=Answer(0))
    outcome = logs(world.host, world.work, service="edge")
    assert (outcome.summary, outcome.exit_code) == ("web1: edge has written nothing", 0)


@pytest.mark.parametrize("tail", ["-1", "ten", "1;id", "\u0661"])
def test_what_is_no_number_of_lines(world: World, tail: str) -> None:
    with pytest.raises(UsageError, match=r"--tail .* is not a number"):
        logs(world.host, world.work, tail=tail)
    assert world.host.transcript == []


@pytest.mark.parametrize("since", ["yesterday", "10", "10d", "-5m", "2026-13", "$(id)"])
def test_what_is_no_time(world: World, since: str) -> None:
    with pytest.raises(UsageError, match=r"--since .* is not a time") as caught:
        logs(world.host, world.work, since=since)
    assert "10m" in caught.value.remedy
    assert world.host.transcript == []


def test_a_deployment_s_log_has_no_since(world: World) -> None:
    with pytest.raises(UsageError, match="--since is for services"):
        logs(world.host, world.work, service="deploy", since="10m")


@pytest.mark.parametrize("since", ["10m", "1h30m", "2026-01-31", "2026-01-31T12:00:00Z", "2026-01-31T12:00+01:00"])
def test_since_goes_to_the_host(world: World, since: str) -> None:
    world.answers(logs=Answer(0, ("edge | started",)))
    logs(world.host, world.work, since=since)
    assert world.host.transcript == [f"logs all  {since}"]


def test_following_shows_lines_as_they_come_and_says_why_it_ended(world: World) -> None:
    world.answers(logs=Answer(1, ("blue/backend | one",), ("Docker does not answer", "  next: fab -H HOST doctor")))
    with pytest.raises(NothingDeployed, match="Docker does not answer"):
        logs(world.host, world.work, follow=True)
    assert world.host.transcript == ["logs all   follow"]
    assert world.console.said == ["blue/backend | one"]


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
