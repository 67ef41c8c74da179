"""A host over SSH: one connection, host scripts on raw channels, every library error mapped to ours."""

from __future__ import annotations

import logging
import queue
import socket
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import cast

import paramiko
from fabric import Connection

from tasks.binding.host_keys import UnknownHostKey, Warn, fingerprint, verify_host_keys
from tasks.core.bundle import ENTRY
from tasks.core.commands import parameters as parameter_lines
from tasks.core.commands import quote
from tasks.core.errors import ConnectionFailed, DeployError, HostFailed, Locked
from tasks.core.protocols import Answer, Listener

# What paramiko would print of a failed connection, a traceback too, is in our message already.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

_CONNECT_SECONDS = 10
_KEEPALIVE_SECONDS = 15
_DEAD_MILLISECONDS = 60_000
_KEPT = 60
_NO_SSH = ("No existing session", "Error reading SSH protocol banner")  # which of them is a race in paramiko


class SshHost:
    """A host that fabric's Connection leads to (protocol: tasks.core.protocols.Host)."""

    def __init__(self, connection: Connection, bundle: str, *, strict: bool, warn: Warn) -> None:
        """Keep what is needed to connect; nothing is contacted yet."""
        self._connection, self._bundle = connection, bundle
        self._strict, self._warn = strict, warn
        self.round_trips = 0

    @property
    def name(self) -> str:
        """The name given to -H, without user and port."""
        return str(self._connection.original_host)

    @property
    def address(self) -> str:
        """The address that the name stands for."""
        return str(self._connection.host)

    @property
    def _where(self) -> str:
        return f"{self._connection.user}@{self._connection.host}:{self._connection.port}"

    def _transport(self) -> paramiko.Transport:
        if not self._connection.is_connected:
            self._connect()
        return self._opened()

    def _opened(self) -> paramiko.Transport:
        transport = self._connection.client.get_transport()
        if transport is None:
            raise EOFError("the connection is closed")
        return cast("paramiko.Transport", transport)

    def _connect(self) -> None:
        verify_host_keys(self._connection, strict=self._strict, warn=self._warn)
        kwargs = self._connection.connect_kwargs
        for key in ("banner_timeout", "auth_timeout", "channel_timeout"):
            kwargs.setdefault(key, _CONNECT_SECONDS)
        self._connection.connect_timeout = self._connection.connect_timeout or _CONNECT_SECONDS
        try:
            self._connection.open()
        except (paramiko.SSHException, OSError, EOFError, UnicodeError, OverflowError) as error:
            raise self._refused(error) from error
        transport = self._opened()
        transport.set_keepalive(_KEEPALIVE_SECONDS)
        with suppress(OSError, AttributeError):  # not every system and socket (a jump host's channel) has it
            cast("socket.socket", transport.sock).setsockopt(
                socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _DEAD_MILLISECONDS
            )

    def _refused(self, error: BaseException) -> ConnectionFailed:
        reason, remedy = explain(error)
        ssh = f"ssh -v -p {self._connection.port} {self._connection.user}@{self._connection.host}"
        return ConnectionFailed(
            f"cannot connect to {self.name} ({self._where}): {reason}",
            remedy=f"{remedy + '; ' if remedy else ''}`{ssh}` shows more. Nothing was changed.",
        )

    def run(
        self,
        command: str,
        *arguments: str,
        parameters: Mapping[str, str],
        accept: Sequence[int] = (0,),
        source: Iterable[bytes] | None = None,
        listen: Listener | None = None,
    ) -> Answer:
        """Run one command of the host bundle to its end."""
        with self.converse(
            command, *arguments, parameters=parameters, listen=listen, open_input=source is not None
        ) as talk:
            before: tuple[str, ...] = ()
            if source is not None:
                before = talk.lines_until("ready")
                talk.send_blocks(source)
            answer = talk.finish()
        answer = Answer(answer.exit_code, before + answer.lines, answer.talk)
        if answer.exit_code not in accept:
            raise failure(self.name, command, answer)
        return answer

    @contextmanager
    def converse(
        self,
        command: str,
        *arguments: str,
        parameters: Mapping[str, str],
        listen: Listener | None = None,
        open_input: bool = True,
    ) -> Iterator[ScriptChannel]:
        """Start a command of the host bundle; its standard input stays open for lines or data."""
        try:
            channel = self._transport().open_session(timeout=_CONNECT_SECONDS)
            line = f"sh -c {quote(ENTRY)} sh {' '.join(quote(word) for word in (command, *arguments))}"
            channel.exec_command(line)
            self.round_trips += 1
            channel.sendall((parameter_lines(parameters) + self._bundle).encode())
            if not open_input:
                channel.shutdown_write()
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self._lost(command, error) from error
        talk = ScriptChannel(self.name, command, channel, listen)
        try:
            yield talk
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self._lost(command, error) from error
        finally:
            talk.close()

    def _lost(self, command: str, error: BaseException) -> ConnectionFailed:
        return ConnectionFailed(
            f"the connection to {self.name} ({self._where}) was lost during {command}: {explain(error)[0]}",
            remedy=f"fab -H {self.name} status shows what the host does now; the same command again goes on from there",
        )


