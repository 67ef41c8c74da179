"""What is known of one failure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tasks.core.reasons import typed


@dataclass(frozen=True)
class Diagnosis:
    """One known failure: its signature in the output or the state, the cause, what to check, and the remedy.

    `preserved` is what it has left as it was; `bullet` is the design's, "Group: failure", where it has one.
    """

    signature: str
    cause: str
    check: str
    remedy: str
    preserved: str = ""
    bullet: str = ""

    def as_json(self, target: str) -> dict[str, str]:
        """Give it for programs; `target` is the host as -H named it."""
        return {
            "cause": self.cause, "check": typed(self.check, target), "remedy": typed(self.remedy, target),
            "preserved": self.preserved,
        }  # fmt: skip


def diagnose(output: str, known: Iterable[Diagnosis]) -> Diagnosis | None:
    """Find the known failure that an output shows; the first entry that fits wins."""
    return next((each for each in known if re.search(each.signature, output, re.IGNORECASE | re.MULTILINE)), None)
