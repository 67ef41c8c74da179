"""The application taken down: `down`, and with --volumes its data too."""

from __future__ import annotations

from tasks.core.errors import HostFailed, HostNotReady, UsageError
from tasks.core.facts import HostFacts
from tasks.core.protocols import Host, Outcome
from tasks.core.workspace import Workspace
from tasks.hosts import held


def down(host: Host, work: Workspace, *, volumes: bool = False, yes: bool = False, wait: int = 0) -> Outcome:
    """Stop the application and remove its containers.

    Under the host's lock. Data, images and releases stay, and `fab -H HOST up` brings it back; --volumes --yes also
    removes the volumes, and with them the data.
    """
    if volumes and not yes:
        raise UsageError(
            "--volumes removes the database's data",
            remedy=f"fab -H {host.target} backup keeps a dump, which outlasts this; add --yes when you mean it",
        )
    with held(host, work, "down", wait=wait) as lock:
        _require_answer(host, lock.facts)
        if not lock.facts.containers and not (volumes and lock.facts.volumes):
            return Outcome(False, f"{host.name}: already so, nothing runs")
        answer = lock.order("down volumes" if volumes else "down")
    if answer.exit_code:
        error = HostFailed(
            f"taking the application down on {host.name} failed",
            detail="\n".join(answer.talk),
            remedy=f"mend what it says, then type the same command again; fab -H {host.target} status shows what runs",
        )
        error.is_detail_shown = bool(lock.said.lines)
        raise error
    kept = "its data too is gone" if volumes else "data, images and releases are kept"
    if directories := answer.values("kept"):
        kept = f"its volumes too are gone, and the files in {', '.join(directories)} are kept"
    back = "deploy begins anew" if volumes else "up brings it back"
    return Outcome(True, f"{host.name}: down, {kept}", remedy=f"fab -H {host.target} {back}")


def _require_answer(host: Host, facts: HostFacts) -> None:
    """Refuse to say that nothing runs when the engine does not say what runs."""
    if facts.engine.is_installed and not facts.engine.version:
        raise HostNotReady(
            f"Docker on {host.name} does not answer, so nothing can be taken down",
            detail=facts.engine.error,
            remedy="start it on the host: systemctl start docker; then type the same command again",
        )
