"""The last resort: an error that nobody foresaw ends in one message, never in a traceback."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import paramiko
from invoke.exceptions import Exit, ParseError
from invoke.program import Program

from tasks.binding.endings import ending
from tasks.core.errors import DeployError, UsageError

_STEPS = ("parse_tasks", "parse_cleanup", "update_config", "execute")
_WRITERS = ("console.py", "endings.py", "internal_errors.py")
_ROOT = Path(__file__).resolve().parents[2]


def report_internal_errors(program: Program) -> None:
    """Wrap what a program does once it has read fabfile.py, so that any error has an ending of ours."""
    for name in _STEPS:
        setattr(program, name, _reporting(getattr(program, name), is_reading=name == "update_config"))


def _reporting(step: Callable[[], None], *, is_reading: bool) -> Callable[[], None]:
    def reporting() -> None:
        try:
            step()
            sys.stdout.flush()
        except (Exit, ParseError):
            raise
        except Exception as error:
            if _is_reader_gone(error):
                raise Exit("", 1) from None
            if is_reading and isinstance(error, OSError | paramiko.ConfigParseError):
                raise ending(_unreadable(error), as_json="--json" in sys.argv) from None
            if "--verbose" in sys.argv:
                traceback.print_exception(error)
            raise ending(internal_error(error), as_json="--json" in sys.argv) from None

    return reporting


def internal_error(error: Exception) -> DeployError:
    """Say which error it was and where; its text is left out, as it may hold a secret."""
    kind = type(error).__qualname__
    return DeployError(
        f"internal error: {kind} {_place(error)}",
        now="what a host had begun it finishes or undoes; fab -H HOST status shows how it stands",
        remedy="this is a fault of the tool, please report it with these lines; --verbose shows the traceback, "
        "which can hold values of your settings",
    )


def _place(error: Exception) -> str:
    frame = _frame(error)
    path = Path(frame.filename)
    name = path.relative_to(_ROOT) if path.is_relative_to(_ROOT) else Path(*path.parts[-2:])
    return f"at {name}:{frame.lineno} in {frame.name}"


def _frame(error: Exception) -> traceback.FrameSummary:
    """Give the innermost line of this checkout that the error came through, or else the library's."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(_ROOT / "tasks")]
    return (own[1:] or (frames if frames[1:] else own))[-1]


def _unreadable(error: Exception) -> UsageError:
    what = f"{error.filename}: {(error.strerror or 'failed').lower()}" if isinstance(error, OSError) else str(error)
    return UsageError(
        f"the SSH configuration cannot be read: {' '.join(what.split())}",
        remedy="correct ~/.ssh/config, or the file of -S or -f",
    )


def _is_reader_gone(error: Exception) -> bool:
    """Tell whether what reads our output has ended, as `| head -1` does; then send the rest nowhere."""
    if not isinstance(error, BrokenPipeError) or Path(_frame(error).filename).name not in _WRITERS:
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True
