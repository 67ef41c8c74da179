"""A migration that a deployment began and that never ended: the one case that needs a person."""

from __future__ import annotations

from collections.abc import Iterable

from tasks.core.errors import HostNotReady, UsageError
from tasks.core.facts import HostFacts
from tasks.core.migrations import NEVER_ENDED, resolve_remedy
from tasks.core.protocols import Host, Outcome
from tasks.core.reasons import script_failure
from tasks.core.workspace import Workspace
from tasks.hosts import held, require_engine


def require_ended(host: Host, facts: HostFacts, wanted: Iterable[str]) -> None:
    """Refuse to bring `wanted` migrations to a database where one was begun and never ended."""
    pending = facts.migrations.pending(wanted)
    if pending.never_ended:
        name = pending.never_ended[0]
        raise HostNotReady(
            f"the migration {name} keeps {host.name} from being deployed to: {NEVER_ENDED}; nothing was changed",
            remedy=resolve_remedy(name, host.target),
        )


def resolve_migration(
    host: Host, work: Workspace, *, name: str, rolled_back: bool = False, applied: bool = False, wait: int = 0
) -> Outcome:
    """Say what became of a migration that never ended.

    --rolled-back: nothing of it is there (any more), and the next deployment runs it again. --applied: all of it is
    there, and it never runs again. Refused while a statement of it runs. Only the table _prisma_migrations changes.
    Undo: restore a backup.
    """
    if rolled_back == applied:
        raise UsageError(
            f"what became of {name}?",
            remedy=f"fab -H {host.target} resolve-migration {name} --rolled-back (or --applied)",
        )
    state = "applied" if applied else "rolled-back"
    with held(host, work, "resolve-migration", wait=wait) as lock:
        require_engine(host, work, lock.facts)
        answer = lock.order(f"resolve-migration {name} {state}")
    if answer.exit_code:
        raise script_failure(host, "resolve-migration", answer)
    data = {"migration": name, "state": state}
    return Outcome(
        True,
        f"{host.name}: {name} counts as {state}",
        data=data,
        remedy=f"fab -H {host.target} deploy",
    )
