"""A connection to a lab host, opened as the tasks open it: every failure has its host and reason, and sends nothing."""

import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fabric import Config, Connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.binding.ssh import SshHost
from tasks.core.bundle import host_bundle
from tasks.core.errors import ConnectionFailed, HostFailed
from tests.labhost import LabHost

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
main() {
  case $1 in
  say) shift; for word in "$@"; do printf 'word=%s\\n' "$word"; done; printf 'value=%s\\n' "$VALUE"; echo talk >&2 ;;
  fail) echo 'what went wrong' >&2; exit "$2" ;;
  count) echo ready; printf 'bytes=%s\\n' "$(wc -c)" ;;
  early) echo ready; head -c 10 >/dev/null; exit 7 ;;
  echo) echo ready; while IFS= read -r line; do printf 'heard=%s\\n' "$line"; done ;;
  die) kill -9 $PPID ;;
  esac
}
main "$@"
"""


@dataclass
class Reached:
    """The lab host as a step gets it, and what was warned of on the way."""

    lab: LabHost
    warnings: list[str] = field(default_factory=list)

    def open(self, *, name: str = "", user: str = "deployer", port: int | None = None, strict: bool = True,
             known: Path | None = None, key: Path | None = None, bundle: str = SCRIPT) -> SshHost:  # fmt: skip
        config = self.lab.home / "test-config"
        files = known or self.lab.home / ".ssh" / "known_hosts"
        config.write_text(f"UserKnownHostsFile {files}\nGlobalKnownHostsFile /dev/null\n")
        loaded = Config(lazy=True)
        loaded.set_runtime_ssh_path(str(config))
        loaded.load_ssh_config()
        connection = Connection(
            name or self.lab.address,
            user=user,
            port=port,
            config=loaded,
            connect_kwargs={"key_filename": str(key or self._key), "allow_agent": False, "look_for_keys": False},
        )
        return SshHost(connection, bundle, strict=strict, warn=self.warnings.append)

    @property
    def _key(self) -> str:
        words = [line.split() for line in self.lab.ssh_config.read_text().splitlines()]
        return str(Path(next(word[1] for word in words if word and word[0] == "IdentityFile")).expanduser())


@pytest.fixture
def reached(lab: LabHost) -> Reached:
    return Reached(lab)


def refusal(host: SshHost) -> ConnectionFailed:
    """What an attempt says, within its time and without a round trip."""
    began = time.monotonic()
    with pytest.raises(ConnectionFailed) as caught:
        host.run("say", parameters={"VALUE": ""})
    assert time.monotonic() - began < 12
    assert host.round_trips == 0, "something was sent"
    assert host.name in caught.value.what
    assert "Nothing was changed" in caught.value.remedy
    return caught.value


def make_key(place: Path, passphrase: str = "") -> Path:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-m", "PEM", "-N", passphrase, "-f", place / "id_ed25519"], check=True
    )
    return place / "id_ed25519"


# --- every kind of failure ---


# Feature: production-deployment-system, Property 16: SSH verification
@given(port=st.integers(1024, 65535), user=st.sampled_from(["deployer", "root", "nobody", "a-b.c"]))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_closed_port_is_named_and_nothing_is_sent(reached: Reached, port: int, user: str) -> None:
    """Turned red by counting the round trip, or sending the script, before the connection is open."""
    error = refusal(reached.open(port=port, user=user))
    assert f"({user}@{reached.lab.address}:{port}): the connection was refused" in error.what
    assert f"`ssh -v {reached.lab.address}` shows more" in error.remedy, "the name as it was given"


@given(name=st.from_regex(r"[a-z][a-z0-9]{0,70}", fullmatch=True))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_unknown_name_is_named(reached: Reached, name: str) -> None:
    error = refusal(reached.open(name=f"{name}.invalid"))
    assert error.what.startswith(f"cannot connect to {name}.invalid (deployer@{name}.invalid:22): the name is unknown")


def test_a_host_that_is_silent_is_given_up_within_its_time(reached: Reached) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        error = refusal(reached.open(name="127.0.0.1", port=listener.getsockname()[1]))
    assert "nothing there spoke SSH within 10 s" in error.what


def test_a_changed_host_key_is_always_refused(reached: Reached, tmp_path: Path) -> None:
    other = make_key(tmp_path).with_suffix(".pub").read_text()
    known = tmp_path / "known_hosts"
    known.write_text(f"{reached.lab.address} {other}")
    for strict in (True, False):
        error = refusal(reached.open(known=known, strict=strict))
        assert "its host key has changed: it shows SHA256:" in error.what
        assert f"ssh-keygen -R '{reached.lab.address}'" in error.remedy
    assert known.read_text() == f"{reached.lab.address} {other}"
    assert reached.warnings == []


def test_an_unknown_host_key_is_refused_when_strict(reached: Reached, tmp_path: Path) -> None:
    error = refusal(reached.open(known=tmp_path / "none"))
    assert "key SHA256:" in error.what
    assert "SSH_HOST_KEYS is strict" in error.what
    assert not (tmp_path / "none").exists()


def test_an_unknown_host_key_is_recorded_with_a_warning_otherwise(reached: Reached, tmp_path: Path) -> None:
    known = tmp_path / "new" / "known_hosts"
    assert reached.open(known=known, strict=False).run("say", parameters={"VALUE": "1"}).value("value") == "1"
    (warning,) = reached.warnings
    listed = subprocess.run(["ssh-keygen", "-lf", known], check=True, capture_output=True, text=True).stdout.split()
    assert listed[1] in warning, "the SHA256 as OpenSSH shows it"
    assert known.stat().st_mode & 0o777 == 0o600
    assert reached.open(known=known).run("say", parameters={"VALUE": "2"}).value("value") == "2"
    assert len(reached.warnings) == 1


def test_a_login_that_is_refused(reached: Reached, tmp_path: Path) -> None:
    error = refusal(reached.open(key=make_key(tmp_path)))
    assert "the login was refused" in error.what
    assert "authorized_keys" in error.remedy


def test_a_key_with_a_passphrase(reached: Reached, tmp_path: Path) -> None:
    error = refusal(reached.open(key=make_key(tmp_path, "a passphrase")))
    assert "passphrase" in error.what
    assert "ssh-add" in error.remedy


# --- a connection that is there ---


LINE = st.text(st.characters(exclude_characters="\0\n", exclude_categories=["Cs"]), max_size=2000)


@given(words=st.lists(LINE, max_size=4), value=LINE)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_words_and_parameters_arrive_unchanged(open_host: SshHost, words: list[str], value: str) -> None:
    answer = open_host.run("say", *words, parameters={"VALUE": value})
    assert answer.values("word") == tuple(words)
    assert answer.value("value") == value
    assert answer.talk == ("talk",)


@pytest.fixture(scope="module")
def open_host(lab: LabHost) -> SshHost:
    return Reached(lab).open()


def test_one_connection_and_one_round_trip_a_command(reached: Reached) -> None:
    host = reached.open()
    heard: list[str] = []
    for _ in range(3):
        host.run("say", parameters={"VALUE": ""}, listen=heard.append)
    assert host.round_trips == 3
    assert heard == ["talk"] * 3


@pytest.mark.parametrize("size", [0, 1, 5_000_000])
def test_data_arrives_whole(open_host: SshHost, size: int) -> None:
    blocks = (b"x" * min(70_000, size - start) for start in range(0, size, 70_000))
    assert open_host.run("count", parameters={}, source=blocks).value("bytes").strip() == str(size)


def test_a_script_that_does_not_read_to_the_end_is_not_waited_for(open_host: SshHost) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 100_000

    with pytest.raises(HostFailed, match="exit code 7"):
        open_host.run("early", parameters={}, source=endless())


@pytest.mark.parametrize(("code", "accept"), [(1, (0, 1)), (0, (0,)), (255, (0, 255))])
def test_exit_codes_that_are_fine(open_host: SshHost, code: int, accept: tuple[int, ...]) -> None:
    assert open_host.run("fail", str(code), parameters={}, accept=accept).exit_code == code


def test_an_exit_code_that_is_not(open_host: SshHost) -> None:
    with pytest.raises(HostFailed, match=r"fail failed on .* with exit code 9") as caught:
        open_host.run("fail", "9", parameters={})
    assert caught.value.detail == "what went wrong"


def test_a_conversation(open_host: SshHost) -> None:
    with open_host.converse("echo", parameters={}) as talk:
        assert talk.lines_until("ready") == ()
        talk.send("one")
        assert talk.lines_until("heard=one") == ()
        talk.send("two; exit 3")
        assert talk.finish().lines == ("heard=two; exit 3",)


def test_a_line_that_breaks_is_said_so(reached: Reached) -> None:
    host = reached.open()

    def lose_it() -> None:
        with host.converse("echo", parameters={}) as talk:
            talk.lines_until("ready")
            host._connection.client.close()
            talk.send("one")
            talk.finish()

    with pytest.raises(ConnectionFailed, match=r"the connection to .* was lost during echo") as caught:
        lose_it()
    assert "status" in caught.value.remedy


def test_the_real_bundle_answers(reached: Reached) -> None:
    with pytest.raises(HostFailed, match=r"usage: host\.sh facts") as caught:
        reached.open(bundle=host_bundle(ROOT)).run("nosuch", parameters={"APP_NAME": "a", "DEPLOYMENT_PATH": "/opt/a"})
    assert caught.value.exit_code == 2
