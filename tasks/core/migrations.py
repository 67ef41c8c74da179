"""Which migrations a database has, as it says itself, against those that a release brings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tasks.core.units import counted

NEVER_ENDED = "it was begun by an earlier deployment and never ended"


@dataclass(frozen=True)
class HostMigrations:
    """What a host's database says of its migrations.

    `state` is none (no database yet), absent (no table of migrations), read, or unread, with the reason in `why`.
    `begun` never ended and were not taken back; `tables` and `size` (bytes) are the database's; `releases` gives the
    migrations that each release on the host brings.
    """

    state: str = "none"
    why: str = ""
    applied: tuple[str, ...] = ()
    begun: tuple[str, ...] = ()
    tables: int = 0
    size: int = 0
    releases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def pending(self, wanted: Iterable[str]) -> Pending:
        """Compare with what a release brings: what could not be read is taken as pending."""
        names = tuple(name for name in wanted if name not in self.applied)
        return Pending(
            names=names,
            never_ended=self.begun if names else (),
            unread=(self.why or "no reason given") if names and self.state == "unread" else "",
            dump=bool(names) and (self.state == "unread" or self.tables > 0),
        )

    def is_behind(self, release: str) -> bool:
        """Whether the database surely lacks a migration of a release on the host, as after a restore."""
        return self.state == "read" and bool(self.pending(self.releases.get(release, ())).names)


@dataclass(frozen=True)
class Pending:
    """The migrations that a release would run, in order.

    `never_ended` keep it from running them; `unread` is why the database could not be asked; `dump`: whether one is
    made before them.
    """

    names: tuple[str, ...]
    never_ended: tuple[str, ...] = ()
    unread: str = ""
    dump: bool = False

    def __str__(self) -> str:
        """Write it for people, in one line; nothing when nothing is pending."""
        if not self.names:
            return ""
        taken = f", taken as pending because the database could not be asked ({self.unread})" if self.unread else ""
        them = "it" if len(self.names) == 1 else "them"
        dump = f"a dump is made before {them}" if self.dump else "no dump is made, the database has no tables"
        return f"{counted(len(self.names), 'migration')}{taken}: {', '.join(self.names)}; {dump}"


def resolve_remedy(name: str, target: str) -> str:
    """Give the commands that say what became of a migration that never ended."""
    return (
        f"see what it has done (fab -H {target} logs --service deploy), then: "
        f"fab -H {target} resolve-migration {name} --rolled-back (nothing of it is there: it runs again) "
        "or --applied (all of it is there)"
    )
