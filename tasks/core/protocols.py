"""What a step may use: a host, the workstation and a console, as protocols that tests can stand in for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

Listener = Callable[[str], None]


@dataclass(frozen=True)
class Answer:
    """Hold what a command gave back: its exit code, its lines on stdout, the end of its talk on stderr."""

    exit_code: int
    lines: tuple[str, ...] = ()
    talk: tuple[str, ...] = ()

    def values(self, key: str) -> tuple[str, ...]:
        """Give every value of a repeated `key=value` line, in order."""
        start = key + "="
        return tuple(line[len(start) :] for line in self.lines if line.startswith(start))

    def value(self, key: str, default: str = "") -> str:
        """Give the last value of a `key=value` line."""
        found = self.values(key)
        return found[-1] if found else default


@dataclass(frozen=True)
class Command:
    """Hold the words after `--` on the command line, as they were typed."""

    words: tuple[str, ...] = ()


class Conversation(Protocol):
    """A host script that reads lines while it runs, as `hold` does."""

    def lines_until(self, end: str) -> tuple[str, ...]:
        """Read stdout up to the line `end`; raise HostFailed or Locked when the script ends before."""
        ...

    def lines(self) -> Iterator[str]:
        """Give stdout line by line as it comes, until the script ends or somebody stops asking."""
        ...

    def send(self, line: str) -> None:
        """Give the script one line."""
        ...

    def finish(self) -> Answer:
        """Read the rest of stdout and wait for the end of the script; interrupted, it can be called again."""
        ...


class Host(Protocol):
    """One host, reached by one connection for all steps of a command."""

    @property
    def name(self) -> str:
        """The name given to -H, without user and port."""
        ...

    @property
    def target(self) -> str:
        """What leads to the host after `fab -H`: its name as it was typed, and options as -S, for commands to type."""
        ...

    @property
    def address(self) -> str:
        """The address that the name stands for."""
        ...

    @property
    def round_trips(self) -> int:
        """How many scripts were sent so far."""
        ...

    def run(
        self,
        command: str,
        *arguments: str,
        parameters: Mapping[str, str],
        accept: Sequence[int] = (0,),
        source: Iterable[bytes] | None = None,
        listen: Listener | None = None,
    ) -> Answer:
        """Run one command of the host bundle; `source` is sent once the script says it is ready.

        Raises HostFailed for an exit code that is not in `accept`, ConnectionFailed when the line breaks.
        """
        ...

    def converse(
        self, command: str, *arguments: str, parameters: Mapping[str, str], listen: Listener | None = None
    ) -> AbstractContextManager[Conversation]:
        """Start a command of the host bundle that goes on reading lines; leaving the context ends it."""
        ...

    def attach(self, words: Sequence[str], *, is_terminal: bool) -> int:
        """Run docker with our own terminal, or our input and outputs, and give its exit code."""
        ...


class Workstation(Protocol):
    """The machine where fab runs."""

    def run(
        self,
        command: Sequence[str],
        *,
        accept: Sequence[int] = (0,),
        listen: Listener | None = None,
    ) -> Answer:
        """Run a program; talk holds stderr. Raises DeployError for another exit code, or a missing program."""
        ...

    def pipe(self, command: Sequence[str]) -> Iterator[bytes]:
        """Give a program's stdout in blocks; raises DeployError after the last block when it failed."""
        ...

    def has(self, program: str) -> bool:
        """Tell whether a program is in PATH."""
        ...

    def stop(self) -> None:
        """Ask every program that runs now to end, whichever thread waits for it."""
        ...


class Progress(Protocol):
    """One long operation that shows how far it is."""

    def advance(self, amount: int) -> None:
        """Count bytes that have gone through."""
        ...

    def note(self, text: str) -> None:
        """Say what it is doing now."""
        ...


class Console(Protocol):
    """Where steps talk to the person at the terminal."""

    def say(self, text: str) -> None:
        """Print a line of the result."""
        ...

    def detail(self, text: str) -> None:
        """Print a line of diagnostics, in verbose mode only."""
        ...

    def warn(self, text: str) -> None:
        """Print a warning on stderr."""
        ...

    def step(self, name: str) -> None:
        """Say which step of the task begins: in verbose mode every line names it."""
        ...

    def progress(self, what: str) -> AbstractContextManager[Progress]:
        """Show a long operation: every second on a terminal, every five seconds in a log."""
        ...


@dataclass(frozen=True)
class Outcome:
    """Report what a step did: whether anything changed, and the line that says so.

    `remedy` is the command to type next, where something is to be done; `exit_code` is for a step that found something
    wrong.
    """

    changed: bool
    summary: str
    data: Mapping[str, object] | None = None
    exit_code: int = 0
    remedy: str = ""
