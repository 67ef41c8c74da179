"""A host over SSH: one connection, host scripts on raw channels, every library error mapped to ours."""

from __future__ import annotations

import logging
import os
import queue
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import cast

import paramiko
from fabric import Connection

from tasks.binding.connection_errors import explain
from tasks.binding.host_keys import Warn, verify_host_keys
from tasks.binding.terminal import attach
from tasks.core.bundle import ENTRY
from tasks.core.commands import DOCKER, quote
from tasks.core.commands import parameters as parameter_lines
from tasks.core.errors import ConnectionFailed
from tasks.core.log_lines import message
from tasks.core.logins import login_of
from tasks.core.protocols import Answer, Host, Listener
from tasks.core.reasons import CONNECT_SECONDS, script_failure, typed

# What paramiko would print of a failed connection, a traceback too, is in our message already.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

_KEEPALIVE_SECONDS = 15
_DEAD_MILLISECONDS = 60_000
_KEPT = 60


class SshHost:
    """A host that fabric's Connection leads to (protocol: tasks.core.protocols.Host)."""

    def __init__(
        self,
        connection: Connection,
        bundle: str,
        *,
        strict: bool,
        warn: Warn,
        target: str = "",
        detail: Listener = lambda _line: None,
    ) -> None:
        """Keep what is needed to connect; nothing is contacted yet. `target` is what was typed after -H to lead there.

        `detail` hears each script that was run, with its exit code and how long it took.
        """
        self.target = target or str(connection.original_host)
        self._connection, self._bundle = connection, bundle
        self._strict, self._warn, self._detail = strict, warn, detail
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
            kwargs.setdefault(key, CONNECT_SECONDS)
        self._connection.connect_timeout = self._connection.connect_timeout or CONNECT_SECONDS
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
        reason = explain(error)
        ssh = login_of(self.target).ssh("-v")
        return ConnectionFailed(
            f"cannot connect to {self.name} ({self._where}): {reason.why}",
            remedy=f"{reason.remedy + '; ' if reason.remedy else ''}`{ssh}` shows more. Nothing was changed.",
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
            raise script_failure(self, command, answer)
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
            channel = self._transport().open_session(timeout=CONNECT_SECONDS)
            line = f"sh -c {quote(ENTRY)} sh {' '.join(quote(word) for word in (command, *arguments))}"
            channel.exec_command(line)
            self.round_trips += 1
            channel.sendall((parameter_lines(parameters) + self._bundle).encode())
            if not open_input:
                channel.shutdown_write()
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self._lost(command, error) from error
        talk, began = ScriptChannel(self, command, channel, listen), time.monotonic()
        try:
            yield talk
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self._lost(command, error) from error
        finally:
            talk.close()
            ended = "closed" if talk.exit_code is None else f"exit {talk.exit_code}"
            self._detail(
                f"+ {self._where} host.sh {' '.join((command, *arguments))}"
                f" ({ended}, {(time.monotonic() - began) * 1000:.0f} ms)"
            )

    def attach(self, words: Sequence[str], *, is_terminal: bool) -> int:
        """Run docker with our own terminal, or our input and outputs, and give its exit code."""
        try:
            channel = self._transport().open_session(timeout=CONNECT_SECONDS)
            self.round_trips += 1
            with closing(channel):
                line = f"sh -c {quote(DOCKER)} docker {' '.join(map(quote, words))}"
                return attach(channel, line, is_terminal=is_terminal)
        except BrokenPipeError:  # whoever read our output has seen enough
            sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - until the end of the process
            return 128 + signal.SIGPIPE
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self._lost("exec", error) from error

    def _lost(self, command: str, error: BaseException) -> ConnectionFailed:
        return ConnectionFailed(
            f"the connection to {self.name} ({self._where}) was lost during {command}: {explain(error).why}",
            remedy=f"fab -H {self.target} status shows what the host does now; "
            "the same command again goes on from there",
        )


class ScriptChannel:
    """A host script that is running: its stdout line by line, its stderr to a listener, its stdin for us."""

    def __init__(self, host: Host, command: str, channel: paramiko.Channel, listen: Listener | None) -> None:
        """Start reading both outputs, so that neither can block the other."""
        self._host, self._command, self._channel = host, command, channel
        self.exit_code: int | None = None
        self._found: list[str] = []
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
                text = typed(line.decode(errors="replace").rstrip("\n"), self._host.target)
                self._talk.append(message(text))
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
        raise script_failure(self._host, self._command, self._ended(found))

    def lines(self) -> Iterator[str]:
        """Give stdout line by line as it comes."""
        while (line := self._next()) is not None:
            yield line

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
        """Say that no more will come, read the rest and wait for the exit code; interrupted, it can be called again."""
        self._channel.shutdown_write()
        while (line := self._next()) is not None:
            self._found.append(line)
        return self._ended(self._found)

    def _ended(self, lines: list[str]) -> Answer:
        self._readers[1].join(timeout=5)
        deadline = time.monotonic() + 5
        while not self._channel.exit_status_ready():
            transport = self._channel.get_transport()
            if not transport.is_active() or time.monotonic() > deadline:
                raise EOFError("the connection ended before the script did")
            time.sleep(0.01)
        self.exit_code = self._channel.recv_exit_status()
        return Answer(self.exit_code, tuple(lines), tuple(self._talk))

    def close(self) -> None:
        """End the conversation; the script sees the end of its input."""
        self._channel.close()
