"""Programs of the machine where fab runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO

from tasks.core.errors import DeployError
from tasks.core.faults import one_line
from tasks.core.protocols import Answer, Listener

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


def ran(command: Sequence[str], exit_code: int, began: float) -> str:
    """Write a command that has run since `began` (time.monotonic), for verbose mode."""
    return f"+ {one_line(' '.join(command))} (exit {exit_code}, {(time.monotonic() - began) * 1000:.0f} ms)"


def _failure(command: Sequence[str], answer: Answer) -> DeployError:
    said = answer.talk or answer.lines[-10:]
    return DeployError(
        f"`{' '.join(command[:3])} …` ended with exit code {answer.exit_code}",
        detail="\n".join(said[-20:]) or "(it said nothing)",
    )
