"""Values that a command gives, such as a password manager's: what it may answer, and when it is asked.

A command is run when its value is needed and never before: reading, checking and showing settings run none. Nothing
that it prints is ever in a message.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from tasks.core.faults import Fault, refuse
from tasks.core.settings.files import Entry

COMMAND_SECONDS = 60
"""How long a command may take, in seconds."""

LONGEST_LINE = 2048
"""How many bytes a command line may have; every system's pipe takes that many without a reader."""

_FORM = f"a command line that prints the value within {COMMAND_SECONDS} s, asks nothing, and ends with exit code 0"


@dataclass(frozen=True)
class CommandResult:
    """Hold how a command ended (`exit_code` is None when it was ended for taking too long), and what it printed."""

    exit_code: int | None
    output: bytes = field(repr=False)


RunLine = Callable[[str], CommandResult]
"""Runs a command line by the workstation's shell, each line once, however often it is asked for."""


def run_none(_line: str) -> NoReturn:
    """Stand for a shell where none may run: a task that is not known to need values has asked for one."""
    raise AssertionError("a value was asked for where no command may run")


@dataclass(frozen=True)
class ValueCommand:
    """Ask for the value of one variable."""

    key: str
    line: str = field(repr=False)
    where: str
    run: RunLine = field(repr=False, compare=False)

    def line_fault(self) -> Fault | None:
        """Say why the line cannot be one; runs nothing."""
        if self.line.strip() and len(self.line.encode()) <= LONGEST_LINE:
            return None
        what = f"is longer than {LONGEST_LINE} bytes" if self.line.strip() else "is empty"
        return Fault(self.key, what, "a command line: APP_COMMANDS lists it", self.where)

    def fault(self) -> Fault | None:
        """Say why there is no value; runs the command."""
        what = _why_not(self.run(self.line))
        return Fault(self.key, f"its command (APP_COMMANDS) {what}", _FORM, self.where) if what else None

    def value(self) -> str:
        """Give what the command printed, without one newline at the end; SettingsError when there is no value."""
        if fault := self.fault():
            refuse([fault])
        return self.run(self.line).output.removesuffix(b"\n").decode()


def list_faults(
    own: Mapping[str, Entry], *, listed: Collection[str], by_file: Mapping[str, Collection[str]], where: str
) -> Iterator[Fault]:
    """Refuse values that the list in effect takes for something else than the list of their own file does.

    Two files may each set a variable, or APP_COMMANDS, without the other: a value that nobody wrote as a command line
    would be run, or a command line be the value. `listed` is what is in effect, and `where` it stands; `by_file` has
    what APP_COMMANDS of each file lists, by the origin of its entries. No value is shown.
    """
    for key, entry in own.items():
        file = entry.origin.removeprefix("file ")
        is_written_as_one = key in by_file.get(entry.origin, ())
        if key in listed and not is_written_as_one:
            what = f"would be run as a command line, by APP_COMMANDS of {where}, and {file} lists no {key}"
            yield Fault(key, what, f"{key} in APP_COMMANDS of both, or of neither", entry.where)
        elif is_written_as_one and key not in listed:
            what = f"is a command line, by APP_COMMANDS of {file}, and {where} leaves it out"
            yield Fault(key, what, f"{key} in APP_COMMANDS of both, or of neither", entry.where)


def _why_not(result: CommandResult) -> str:
    if result.exit_code is None:
        return f"did not end within {COMMAND_SECONDS} s, and was ended"
    if result.exit_code:
        return f"ended with exit code {result.exit_code}"
    if not result.output.rstrip(b"\r\n"):
        return "printed nothing, and ended with exit code 0"
    if b"\0" in result.output:
        return "printed a NUL character, which no environment can hold"
    try:
        result.output.decode()
    except UnicodeDecodeError:
        return "printed what is not UTF-8 text"
    return ""
