"""`deploy` and `plan` on a stand-in host: every command in order, and what the person is told."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.core.activation import url
from tasks.core.errors import (
    ActivationFailed,
    HostFailed,
    HostNotReady,
    IdentityChanged,
    Locked,
    RuntimeMissing,
    SettingsError,
    UnsupportedHost,
)
from tasks.core.protocols import Answer, Outcome
from tasks.deployment import deploy, plan
from tasks.last_build import last_build
from tests.steps.conftest import World, activated, failed, loads, told
from tests.steps.fakes import Call, files_in
from tests.steps.samples import SECRET, HostState, identity_lines, make_settings, release_line, serving

OLD = "20260101T000000Z-abc1234"


def deployable(world: World, state: HostState) -> str:
    """Let the host answer all that a deployment asks; give the release's name."""
    release = world.built().release
    world.answers(facts=told(state), hold=told(state), load=loads(), tag=Answer(0), receive=Answer(0))
    world.answers(hold_activate=activated(release))
    return release


def test_a_new_host_is_served_in_five_round_trips(world: World) -> None:
    release = deployable(world, HostState())
    outcome = deploy(world.host, world.work)
    assert world.host.transcript == [
        "facts", "hold deploy", "load", f"receive {release}", f"hold: activate {release}",
    ]  # fmt: skip
    assert world.host.lock_given_back == 1
    assert outcome.changed
    assert outcome.exit_code == 0
    assert outcome.summary.startswith(f"web1: {release} serves at http://192.0.2.1/ (")
    assert outcome.data is not None
    assert (outcome.data["release"], outcome.data["slot"]) == (release, "blue")
    assert outcome.data["steps"] == {"start": 1200, "health": 2500, "switch": 30}
    assert world.is_secret_kept(outcome)


def test_everything_is_built_on_a_new_workstation(world: World) -> None:
    world.answers(facts=told(HostState()), hold=told(HostState()), load=loads(), receive=Answer(0))
    world.answers(hold_activate=lambda call: activated(call.words[0].split()[1]))
    deploy(world.host, world.work)
    assert world.console.said[0] == "  built database, edge, backend, frontend"
    builds = [words for words in world.docker.transcript if words[1] == "build"]
    assert len(builds) == 4
    assert world.host.transcript[0] == "facts", "the host is asked before anything is built"


def test_what_is_sent_is_the_images_and_the_release(world: World) -> None:
    release = deployable(world, HostState())
    deploy(world.host, world.work)
    (load,) = world.host.sent("load")
    orders = [order.split() for order in load.parameters["IMAGES"].splitlines()]
    assert [order[0] for order in orders] == ["database", "edge", "backend", "frontend"]
    for service, content, tag, incoming, layers in orders:
        assert re.fullmatch(rf"community-tracker/{service}:[0-9a-f]{{12}}", content)
        assert tag == f"community-tracker/{service}:{release}"
        assert incoming not in (content, tag)
        assert re.fullmatch(r"(sha256:[0-9a-f]{64},?){2}", layers)
    (received,) = world.host.sent("receive")
    files = files_in(received.data)
    assert set(files) >= {".env", "app.env.json", "docker-compose.yml", "platform.yml", "bin/host.sh", "SHA256SUMS"}
    assert [name for name, content in files.items() if SECRET.encode() in content] == ["app.env.json"]


def test_a_first_deployment_is_refused_where_an_account_could_read_its_secrets(world: World) -> None:
    """Turned red by: no require_own_number in deploy (the images were sent, and the secrets)."""
    deployable(world, HostState().but(account="ann", account_free="2003"))
    with pytest.raises(HostNotReady, match="is the number of the account ann") as caught:
        deploy(world.host, world.work)
    assert caught.value.exit_code == 1
    assert "API_USER_UID=2003" in caught.value.remedy
    assert (world.host.transcript, world.docker.transcript[1:]) == (["facts"], [])
    plan(world.host, world.work)
    assert world.console.warned[-1].startswith("deploy will refuse: 1001 (API_USER_UID)")