class ScriptChannel:
    """A host script that is running: its stdout line by line, its stderr to a listener, its stdin for us."""

    def __init__(self, host: str, command: str, channel: paramiko.Channel, listen: Listener | None) -> None:
        """Start reading both outputs, so that neither can block the other."""
        self._host, self._command, self._channel = host, command, channel
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._talk: deque[str] = deque(maxlen=_KEPT)
        self._listen = listen
        self._readers = [threading.Thread(target=job, daemon=True) for job in (self._read_lines, self._read_talk)]
        for reader in self._readers:
            reader.start()

    def _read_lines(self) -> None:
        with suppress(OSError, EOFError), self._channel.makefile("rb") as stream:
            for line in stream:
                self._lines.put(line.decode(errors="replace").rstrip("\n"))
        self._lines.put(None)

    def _read_talk(self) -> None:
        with suppress(OSError, EOFError), self._channel.makefile_stderr("rb") as stream:
            for line in stream:
                text = line.decode(errors="replace").rstrip("\n")
                self._talk.append(text)
                if self._listen:
                    self._listen(text)

    def _next(self) -> str | None:
        """Wait for a line; short waits, so that Ctrl-C is heard."""
        while True:
            with suppress(queue.Empty):
                return self._lines.get(timeout=0.5)

    def lines_until(self, end: str) -> tuple[str, ...]:
        """Read stdout up to the line `end`; raise what the exit code means when the script ends before."""
        found: list[str] = []
        while (line := self._next()) is not None:
            if line == end:
                return tuple(found)
            found.append(line)
        raise failure(self._host, self._command, self._ended(found))

    def send(self, line: str) -> None:
        """Give the script one line."""
        self._channel.sendall(line.encode() + b"\n")

    def send_blocks(self, source: Iterable[bytes]) -> None:
        """Send data and close the script's standard input; a script that ended first is left to `finish`."""
        for block in source:
            try:
                self._channel.sendall(block)
            except OSError:
                if self._channel.exit_status_ready():
                    return
                raise
        self._channel.shutdown_write()

    def finish(self) -> Answer:
        """Say that no more will come, read the rest and wait for the exit code."""
        self._channel.shutdown_write()
        found = []
        while (line := self._next()) is not None:
            found.append(line)
        return self._ended(found)

    def _ended(self, lines: list[str]) -> Answer:
        self._readers[1].join(timeout=5)
        deadline = time.monotonic() + 5
        while not self._channel.exit_status_ready():
            transport = self._channel.get_transport()
            if not transport.is_active() or time.monotonic() > deadline:
                raise EOFError("the connection ended before the script did")
            time.sleep(0.01)
        return Answer(self._channel.recv_exit_status(), tuple(lines), tuple(self._talk))

    def close(self) -> None:
        """End the conversation; the script sees the end of its input."""
        self._channel.close()


def failure(host: str, command: str, answer: Answer) -> DeployError:
    """Turn an unexpected exit code into the error it stands for: 2 usage, 3 unsupported host, 4 locked."""
    said = "\n".join(answer.talk[-20:])
    if answer.exit_code == 4:
        holder = answer.value("holder") or "somebody else"
        return Locked(f"{host} is locked by {holder}", remedy="try again when it has ended, or add --wait SECONDS")
    error = HostFailed(
        f"{command} failed on {host} with exit code {answer.exit_code}",
        detail=said or "\n".join(answer.lines[-10:]),
        remedy=f"mend what it says, then run the command again; fab -H {host} doctor checks the host",
    )
    if answer.exit_code in (2, 3):
        error.exit_code = answer.exit_code
    return error


def explain(error: BaseException) -> tuple[str, str]:  # noqa: C901, PLR0911, PLR0912 - one a kind of failure
    """Say in the user's words why a connection failed, and what to do about it."""
    match error:
        case paramiko.BadHostKeyException():
            got = fingerprint(error.key)
            return (
                f"its host key has changed: it shows {got}, another one is known",
                f"if the host was made anew: ssh-keygen -R {quote(error.hostname)}, then try again",
            )
        case UnknownHostKey():
            return str(error), f"compare the key, then: ssh-keyscan {_scanned(error.name)} >> ~/.ssh/known_hosts"
        case paramiko.PasswordRequiredException():
            return "the private key has a passphrase", "add it to an agent: ssh-add"
        case paramiko.AuthenticationException() if "timeout" in str(error).lower():
            return f"the login was not answered within {_CONNECT_SECONDS} s", "try again; the host may be overloaded"
        case paramiko.AuthenticationException():
            return "the login was refused (no key that it accepts)", "check the user, and authorized_keys on the host"
        case paramiko.SSHException() if "No authentication methods" in str(error):
            return (
                "there is no key and no agent to log in with",
                "ssh-add -l shows the agent's keys; ssh-keygen makes one",
            )
        case paramiko.SSHException() if any(sign in str(error) for sign in _NO_SSH):
            return f"nothing there spoke SSH within {_CONNECT_SECONDS} s", "check the port, and what listens there"
        case socket.gaierror() | UnicodeError():
            return "the name is unknown", "check the spelling, DNS, or ~/.ssh/config"
        case TimeoutError():
            return f"no answer within {_CONNECT_SECONDS} s", "check the address and the firewall"
        case paramiko.ssh_exception.NoValidConnectionsError():
            return explain(next(iter(error.errors.values())))
        case ConnectionRefusedError():
            return "the connection was refused: nothing listens there", "check that sshd runs, and the port"
        case OSError(strerror=str(text)):
            return text.lower(), ""
        case _:
            return str(error) or type(error).__name__, ""


def _scanned(name: str) -> str:
    """Write a name of known_hosts, `web1` or `[web1]:2222`, as the arguments of ssh-keyscan."""
    host, _, port = name.removeprefix("[").partition("]:")
    return f"-p {port} {host}" if port else name
