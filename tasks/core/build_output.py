"""What a builder said when a build failed: the step, and that step's own output (BuildKit's plain progress).

#5 [packages 3/4] RUN npm ci
#5 2.018 npm error code EUSAGE
#5 ERROR: process "/bin/sh -c npm ci" did not complete successfully: exit code: 1
------
 > [packages 3/4] RUN npm ci:
2.018 npm error code EUSAGE
------
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_FAILED = re.compile(r"#(\d+) ERROR: (.*)")
_LINE = re.compile(r"#(\d+) \d+\.\d+ (.*)")
_NAME = re.compile(r" > (.*):$")
_OPTION = re.compile(r"--mount=\S+\s+")
_WIDTH = 160


@dataclass(frozen=True)
class FailedStep:
    """Hold the step that failed, as its Dockerfile has it, what it printed, and the builder's reason."""

    name: str
    output: tuple[str, ...]
    reason: str

    def excerpt(self, count: int, signature: str = "") -> str:
        """Show the step and `count` lines of its output: from the first with the signature on, else the last ones.

        The builder's reason stands for the output of a step that printed nothing.
        """
        lines = [line for line in self.output if line.strip()] or [self.reason]
        places = [at for at, line in enumerate(lines) if signature and re.search(signature, line, re.IGNORECASE)]
        start = places[0] if places else max(0, len(lines) - count)
        name = _OPTION.sub("", self.name)
        name = name if len(name) <= _WIDTH else name[: _WIDTH - 1] + "…"
        return "\n".join([*([name] if name else []), *(f"  {line}" for line in lines[start : start + count])])


def failed_step(lines: Sequence[str]) -> FailedStep | None:
    """Find the step that failed in a builder's output; None when it tells of none."""
    found = [match for line in lines if (match := _FAILED.match(line)) and match[2] != "context canceled"]
    if not found:
        return None
    number, reason = found[0].groups()
    output = tuple(match[2] for line in lines if (match := _LINE.match(line)) and match[1] == number)
    started = re.compile(rf"#{number} (\[.*)")
    names = [match[1] for line in lines if (match := _NAME.match(line) or started.match(line))]
    return FailedStep(names[0] if names else "", output, reason)