def test_a_host_that_serves_is_deployed_with_a_warning(world: World) -> None:
    """Its number can no longer change: a refusal would only leave the old release with the same number."""
    state = serving(world.files()).but(account="ann", account_free="2003").having(*identity_lines(world.settings))
    deployable(world, state)
    world.set(DRAIN_SECONDS="3")
    deploy(world.host, world.work)
    assert "usermod -u 2003 ann" in world.console.warned[0]
    assert "hold: activate" in world.host.transcript[-1]
    plan(world.host, world.work)
    assert "deploy will refuse" not in world.console.warned[-1]


def test_parameters_name_who_asks_and_for_what(world: World) -> None:
    deployable(world, HostState())
    deploy(world.host, world.work)
    tasks = [(call.words[0], call.parameters["TASK"]) for call in world.host.calls]
    assert tasks == [("facts", "facts"), ("hold", "deploy"), ("load", "ship-images"), ("receive", "push-config")]
    assert all("@" in call.parameters["OPERATOR"] for call in world.host.calls)
    assert all(call.parameters["APP_NAME"] == "community-tracker" for call in world.host.calls)


def test_already_so_takes_one_round_trip_and_no_lock(world: World) -> None:
    world.answers(facts=told(serving(world.files(), OLD)))
    outcome = deploy(world.host, world.work)
    assert world.host.transcript == ["facts"]
    assert world.host.lock_given_back == 0
    assert not outcome.changed
    assert outcome.summary.startswith(f"web1: already so, {OLD} serves (1 round trip, ")
    assert outcome.data == {"release": OLD, "round_trips": 1}
    assert "build" not in world.docker.verbs
    assert "save" not in world.docker.verbs
    assert world.is_secret_kept(outcome)


def test_a_failed_activation_says_why_and_what_still_serves(world: World) -> None:
    files = world.files()
    world.set(HTTP_PORT="8080")
    state = serving(files, OLD)
    world.answers(facts=told(state), hold=told(state), receive=Answer(0), tag=Answer(0))
    world.answers(hold_activate=lambda call: failed(call.words[0].split()[1], OLD))
    with pytest.raises(ActivationFailed) as caught:
        deploy(world.host, world.work)
    error = caught.value
    assert error.exit_code == 1
    assert "did not come up on web1 (step health, service backend): its container ended with exit code 1" in error.what
    assert "Error: cannot find module" in error.detail
    assert error.now == f"{OLD} still serves from slot blue"
    assert "fab -H deployer@web1:2222 explain shows this again" in error.remedy
    assert "/var/log/community-tracker/y.log" in error.remedy
    assert world.host.lock_given_back == 1
    assert world.is_secret_kept()
    assert SECRET not in str(error)


def test_a_failed_first_activation_says_that_nothing_served(world: World) -> None:
    release = deployable(world, HostState())
    world.answers(hold_activate=failed(release))
    with pytest.raises(ActivationFailed, match="did not come up") as caught:
        deploy(world.host, world.work)
    assert caught.value.now == "nothing serves; the database, its data and the volumes are kept"


def test_an_activation_that_was_cut_off_is_not_a_success(world: World) -> None:
    deployable(world, HostState())
    world.answers(hold_activate=Answer(0, ()))
    with pytest.raises(ActivationFailed, match="cut off") as caught:
        deploy(world.host, world.work)
    assert "not known" in caught.value.now


def test_a_failed_release_is_tried_again_under_its_name(world: World) -> None:
    files = world.files()
    state = serving(files, OLD).without("release=").having(
        release_line(OLD, "active"), release_line("20260102T000000Z-abc1234", "failed", files)
    )  # fmt: skip
    world.answers(facts=told(state), hold=told(state), receive=Answer(0), tag=Answer(0))
    world.answers(hold_activate=activated("20260102T000000Z-abc1234", "green"))
    deploy(world.host, world.work)
    assert world.host.transcript == ["facts", "hold deploy", "tag", "hold: activate 20260102T000000Z-abc1234"]


