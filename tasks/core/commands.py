"""The one place that quotes a value for a shell, and the parameters of a host script."""

from __future__ import annotations

import re
from collections.abc import Mapping

DOCKER = (
    'if [ "$(id -u)" = 0 ]; then exec docker "$@"; '
    'elif sudo -n true 2>/dev/null; then exec sudo -n docker "$@"; '
    'else exec docker "$@"; fi'
)
"""The one command line for docker with a terminal or a pipe of the caller's; the right is chosen as for a script."""

_NAME = re.compile(r"[A-Z][A-Z0-9_]*")


def quote(value: str) -> str:
    """Quote one value for a POSIX shell, whatever it holds.

    Single quotes around everything; a single quote inside is closed, escaped, reopened. NUL cannot reach a shell
    (POSIX.1-2017, 2.2.2 and 2.3) and raises ValueError.
    """
    if "\0" in value:
        raise ValueError("a value with a NUL character cannot be passed to a shell")
    return "'" + value.replace("'", "'\\''") + "'"


def parameters(values: Mapping[str, str]) -> str:
    """Write `NAME='value'` lines, to be put before a host script on its standard input.

    Names are upper-case identifiers; any other raises ValueError.
    """
    for name in values:
        if not _NAME.fullmatch(name):
            raise ValueError(f"not a parameter name: {name!r}")
    return "".join(f"{name}={quote(value)}\n" for name, value in values.items())
