"""`install-docker`, and a deployment to a host that lacks Docker: every command in order, and what is said."""

import pytest

from tasks.core.errors import HostNotReady, InstallFailed, UnsupportedHost
from tasks.core.protocols import Answer
from tasks.deployment import deploy, plan
from tasks.installation import install_docker
from tests.steps.conftest import World, activated, loads, told
from tests.steps.fakes import Call
from tests.steps.samples import HostState

TRIXIE = ("PRETTY_NAME='Debian GNU/Linux 13 (trixie)'", "ID=debian", "VERSION_ID=13", "VERSION_CODENAME=trixie")
BARE = HostState(
    os_release=TRIXIE,
    values={
        "docker.version": "", "docker.installed": "no", "docker.error": "docker: not installed", "compose.version": "",
        "docker.group": "no",
    },
)  # fmt: skip
READY = HostState(os_release=TRIXIE, values={"docker.installed": "yes", "docker.group": "no"})
LOG = "/var/log/community-tracker/x-install-docker.log"
INSTALLED = Answer(
    0,
    (f"log={LOG}", "installed=docker.io 26.1.5+dfsg1", "started=session"),
    ("apt-get install", "warning: no init system"),
)  # fmt: skip
BROKEN = Answer(
    1,
    (
        f"log={LOG}",
        "failed.command=apt-get install -y docker.io",
        "failed.exit=100",
        "output=E: Unable to locate package",
    ),
    ("apt-get update", "failed: apt-get install"),
)


def test_a_bare_host_gets_docker_under_the_lock(world: World) -> None:
    world.answers(facts=[told(BARE), told(READY)], hold=told(BARE), install=INSTALLED)
    outcome = install_docker(world.host, world.work)
    assert world.host.transcript == ["facts", "hold install-docker", "install", "facts"]
    assert world.host.lock_given_back == 1
    assert outcome.changed
    assert outcome.summary.startswith("web1: installed Docker 26.1.5 and Compose 2.40.3 (")
    assert outcome.data is not None
    assert outcome.data["installed"] == ("docker.io 26.1.5+dfsg1",)
    (call,) = world.host.sent("install")
    assert call.parameters["PACKAGES"] == "docker.io docker-cli iptables ca-certificates docker-compose"
    assert call.parameters["PACKAGE_MANAGER"] == "apt-get"
    assert call.parameters["DOCKER_USER"] == ""
    assert call.parameters["TASK"] == "install-docker"
    assert world.console.warned == ["no init system"], "what the host warns of is seen, not only noted"
    assert any("installing docker.io" in each.what for each in world.console.shown)


def test_again_it_is_already_so_in_one_round_trip(world: World) -> None:
    world.answers(facts=told(READY))
    outcome = install_docker(world.host, world.work)
    assert world.host.transcript == ["facts"]
    assert (outcome.changed, outcome.summary) == (False, "web1: already so, Docker 26.1.5 and Compose 2.40.3")


def test_somebody_else_was_faster(world: World) -> None:
    world.answers(facts=told(BARE), hold=told(READY))
    outcome = install_docker(world.host, world.work)
    assert world.host.transcript == ["facts", "hold install-docker"]
    assert outcome.summary.startswith("web1: already so")


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (HostState(os_release=("ID=arch",), values=BARE.values), "operating system is not supported: ID=arch"),
        (HostState(os_release=("ID=rocky", "VERSION_ID=9"), values=BARE.values), "dnf install docker-ce"),
        (READY.but(docker_version="19.3.0"), "Docker 19.3.0 found, 20.10.10 required"),
        (READY.but(compose_version="", compose_v1="1.29.2"), "Docker Compose 1.29.2 found, 2.20.0 required"),
        # an engine that is too old is told before a Compose is installed beside it
        (READY.but(docker_version="19.3.0", compose_version=""), "Docker 19.3.0 found, 20.10.10 required"),
    ],
)
def test_a_host_where_it_cannot_be_is_refused_unchanged(world: World, state: HostState, said: str) -> None:
    for step in (install_docker, deploy, plan):
        world.answers(facts=told(state))
        world.host.transcript.clear()
        with pytest.raises(UnsupportedHost) as caught:
            step(world.host, world.work)
        assert said in str(caught.value)
        assert caught.value.exit_code == 3
        assert world.host.transcript == ["facts"], "not even the lock was taken"


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (BARE.but(privilege="none", privilege_next="ask ann"), "allow it: ask ann"),
        (BARE.having("port=80 taken nginx pid 12"), "port 80 is taken by nginx"),
    ],
)
def test_a_host_that_is_not_ready_is_refused_unchanged(world: World, state: HostState, said: str) -> None:
    for step in (install_docker, deploy, plan):
        world.answers(facts=told(state))
        world.host.transcript.clear()
        with pytest.raises(HostNotReady) as caught:
            step(world.host, world.work)
        assert said in str(caught.value)
        assert caught.value.exit_code == 1
        assert world.host.transcript == ["facts"], "not even the lock was taken"


def test_a_failure_names_the_command_its_output_and_the_manual_way(world: World) -> None:
    world.answers(facts=told(BARE), hold=told(BARE), install=BROKEN)
    with pytest.raises(InstallFailed) as caught:
        install_docker(world.host, world.work)
    error = caught.value
    assert error.exit_code == 1
    assert "on web1 failed: `apt-get install -y docker.io` ended with exit code 100" in error.what
    assert error.detail == "E: Unable to locate package"
    assert "by hand on the host, as root: apt-get update && apt-get install -y docker.io" in error.remedy
    assert f"{LOG} on web1" in error.remedy
    assert world.host.lock_given_back == 1