def test_a_changed_setting_takes_a_new_name_that_is_remembered(world: World) -> None:
    files = world.files()
    old = world.built().release
    state = serving(files, old)
    world.set(HTTP_PORT="8080")
    world.answers(facts=told(state), hold=told(state), receive=Answer(0), tag=Answer(0))
    world.answers(hold_activate=lambda call: activated(call.words[0].split()[1], "green", old))
    outcome = deploy(world.host, world.work)
    assert world.console.said[-1] == (
        "  look: fab -H deployer@web1:2222 status; back: fab -H deployer@web1:2222 rollback"
    )
    build = last_build(world.root)
    assert build is not None
    assert outcome.data is not None
    assert outcome.data["release"] == build.names["web1"] != build.release
    assert "  settings: HTTP_PORT" in world.console.said


LOCKED = Answer(4, ("holder=anna@laptop deploy since 12:00",), ("error: locked: another task", "  next: wait until"))


def test_another_deployment_at_work(world: World) -> None:
    deployable(world, HostState())
    world.answers(hold=LOCKED)
    with pytest.raises(Locked, match="web1 is locked by anna@laptop deploy") as caught:
        deploy(world.host, world.work)
    assert caught.value.exit_code == 4
    assert "--wait" in caught.value.remedy
    assert not any("locked" in line for line in world.console.said), "it is the last message"
    assert world.host.transcript == ["facts", "hold deploy"]


