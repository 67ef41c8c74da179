"""Which release `up` brings up, and what is said of an activation that failed."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.core.facts import HostFacts
from tasks.core.log_lines import message
from tasks.core.plan import unhealthy
from tasks.core.protocols import Listener
from tasks.core.settings import Settings

_FAILED = "FAILED in step "
"""How the host's log marks the failure (scripts/host/activate.sh); what failed is shown after it."""
_REFUSED = "error: "
"""How a host script says what it refuses (scripts/host/report.sh), at its very end; that is the last message, too."""


@dataclass(frozen=True)
class Choice:
    """A release to bring up; `status` is its status on the host."""

    name: str
    status: str


def release_to_bring_up(facts: HostFacts, *, pushed: str | None = None) -> Choice | None:
    """Choose what `up` brings up; None when there is nothing to do, or nothing there.

    The last release that was pushed after the active one and has not come up: a failed one is tried again, but only
    when it is `pushed`, what this checkout pushed last (None: whichever). Without one, the active release when not all
    of it runs, or when the database lacks migrations of it. After `down` what served comes first: a release that
    failed then would leave nothing that serves.
    """
    names = [each.name for each in facts.releases]
    retired = [each for each in facts.releases if each.status == "retired"]
    last = facts.active or max(retired, key=lambda each: each.seq, default=None)
    later = facts.releases[names.index(last.name) + 1 :] if last else facts.releases
    waiting = ("pending", "failed") if facts.active or not last else ("pending",)
    found = next(
        (
            each
            for each in reversed(later)
            if each.status in waiting and (each.status != "failed" or pushed in (None, each.name))
        ),
        None,
    )
    if found is None and (not facts.active or unhealthy(facts) or facts.migrations.is_behind(facts.active.name)):
        found = last
    return Choice(found.name, found.status) if found else None


class Follower:
    """Let through what the host says, and keep what comes after a failed step for the last message."""

    def __init__(self, listen: Listener) -> None:
        """Start with nothing heard; `lines` are those that went through."""
        self._listen = listen
        self.lines: list[str] = []
        self._kept: list[str] = []

    def __call__(self, line: str) -> None:
        """Hear one line."""
        if self._kept or _FAILED in line or message(line).startswith(_REFUSED):
            self._kept.append(message(line))
        else:
            self.lines.append(line)
            self._listen(line)

    @property
    def failure(self) -> tuple[str, ...]:
        """What was said after the lines that name the failed step and what to do next, without times."""
        return tuple(line for line in self._kept[1:] if not line.startswith("  next: "))


def url(settings: Settings, address: str) -> str:
    """Give the address of the application on a host."""
    scheme, port, usual = ("http", settings.http_port, 80)
    if settings.enable_https:
        scheme, port, usual = ("https", settings.https_port, 443)
    name = f"[{address}]" if ":" in address else address
    return f"{scheme}://{name}{'' if port == usual else f':{port}'}/"
