"""Closing the application to everybody while it is worked on."""

from __future__ import annotations

from tasks.core.errors import UsageError
from tasks.core.faults import one_line
from tasks.core.protocols import Host, Outcome
from tasks.core.reasons import script_failure
from tasks.core.workspace import Workspace
from tasks.hosts import held, require_engine

LONGEST_MESSAGE = 500


def maintenance(
    host: Host, work: Workspace, *, on: bool = False, off: bool = False, message: str = "", wait: int = 0
) -> Outcome:
    """Answer everybody with a 503 page, or open the application again.

    --on and --off; --message is for the page. A file on the host: nothing is stopped or started, no request is cut,
    and it stays on over deployments, restarts and reboots until it is switched off. Undo: the other of the two.
    """
    wanted = _wanted(host, on=on, off=off, message=message)
    with held(host, work, "maintenance", wait=wait) as lock:
        require_engine(host, work, lock.facts)
        answer = lock.order(wanted)
    if answer.exit_code:
        raise script_failure(host, "maintenance", answer)
    state, since = answer.value("maintenance"), answer.value("since")
    data = {"maintenance": state, "since": since or None}
    if answer.value("changed") == "no":
        return Outcome(False, f"{host.name}: already so, {_said(state, since)}", data=data)
    back = f"fab -H {host.target} maintenance --off opens it again" if state == "on" else ""
    return Outcome(True, f"{host.name}: {_said(state, since)}", data=data, remedy=back)


def _said(state: str, since: str) -> str:
    return f"maintenance is on since {since}, everybody gets 503" if state == "on" else "maintenance is off"


def _wanted(host: Host, *, on: bool, off: bool, message: str) -> str:
    """Give the order for the host; UsageError when the options do not say one thing."""
    way = f"fab -H {host.target} maintenance --on, or --off"
    if on == off:
        raise UsageError("maintenance needs one of --on and --off", remedy=way)
    if message and off:
        raise UsageError("--message is for the page that --on shows", remedy=way)
    if not message.isprintable() or len(message) > LONGEST_MESSAGE:
        raise UsageError(
            f"--message {one_line(message[:60])!r}: one line of at most {LONGEST_MESSAGE} printable characters",
            remedy=way,
        )
    return f"maintenance {'on' if on else 'off'} {message}".strip()
