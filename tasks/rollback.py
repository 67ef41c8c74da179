"""Going back to an earlier release, and starting the one that serves anew."""

from __future__ import annotations

from dataclasses import replace

from tasks.activation import activate, came_up, ended
from tasks.core.errors import NothingDeployed
from tasks.core.protocols import Host, Outcome
from tasks.core.reasons import script_failure
from tasks.core.workspace import Workspace
from tasks.hosts import held, require_engine


def rollback(host: Host, work: Workspace, *, to: str = "", wait: int = 0) -> Outcome:
    """Go back to the release that served before, or --to another one.

    Images, compose files, .env and the edge's configuration together, checked first to be all there and verified like a
    deployment; the release that serves goes on serving until then, and when anything fails. Data is not touched. Undo:
    rollback again.
    """
    with held(host, work, "rollback", wait=wait, release=to) as lock:
        require_engine(host, work, lock.facts)
        answer = lock.order(f"rollback {to}".rstrip())
        if not answer.values("rollback"):
            raise script_failure(host, "rollback", answer)
        result = ended(host, lock, answer.value("rollback"), answer)
    return came_up(host, work, replace(result, data={**(result.data or {}), "dump": answer.value("dump")}))


def restart(host: Host, work: Workspace, *, wait: int = 0) -> Outcome:
    """Start the release that serves anew, in the other slot, unnoticed.

    The same images and configuration; database and edge are left alone. Undo: nothing to undo.
    """
    with held(host, work, "restart", wait=wait) as lock:
        require_engine(host, work, lock.facts)
        if lock.facts.active is None:
            raise NothingDeployed(f"nothing serves on {host.name}", remedy=f"fab -H {host.target} up")
        return came_up(host, work, activate(host, lock, lock.facts.active.name))