def test_waiting_for_another_deployment(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.hosts._RETRY_SECONDS", 0.01)
    release = deployable(world, HostState())
    world.answers(hold=[LOCKED, LOCKED, told(HostState())])
    deploy(world.host, world.work, wait=60)
    assert world.host.transcript == [
        "facts", *["hold deploy"] * 3, "load", f"receive {release}", f"hold: activate {release}",
    ]  # fmt: skip
    assert world.host.lock_given_back == 3
    waiting = "web1 is locked by anna@laptop deploy since 12:00: waiting, 60 s at most"
    assert world.console.said.count(waiting) == 1


def test_waiting_in_vain(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.hosts._RETRY_SECONDS", 0.2)
    deployable(world, HostState())
    world.answers(hold=LOCKED)
    began = time.monotonic()
    with pytest.raises(Locked):
        deploy(world.host, world.work, wait=1)
    assert 0.9 < time.monotonic() - began < 5


def test_the_holder_hears_from_us_and_gets_its_order_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.hosts._PING_SECONDS", 0.05)
    release = deployable(world, HostState())

    def slowly(call: Call) -> Answer:
        time.sleep(0.3)
        return Answer(0)

    world.answers(receive=slowly)
    deploy(world.host, world.work)
    told_to = [line for line in world.host.transcript if line.startswith("hold: ")]
    assert told_to[-1] == f"hold: activate {release}"
    assert 2 <= told_to.count("hold: ping") == world.host.pongs == len(told_to) - 1


@pytest.mark.parametrize(
    ("changes", "what"),
    [({"docker_version": "", "privilege": "docker"}, "no Docker engine"),
     ({"compose_version": "1.29.2"}, "1.29.2 found, 2.20.0 required"),
     ({"docker_rootless": "yes"}, "rootless")],
)  # fmt: skip
def test_an_unfit_host_is_refused_before_a_build(world: World, changes: dict[str, str], what: str) -> None:
    world.answers(facts=told(HostState().but(**changes)))
    with pytest.raises(UnsupportedHost, match="web1 cannot run the application yet") as caught:
        deploy(world.host, world.work)
    assert caught.value.exit_code == 3
    assert what in str(caught.value)
    assert "fab -H HOST" not in str(caught.value)
    assert world.host.transcript == ["facts"]
    assert world.docker.verbs == ["info"]


@pytest.mark.parametrize(
    ("state", "what"),
    [(HostState().but(privilege="none", docker_version="", docker_error="permission denied", privilege_next="ask ann"),
      "allow it: ask ann"),
     (HostState().having("port=80 taken nginx pid 12"), "port 80 is taken by nginx pid 12")],
)  # fmt: skip
def test_a_host_that_is_not_ready_is_refused_before_a_build(world: World, state: HostState, what: str) -> None:
    world.answers(facts=told(state))
    with pytest.raises(HostNotReady, match="web1 cannot run the application yet") as caught:
        deploy(world.host, world.work)
    assert caught.value.exit_code == 1
    assert what in str(caught.value)
    assert "permission denied" not in str(caught.value)
    assert world.host.transcript == ["facts"]


def test_a_directory_that_cannot_be_written_is_refused_before_a_build(world: World) -> None:
    """Turned red by: no require_writable in deploy; plan changes nothing there, and shows what would be."""
    fault = {"path_obstacle": "/x/lock belongs to root", "path_next": "sudo chown /x"}
    world.answers(facts=told(HostState().but(privilege="docker", **fault)))
    with pytest.raises(HostNotReady, match=r"^web1: /x/lock belongs to root") as caught:
        deploy(world.host, world.work)
    assert caught.value.remedy == "sudo chown /x"
    assert world.host.transcript == ["facts"]
    assert world.docker.verbs == ["info"]


@pytest.mark.parametrize("step", [deploy, plan])
def test_another_identity_is_refused_before_a_build(world: World, step: Callable[..., Outcome]) -> None:
    world.answers(facts=told(serving(world.files(), OLD).having(*identity_lines(world.settings))))
    world.docker.images.clear()
    world.set(POSTGRES_DB="tracker", API_USER_UID="2001")
    with pytest.raises(IdentityChanged, match="the database on web1 has another identity") as caught:
        step(world.host, world.work)
    error = caught.value
    assert error.exit_code == 2
    assert error.detail == (
        "POSTGRES_DB (command line): the host has community_tracker, asked for is tracker\n"
        "API_USER_UID (command line): the host has 1001, asked for is 2001"
    )
    assert "set it back (POSTGRES_DB=community_tracker, API_USER_UID=1001)" in error.remedy
    assert "fab -H deployer@web1:2222 down --volumes --yes" in error.remedy
    assert world.host.transcript == ["facts"]
    assert world.docker.verbs == ["info"]


@pytest.mark.parametrize("step", [deploy, plan])
@pytest.mark.parametrize("line", ["stack=/opt/old", "data.database=other", "data.source=other"])
def test_another_s_stack_or_data_is_refused_before_a_build(
    world: World, step: Callable[..., Outcome], line: str
) -> None:
    world.answers(facts=told(HostState().having(line)))
    world.docker.images.clear()
    with pytest.raises(IdentityChanged, match="nothing was changed") as caught:
        step(world.host, world.work)
    assert caught.value.exit_code == 2
    assert world.host.transcript == ["facts"]
    assert world.docker.verbs == ["info"]


@pytest.mark.parametrize("step", [deploy, plan])
def test_a_new_database_image_that_cannot_read_the_data_is_refused_before_anything_is_sent(
    world: World, step: Callable[..., Outcome]
) -> None:
    """Turned red by: no `_require_server` in `_prepare` (tasks/deployment.py)."""
    deployable(world, HostState().having("data.source=identity", "data.major=15", "data.flavour=glibc"))
    with pytest.raises(IdentityChanged, match="holds another database") as caught:
        step(world.host, world.work)
    assert "has PostgreSQL 15 (Debian, glibc), asked for is PostgreSQL 15 (Alpine, musl)" in caught.value.detail
    assert world.host.transcript == ["facts"]


def test_the_database_image_that_runs_is_not_asked(world: World) -> None:
    state = serving(world.files(), OLD).having("data.source=identity", "data.major=15", "data.flavour=glibc")
    deployable(world, state)
    world.set(CLIENT_MAX_BODY_SIZE="3m")
    plan(world.host, world.work)
    assert "run" not in world.docker.verbs


def test_an_identity_that_came_meanwhile_is_refused_under_the_lock(world: World) -> None:
    deployable(world, HostState())
    others = identity_lines(make_settings(world.root, POSTGRES_DB="tracker"))
    world.answers(hold=told(HostState().having(*others)))
    with pytest.raises(IdentityChanged):
        deploy(world.host, world.work)
    assert world.host.transcript == ["facts", "hold deploy"]


def test_without_a_runtime_the_host_is_not_contacted(world: World) -> None:
    world.docker.programs = ()
    with pytest.raises(RuntimeMissing, match="docker or finch is not in PATH") as caught:
        deploy(world.host, world.work)
    assert caught.value.exit_code == 2
    assert world.host.transcript == []


def test_a_dead_daemon(world: World) -> None:
    world.docker.failing = {"info": Answer(1, (), ("Cannot connect to the Docker daemon",))}
    with pytest.raises(RuntimeMissing, match="its engine does not answer") as caught:
        deploy(world.host, world.work)
    assert "systemctl start docker" in caught.value.remedy
    assert "Cannot connect" in caught.value.detail
    assert world.host.transcript == []


@pytest.mark.parametrize("step", [deploy, plan])
def test_sources_that_cannot_be_built_are_refused_before_the_host_is_contacted(
    world: World, tmp_path: Path, step: Callable[..., Outcome]
) -> None:
    world.set(APP_SOURCE=str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match="nothing was contacted") as settings:
        step(world.host, world.work)
    assert "APP_SOURCE" in settings.value.detail
    (tmp_path / "empty").mkdir()
    world.set(APP_SOURCE=str(tmp_path / "empty"))
    with pytest.raises(SettingsError, match="in the application's sources") as application:
        step(world.host, world.work)
    assert "web-frontend" in application.value.detail
    assert "docs/application.md" in application.value.remedy
    assert (settings.value.exit_code, application.value.exit_code) == (2, 2)
    assert world.host.transcript == []
    assert world.docker.transcript == []


def test_a_receipt_that_fails_is_reported_and_nothing_is_activated(world: World) -> None:
    deployable(world, HostState())
    world.answers(receive=Answer(1, ("differs=.env",), ("no space left on device",)))
    with pytest.raises(HostFailed, match="receive failed on web1") as caught:
        deploy(world.host, world.work)
    assert "no space left" in caught.value.detail
    assert not any("activate" in line for line in world.host.transcript)


def test_plan_changes_nothing(world: World) -> None:
    deployable(world, HostState())
    outcome = plan(world.host, world.work)
    assert world.host.transcript == ["facts"]
    assert not outcome.changed
    assert outcome.summary.startswith("web1: would deploy ")
    assert any("image frontend" in line for line in world.console.said)
    assert json.loads(json.dumps(outcome.data))["nothing"] is False
    assert world.is_secret_kept(outcome)


def test_plan_of_nothing(world: World) -> None:
    world.answers(facts=told(serving(world.files(), OLD)))
    outcome = plan(world.host, world.work)
    assert outcome.summary == f"web1: already so, {OLD} serves"
    assert world.console.said == []


@pytest.mark.parametrize(
    ("overrides", "address", "text"),
    [
        ({}, "web1.example.org", "http://web1.example.org/"),
        ({"HTTP_PORT": "8080"}, "192.0.2.1", "http://192.0.2.1:8080/"),
        ({"ENABLE_HTTPS": "true", "CERT_PATH": "host:/c"}, "web1", "https://web1/"),
        ({"ENABLE_HTTPS": "true", "CERT_PATH": "host:/c", "HTTPS_PORT": "8443"}, "2001:db8::1", "https://[2001:db8::1]:8443/"),
    ],
)  # fmt: skip
def test_urls(world: World, overrides: dict[str, str], address: str, text: str) -> None:
    world.set(**overrides)
    assert url(world.settings, address) == text


def test_what_the_host_says_while_it_receives_is_for_verbose_mode(world: World) -> None:
    deployable(world, HostState())
    world.answers(receive=Answer(0, (), ("files are complete",)))
    deploy(world.host, world.work)
    assert "files are complete" in world.console.details
    assert "release serving" in world.console.said