def test_a_failure_without_a_command_shows_what_the_host_said(world: World) -> None:
    world.answers(facts=told(BARE), hold=told(BARE), install=Answer(3, (), ("installed by hand for now",)))
    with pytest.raises(InstallFailed, match="failed") as caught:
        install_docker(world.host, world.work)
    assert caught.value.detail == "installed by hand for now"


def test_what_was_installed_and_is_too_old_all_the_same(world: World) -> None:
    world.answers(facts=[told(BARE), told(READY.but(compose_version="2.10.0"))], hold=told(BARE), install=INSTALLED)
    with pytest.raises(UnsupportedHost, match="cannot run the application yet") as caught:
        install_docker(world.host, world.work)
    assert "Docker Compose 2.10.0 found, 2.20.0 required" in caught.value.detail


def test_an_engine_that_stands_still_is_started(world: World) -> None:
    stopped = READY.but(docker_version="", docker_error="Cannot connect to the Docker daemon")
    world.answers(
        facts=[told(stopped), told(READY)], hold=told(stopped), install=Answer(0, ("log=x", "started=systemd"))
    )
    outcome = install_docker(world.host, world.work)
    (call,) = world.host.sent("install")
    assert call.parameters["PACKAGES"] == ""
    assert outcome.summary.startswith("web1: started Docker 26.1.5 and Compose 2.40.3")


def test_an_engine_that_cannot_start_with_its_configuration_is_not_started(world: World) -> None:
    """Turned red by: the remedy `systemctl start docker`, which cannot help."""
    wrong = "unable to configure the Docker daemon with file /etc/docker/daemon.json: invalid character"
    world.answers(facts=told(READY.but(docker_version="", docker_error=wrong)))
    with pytest.raises(HostNotReady) as caught:
        install_docker(world.host, world.work)
    assert caught.value.what == f"web1: Docker does not start: {wrong}"
    assert caught.value.remedy.startswith("mend /etc/docker/daemon.json on the host")
    assert world.host.transcript == ["facts"]


def test_a_start_that_fails_gives_the_host_s_reason_and_next_step(world: World) -> None:
    stopped = READY.but(docker_version="", docker_error="Cannot connect")
    said = ("error: Docker is installed, but does not start: why", "  next: mend /etc/docker/daemon.json on the host")
    failed = ("log=x", "failed.command=systemctl enable --now docker", "failed.exit=1", "failed.why=why")
    world.answers(facts=told(stopped), hold=told(stopped), install=Answer(1, failed, said))
    with pytest.raises(InstallFailed) as caught:
        install_docker(world.host, world.work)
    assert caught.value.what == "starting Docker on web1 failed: why"
    assert caught.value.remedy.startswith("mend /etc/docker/daemon.json on the host; all of its output is in x")


def test_the_user_joins_the_group_only_when_asked(world: World) -> None:
    world.answers(facts=told(READY), hold=told(READY), install=Answer(0, ("log=x", "group=deployer")))
    outcome = install_docker(world.host, world.work, group=True)
    (call,) = world.host.sent("install")
    assert (call.parameters["DOCKER_USER"], call.parameters["PACKAGES"]) == ("deployer", "")
    assert "deployer is in the group docker from the next login on" in outcome.summary
    for state in (READY.but(docker_group="yes"), READY.but(user="root")):
        world.answers(facts=told(state))
        assert not install_docker(world.host, world.work, group=True).changed


def test_plan_says_what_will_be_installed(world: World) -> None:
    world.built()
    world.answers(facts=told(BARE))
    outcome = plan(world.host, world.work)
    assert world.console.said[:2] == [
        "  docker: will be installed (docker.io 26.1.5 by apt-get)",
        "  compose: will be installed (docker-compose 2.26.1 by apt-get)",
    ]
    assert world.host.transcript == ["facts"]
    assert outcome.data is not None
    assert outcome.data["nothing"] is False


def test_a_deployment_installs_before_it_ships(world: World) -> None:
    release = world.built().release
    world.answers(facts=[told(BARE), told(READY)], hold=told(BARE), install=INSTALLED, load=loads(), receive=Answer(0))
    world.answers(hold_activate=activated(release))
    outcome = deploy(world.host, world.work)
    assert world.host.transcript == [
        "facts", "hold deploy", "install", "facts", "load", f"receive {release}", f"hold: activate {release}",
    ]  # fmt: skip
    assert any(line.startswith("  installed Docker 26.1.5 and Compose 2.40.3 (") for line in world.console.said)
    assert outcome.data is not None
    assert "install docker" in str(outcome.data["seconds"])
    assert world.is_secret_kept(outcome)


def test_a_deployment_that_cannot_install_sends_nothing(world: World) -> None:
    world.built()
    world.answers(facts=told(BARE), hold=told(BARE), install=BROKEN)
    with pytest.raises(InstallFailed):
        deploy(world.host, world.work)
    assert world.host.transcript == ["facts", "hold deploy", "install"]
    assert world.host.lock_given_back == 1


def test_the_host_s_words_are_progress(world: World) -> None:
    def answer(_call: Call) -> Answer:
        return Answer(0, ("log=x",), ("apt-get install: 4 s, Get:13 docker.io [31 MB]",))

    world.answers(facts=[told(BARE), told(READY)], hold=told(BARE), install=answer)
    install_docker(world.host, world.work)
    assert "apt-get install: 4 s, Get:13 docker.io [31 MB]" in world.console.everything
