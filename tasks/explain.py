"""The report of the last failed activation on a host, once more."""

from __future__ import annotations

from dataclasses import replace

from tasks.core.errors import NothingDeployed, UsageError
from tasks.core.failures import FailureReport
from tasks.core.protocols import Answer, Host, Outcome
from tasks.core.workspace import Workspace
from tasks.history import parse_history
from tasks.hosts import host_parameters


def explain(host: Host, work: Workspace, *, release: str = "") -> Outcome:
    """Show again why the last activation failed, or that of --release.

    From what the host has kept: what was tried, the answers, log lines, cause, remedy, what served. Changes nothing.
    """
    if not release.isprintable():
        raise UsageError(f"a line break or control character in {release!r}", remedy="names have none")
    answer = host.run(
        "explain",
        *([release] if release else []),
        parameters=host_parameters(work.settings, "explain"),
        listen=work.console.detail,
    )
    report = FailureReport(_newest(answer), host.target)
    if not report.release:
        if release:
            raise NothingDeployed(
                f"{host.name} has no failure of {release} on record", remedy=f"fab -H {host.target} history shows all"
            )
        return Outcome(False, f"{host.name}: no activation has failed here, as far as is kept", data={"failure": None})
    work.console.say(f"{report.value('time')} {report.value('task')}: {report.title(host.name)}")
    for line in report.lines():
        work.console.say("    " + line)
    work.console.say(f"  then: {report.serving()}")
    if log := report.value("log"):
        work.console.say(f"  log on the host: {log}")
    now = answer.value("active")
    data = {"failure": report.as_json(), "active": now or None}
    return Outcome(False, f"{host.name}: {now or 'nothing'} serves now", data=data, remedy=report.next())


def _newest(answer: Answer) -> Answer:
    """Give the lines of the report; of an activation that was cut off after it, what the history has."""
    entry = next(iter(parse_history(answer.values("history"))), None)
    seq = answer.value("seq")
    active = len(answer.lines) - 1
    if entry is None or (seq.isdigit() and str(entry.get("seq", "")).isdigit() and int(seq) >= int(str(entry["seq"]))):
        return replace(answer, lines=answer.lines[:active])
    told = {"failed.service": "service", "failed.reason": "reason"}
    told |= {name: name for name in ("release", "previous", "seq", "time", "task", "log")}
    return replace(answer, lines=tuple(f"{name}={entry.get(key) or ''}" for name, key in told.items()))
