"""Programs of the machine where fab runs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from tasks.core.errors import DeployError
from tasks.core.faults import one_line
from tasks.core.protocols import Answer, Listener
from tasks.core.settings import CommandResult

_KEPT = 40
_BLOCK = 1 << 20


class LocalPrograms:
    """Run programs by argument list, never through a shell."""

    def __init__(self, detail: Listener = lambda _line: None) -> None:
        """Start with nothing that runs; `detail` hears each command with its exit code and how long it took."""
        self._detail = detail
        self._running: set[subprocess.Popen[bytes]] = set()

    def stop(self) -> None:
        """Ask every program that runs now to end, whichever thread waits for it."""
        for process in tuple(self._running):
            process.terminate()

    def has(self, program: str) -> bool:
        """Tell whether a program is in PATH."""
        return shutil.which(program) is not None

    def run(
        self,
        command: Sequence[str],
        *,
        accept: Sequence[int] = (0,),
        listen: Listener | None = None,
    ) -> Answer:
        """Run a program to its end; `listen` hears each line of both its outputs as it comes."""
        talk: deque[str] = deque(maxlen=_KEPT)
        began = time.monotonic()
        with self._started(command) as process:
            reader = threading.Thread(target=self._read, args=(process.stderr, talk, listen))
            reader.start()
            lines: list[str] = []
            try:
                for line in process.stdout or ():
                    text = line.decode(errors="replace").rstrip("\n")
                    lines.append(text)
                    if listen:
                        listen(text)
                process.wait()
            except BaseException:
                process.terminate()
                raise
            finally:
                reader.join()
        answer = Answer(process.returncode, tuple(lines), tuple(talk))
        self._detail(ran(command, answer.exit_code, began))
        if answer.exit_code not in accept:
            raise _failure(command, answer)
        return answer

    def pipe(self, command: Sequence[str]) -> Iterator[bytes]:
        """Give a program's stdout in blocks as they come."""
        talk: deque[str] = deque(maxlen=_KEPT)
        began = time.monotonic()
        with self._started(command) as process:
            reader = threading.Thread(target=self._read, args=(process.stderr, talk, None))
            reader.start()
            try:
                while process.stdout and (block := process.stdout.read(_BLOCK)):
                    yield block
                process.wait()
            except BaseException:
                process.terminate()
                raise
            finally:
                reader.join()
        self._detail(ran(command, process.returncode, began))
        if process.returncode:
            raise _failure(command, Answer(process.returncode, (), tuple(talk)))

    @contextmanager
    def _started(self, command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
        with self._start(command) as process:
            self._running.add(process)
            try:
                yield process
            finally:
                self._running.discard(process)

    @staticmethod
    def _start(command: Sequence[str]) -> subprocess.Popen[bytes]:
        environment = {key: value for key, value in os.environ.items() if key != "CONTAINERD_NAMESPACE"}
        try:
            return subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
            )
        except OSError as error:
            raise DeployError(f"cannot run {command[0]}: {error.strerror}") from error

    @staticmethod
    def _read(stream: IO[bytes] | None, talk: deque[str], listen: Listener | None) -> None:
        with suppress(ValueError):  # the stream was closed by an interrupt
            for line in stream or ():
                text = line.decode(errors="replace").rstrip("\n")
                talk.append(text)
                if listen:
                    listen(text)


class ShellLines:
    """Run command lines of the settings by sh, each once, and keep what came of it.

    A line is in no argument and no environment: sh reads it from a pipe. It gets no terminal and an empty standard
    input, and what it says on standard error is not kept: it may be the value.
    """

    def __init__(self, seconds: float, place: Path) -> None:
        """Run them in a directory, and give each so many seconds; then it is ended, with all that it has started."""
        self._seconds, self._place = seconds, place
        self._kept: dict[str, CommandResult] = {}

    def run(self, line: str) -> CommandResult:
        """Give the result of a line; the same one when it is asked for again."""
        if line not in self._kept:
            self._kept[line] = self._run(line)
        return self._kept[line]

    def _run(self, line: str) -> CommandResult:
        with _started_by_sh(line, self._place) as process:
            try:
                output, _ = process.communicate(timeout=self._seconds)
            except BaseException as error:
                os.killpg(process.pid, signal.SIGKILL)
                if isinstance(error, subprocess.TimeoutExpired):
                    return CommandResult(None, b"")
                raise
        return CommandResult(process.returncode, output)


def _started_by_sh(line: str, place: Path) -> subprocess.Popen[bytes]:
    """Start sh on a line, which any pipe holds whole (LONGEST_LINE), in a session of its own."""
    reading, writing = os.pipe()
    try:
        os.write(writing, line.encode())
        os.close(writing)
        return subprocess.Popen(
            ["sh", f"/dev/fd/{reading}"],
            cwd=place,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=[reading],
            start_new_session=True,
        )
    finally:
        os.close(reading)


def ran(command: Sequence[str], exit_code: int, began: float) -> str:
    """Write a command that has run since `began` (time.monotonic), for verbose mode."""
    return f"+ {one_line(' '.join(command))} (exit {exit_code}, {(time.monotonic() - began) * 1000:.0f} ms)"


def _failure(command: Sequence[str], answer: Answer) -> DeployError:
    said = answer.talk or answer.lines[-10:]
    return DeployError(
        f"`{' '.join(command[:3])} …` ended with exit code {answer.exit_code}",
        detail="\n".join(said[-20:]) or "(it said nothing)",
    )
