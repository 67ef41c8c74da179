"""A command line that cannot be read: refused with exit code 2, with the nearest name of a task or an option."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches

from invoke.exceptions import ParseError
from invoke.parser.context import ParserContext
from invoke.program import Program

from tasks.binding.endings import ending
from tasks.binding.targets import check_hosts, typed_hosts
from tasks.binding.values import unreadable_value
from tasks.core.errors import UsageError
from tasks.core.facts import SERVICES
from tasks.core.faults import one_line

_UNKNOWN = re.compile(r"No idea what '(.*)' is!", re.DOTALL)
_NO_VALUE = re.compile(r"Flag <Argument: ([^ >]+).*> needed value and was not given one!")
_LIST = "fab --list shows every task"


def refuse_unknown_words(program: Program, tasks: Sequence[str], check_line: Callable[[], None]) -> None:
    """Have a program refuse unknown tasks and options, and values that cannot be read, as every other usage error.

    Invoke prints a line without a way out and ends with exit code 1, or with a traceback; it has no setting for that,
    so its two steps between reading the command line and the first task are wrapped. `check_line` looks at the line
    as a whole once it has been read; --help and --list have ended before.
    """
    program.parse_tasks = _refusing(program.parse_tasks, tasks, lambda: None)  # type: ignore[method-assign]
    program.parse_cleanup = _refusing(program.parse_cleanup, tasks, check_line)  # type: ignore[method-assign]


def _refusing(step: Callable[[], None], tasks: Sequence[str], check_line: Callable[[], None]) -> Callable[[], None]:
    def refusing() -> None:
        try:
            step()
            check_hosts(typed_hosts())
            check_dry()
            check_line()
        except ParseError as error:
            raise ending(unreadable(str(error), error.context, tasks), as_json="--json" in sys.argv) from None
        except ValueError as error:
            fault = unreadable_value(error)
            if not fault:
                raise
            raise ending(fault, as_json="--json" in sys.argv) from None
        except UsageError as error:
            raise ending(error, as_json="--json" in sys.argv) from None

    return refusing


def check_dry() -> None:
    """Refuse Fabric's --dry, which our tasks would not heed; it stands before the first task, or behind it."""
    ours = sys.argv[1 : sys.argv.index("--")] if "--" in sys.argv else sys.argv[1:]
    if {"-R", "--dry"} & set(ours):
        raise UsageError(
            "-R (--dry) would not keep a task from changing a host", remedy="fab -H HOST plan shows what would change"
        )


def unreadable(said: str, context: ParserContext | None, tasks: Sequence[str]) -> UsageError:
    """Say what Invoke's parser did not understand, and what was probably meant.

    `context` is the task it was reading then, or None.
    """
    task = str(context.name) if context and context.name else ""
    help_ = f"fab --help {task} shows its options, {_LIST}" if task else _LIST
    if found := _NO_VALUE.fullmatch(said):
        return UsageError(f"--{found.group(1)} of {task or 'fab'} needs a value", remedy=help_)
    found = _UNKNOWN.fullmatch(said)
    if not found:
        return UsageError(one_line(said.rstrip("!")), remedy=help_)
    word = one_line(found.group(1))
    if word.startswith("-"):
        known = [flag for flag in context.flags if flag.startswith("--")] if context else []
        return UsageError(f"{task or 'fab'} has no option {word}", remedy=_nearest(word, known) + help_)
    if word in SERVICES:
        return UsageError(f"there is no task {word}", remedy=f"a service is named by --service {word}; {help_}")
    return UsageError(f"there is no task {word}", remedy=_nearest(word, tasks) + help_)


def _nearest(word: str, known: Iterable[str]) -> str:
    near = get_close_matches(word, list(known), n=1)
    return f"did you mean {near[0]}? " if near else ""
