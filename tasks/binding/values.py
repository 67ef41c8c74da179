"""Values of options that no task could work with: refused while nothing has begun, for every task of the line."""

from __future__ import annotations

import re
import traceback

from invoke.parser.argument import Argument
from invoke.parser.context import ParserContext

from tasks.core.errors import UsageError
from tasks.core.faults import shown

LARGEST = 999_999_999
_NUMBER = f"a whole number from 0 to {LARGEST}"
_FORM = "letters, digits and . _ -, beginning with a letter or a digit"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")  # is_release_name of scripts/host/release.sh
NAMES = ("release", "to", "backup", "name")
"""Options that name what is on a host: a release, a backup, a migration. They become part of a path or an order."""


def is_name(text: str) -> bool:
    """Say whether a release, a backup or a migration may be called so on a host."""
    return bool(_NAME.fullmatch(text))


def check_values(task: ParserContext) -> None:
    """Refuse a number below nought, and what cannot be the name of something on a host: UsageError.

    `task` has no name when it holds the options of fab itself.
    """
    for option in task.args.values():
        if option.kind is int and option.value is not None and not 0 <= option.value <= LARGEST:
            raise _refusal(option, task.name or "", _NUMBER)
        if option.kind is str and option.name in NAMES and option.raw_value is not None and not is_name(option.value):
            raise _refusal(option, task.name or "", _FORM)


def unreadable_value(error: ValueError) -> UsageError | None:
    """Name the option whose value Invoke could not take, which its own error does not; None when there is none."""
    owners = [frame.f_locals.get("self") for frame, _ in traceback.walk_tb(error.__traceback__)]
    option = next((owner for owner in owners if isinstance(owner, Argument)), None)
    return _refusal(option, "", _NUMBER) if option and option.kind is int else None


def _refusal(option: Argument, task: str, form: str) -> UsageError:
    of = f" of {task}" if task else ""
    value = option.value if option.raw_value is None else option.raw_value  # Invoke hands on some as a value alone
    name = str(max(option.names, key=len))
    typed = name.upper() if option.positional else f"--{name}"
    return UsageError(
        f"{typed}{of}: {shown(str(value))} cannot be used; accepted: {form}",
        remedy=f"fab --help {task or 'TASK'} shows the options",
    )
