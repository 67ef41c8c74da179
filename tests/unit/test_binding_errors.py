"""What a library raises becomes our error, with the host, the reason and what to do next."""

import base64
import errno
import os
import socket

import paramiko
import pytest
from fabric import Config, Connection

from tasks.binding.connection_errors import explain
from tasks.binding.host_keys import UnknownHostKey, fingerprint
from tasks.binding.ssh import SshHost
from tasks.core.errors import ConnectionFailed

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
    found = explain(error)
    assert reason in found.why
    assert remedy in found.remedy
    assert "\n" not in found.why


def test_a_changed_key_shows_the_key_that_it_shows_now() -> None:
    found = explain(paramiko.BadHostKeyException("[web1]:2222", KEY, OTHER))
    assert fingerprint(KEY) in found.why
    assert "'[web1]:2222'" in found.remedy, "a shell would take the brackets for a pattern"


def test_an_unknown_key_on_another_port_is_scanned_there() -> None:
    found = explain(UnknownHostKey("[web1]:2222", KEY))
    assert fingerprint(KEY) in found.why
    assert "ssh-keyscan -p 2222 web1 " in found.remedy


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
    return SshHost(connection, "main\n", strict=True, warn=lambda _text: None, target="anna@web1:2022 -S lab.conf")


@pytest.mark.parametrize("error", [case.values[0] for case in CASES], ids=[case.id for case in CASES])
def test_a_failed_connection_names_host_user_port_reason_and_the_next_command(error: BaseException) -> None:
    with pytest.raises(ConnectionFailed) as caught:
        host(error).run("facts", parameters={})
    assert caught.value.exit_code == 1
    assert caught.value.what.startswith("cannot connect to web1 (deployer@web1:2222): ")
    assert caught.value.what.endswith(explain(error).why)
    assert "`ssh -v -F lab.conf -p 2022 anna@web1` shows more" in caught.value.remedy, "as it was typed"
    assert "Nothing was changed" in caught.value.remedy
    assert caught.value.__cause__ is error


def test_no_round_trip_is_counted_for_a_host_that_was_not_reached() -> None:
    refused = host(ConnectionRefusedError())
    with pytest.raises(ConnectionFailed), refused.converse("hold", "deploy", parameters={}):
        pass
    assert refused.round_trips == 0
