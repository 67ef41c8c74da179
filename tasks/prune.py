"""Freeing what kept releases no longer need on a host."""

from __future__ import annotations

from tasks.core.protocols import Host, Outcome
from tasks.core.reasons import script_failure
from tasks.core.units import counted
from tasks.core.workspace import Workspace
from tasks.hosts import held, require_engine


def prune(host: Host, work: Workspace, *, wait: int = 0) -> Outcome:
    """Remove releases beyond KEEP_RELEASES, and those that failed.

    With their images, logs and dumps. Never what serves, what served before it, or a backup that was made by hand.
    """
    with held(host, work, "prune", wait=wait) as lock:
        require_engine(host, work, lock.facts)
        answer = lock.order("prune")
    if answer.exit_code:
        raise script_failure(host, "prune", answer)
    removed = answer.values("removed")
    for each in removed:
        work.console.say(f"  removed {each}")
    if not removed:
        return Outcome(False, f"{host.name}: already so, nothing to remove", data={"removed": []})
    return Outcome(True, f"{host.name}: removed {counted(len(removed), 'thing')}", data={"removed": [*removed]})
