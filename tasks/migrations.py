"""A migration that a deployment began and that never ended: the one case that needs a person."""

from __future__ import annotations

from tasks.core.errors import UsageError
from tasks.core.protocols import Host, Outcome
from tasks.core.reasons import script_failure
from tasks.core.workspace import Workspace
from tasks.hosts import held, require_engine


def resolve_migration(
    host: Host, work: Workspace, *, name: str, rolled_back: bool = False, applied: bool = False, wait: int = 0
) -> Outcome:
    """Say what became of a migration that never ended.

    --rolled-back: nothing of it is there (any more), and the next deployment runs it again. --applied: all of it is
    there, and it never runs again. Only the table _prisma_migrations changes. Undo: restore a backup.
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
        remedy=f"fab -H {host.target} deploy; restart, when that says already so",
    )
