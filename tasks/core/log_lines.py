"""A line of a log, on the host and on the screen: `TIME [STEP] HOST: MESSAGE`, the time in ISO 8601 with its zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_STAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (?:\[[^\]]*\] [^ :]+: )?")
"""What stands before the message; a release of before has only the time."""


def stamped(text: str, *, step: str, host: str) -> str:
    """Put time, step and host before each line that has none yet; a host that the line names itself is not repeated."""
    before = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} [{step}] {host}: "
    lines = text.split("\n")
    return "\n".join(line if _STAMP.match(line) else before + line.removeprefix(f"{host}: ") for line in lines)


def message(line: str) -> str:
    """Give a line without what stands before its message."""
    return _STAMP.sub("", line, count=1)
