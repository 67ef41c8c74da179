"""What a library raises becomes our error, with the host, the reason and what to do next."""

import base64
import errno
import os
import socket

import paramiko
import pytest
from fabric import Config, Connection
from hypothesis import given
from hypothesis import strategies as st

from tasks.binding.host_keys import UnknownHostKey, fingerprint
from tasks.binding.ssh import SshHost, explain, failure
from tasks.core.errors import ConnectionFailed, DeployError, HostFailed, Locked
from tasks.core.protocols import Answer

KEY, OTHER = paramiko.ECDSAKey.generate(), paramiko.ECDSAKey.generate()


def no_connection(number: int) -> paramiko.ssh_exception.NoValidConnectionsError:
    return paramiko.ssh_exception.NoValidConnectionsError({("192.0.2.1", 22): OSError(number, os.strerror(number))})


CASES = [
    pytest.param(socket.gaierror(-2, "Name or service not known"), "the name is unknown", "spelling", id="name"),
    pytest.param(UnicodeError("label too long"), "the name is unknown", "spelling", id="name that is none"),
    pytest.param(TimeoutError("timed out"), "no answer within 10 s", "firewall", id="timeout"),
    pytest.param(ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "refused", "sshd", id="refused"),
    pytest.param(no_connection(errno.ECONNREFUSED), "refused", "sshd", id="refused everywhere"),
    pytest.param(no_connection(errno.EHOSTUNREACH), "route", "", id="no route everywhere"),
    pytest.param(OSError(errno.EHOSTUNREACH, "No route to host"), "route", "", id="no route"),
    pytest.param(OSError(errno.ENETUNREACH, "Network is unreachable"), "unreachable", "", id="no network"),
    pytest.param(paramiko.AuthenticationException("x"), "the login was refused", "authorized_keys", id="login"),
    pytest.param(paramiko.BadAuthenticationType("x", ["password"]), "login was refused", "user", id="method"),
    pytest.param(paramiko.PasswordRequiredException("x"), "has a passphrase", "ssh-add", id="passphrase"),
    pytest.param(paramiko.SSHException("No authentication methods available"), "no key", "ssh-", id="no key at all"),
    pytest.param(paramiko.BadHostKeyException("web1", KEY, OTHER), "key has changed", "ssh-keygen -R", id="changed"),
    pytest.param(UnknownHostKey("web1", KEY), "SSH_HOST_KEYS is strict", "ssh-keyscan", id="strict"),
    pytest.param(paramiko.SSHException("Error reading SSH protocol banner"), "spoke SSH", "port", id="no sshd"),
    pytest.param(paramiko.SSHException("No existing session"), "spoke SSH", "port", id="silence"),
    pytest.param(OverflowError("getsockaddrarg: port must be 0-65535."), "port must be 0-65535", "", id="port"),
    pytest.param(EOFError(), "EOFError", "", id="nothing said"),
    pytest.param(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), "reset", "", id="reset"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "reason", "remedy"), CASES)
def test_every_error_has_a_reason_in_the_user_s_words(error: BaseException, reason: str, remedy: str) -> None:
    why, then = explain(error)
    assert reason in why
    assert remedy in then
    assert "\n" not in why


def test_a_changed_key_shows_the_key_that_it_shows_now() -> None:
    why, then = explain(paramiko.BadHostKeyException("[web1]:2222", KEY, OTHER))
    assert fingerprint(KEY) in why
    assert "'[web1]:2222'" in then, "a shell would take the brackets for a pattern"


def test_an_unknown_key_on_another_port_is_scanned_there() -> None:
    _, then = explain(UnknownHostKey("[web1]:2222", KEY))
    assert "ssh-keyscan -p 2222 web1 " in then


def test_fingerprints_are_openssh_s() -> None:
    """As `ssh-keygen -lf` prints it."""
    data = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
    key = paramiko.Ed25519Key(data=base64.b64decode(data))
    assert fingerprint(key) == "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"


# --- connecting ---


def host(raising: BaseException, name: str = "web1") -> SshHost:
    connection = Connection(name, user="deployer", port=2222, config=Config(lazy=True))

    def connect() -> None:
        raise raising

    connection.open = connect
    return SshHost(connection, "main\n", strict=True, warn=lambda _text: None)


@pytest.mark.parametrize("error", [case.values[0] for case in CASES], ids=[case.id for case in CASES])
def test_a_failed_connection_names_host_user_port_reason_and_the_next_command(error: BaseException) -> None:
    with pytest.raises(ConnectionFailed) as caught:
        host(error).run("facts", parameters={})
    assert caught.value.exit_code == 1
    assert caught.value.what.startswith("cannot connect to web1 (deployer@web1:2222): ")
    assert caught.value.what.endswith(explain(error)[0])
    assert "ssh -v -p 2222 deployer@web1" in caught.value.remedy
    assert "Nothing was changed" in caught.value.remedy
    assert caught.value.__cause__ is error


def test_no_round_trip_is_counted_for_a_host_that_was_not_reached() -> None:
    refused = host(ConnectionRefusedError())
    with pytest.raises(ConnectionFailed), refused.converse("hold", "deploy", parameters={}):
        pass
    assert refused.round_trips == 0


# --- what a script ended with ---


@pytest.mark.parametrize(
    ("code", "kind", "exit_code"),
    [(1, HostFailed, 1), (2, HostFailed, 2), (3, HostFailed, 3), (4, Locked, 4), (5, HostFailed, 1),
     (127, HostFailed, 1), (255, HostFailed, 1)],
)  # fmt: skip
def test_exit_codes_of_scripts(code: int, kind: type[DeployError], exit_code: int) -> None:
    error = failure("web1", "receive", Answer(code, ("differs=.env",), ("talk one", "talk two")))
    assert type(error) is kind
    assert error.exit_code == exit_code
    assert "web1" in str(error)
    if kind is HostFailed:
        assert f"exit code {code}" in error.what
        assert "receive" in error.what
        assert error.detail == "talk one\ntalk two"


def test_a_script_that_said_nothing_shows_its_lines() -> None:
    assert failure("web1", "load", Answer(1, ("mismatch=edge",))).detail == "mismatch=edge"


@pytest.mark.parametrize("lines", [("holder=anna@laptop deploy",), ("x=1", "holder=anna@laptop deploy")])
def test_a_lock_names_its_holder(lines: tuple[str, ...]) -> None:
    error = failure("web1", "hold", Answer(4, lines, ("locked",)))
    assert "anna@laptop deploy" in str(error)
    assert "somebody else" in str(failure("web1", "hold", Answer(4)))


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "ab"]), st.text(st.characters(exclude_characters="\n")))))
def test_answers_are_read_by_key(pairs: list[tuple[str, str]]) -> None:
    answer = Answer(0, tuple(f"{key}={value}" for key, value in pairs))
    for key in ("a", "b", "ab"):
        expected = tuple(value for name, value in pairs if name == key)
        assert answer.values(key) == expected
        assert answer.value(key, "none") == (expected[-1] if expected else "none")
