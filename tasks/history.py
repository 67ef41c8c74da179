"""What happened on a host: every activation, oldest first, failed ones too."""

from __future__ import annotations

import json
from collections.abc import Iterable

from tasks.core.errors import UsageError
from tasks.core.protocols import Host, Outcome
from tasks.core.workspace import Workspace
from tasks.hosts import host_parameters


def history(host: Host, work: Workspace, *, lines: int = 20) -> Outcome:
    """Show the last deployments, rollbacks and restarts of a host.

    Changes nothing. One line an activation: number, time, task, release, result, who ordered it, and why it failed.
    """
    if lines < 1:
        raise UsageError(f"--lines is {lines}", remedy="a number from 1 on")
    answer = host.run(
        "history", str(lines), parameters=host_parameters(work.settings, "history"), listen=work.console.detail
    )
    entries = parse_history(answer.values("history"))
    for entry in entries:
        work.console.say("  " + _line(entry))
    if not entries:
        return Outcome(False, f"{host.name}: nothing has been deployed here yet", data={"history": []})
    return Outcome(False, "", data={"history": entries})


def parse_history(lines: Iterable[str]) -> list[dict[str, object]]:
    """Read lines of history.jsonl; one that a power cut has torn is left out."""
    entries = []
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            entries.append(entry)
    return entries


def _line(entry: dict[str, object]) -> str:
    result = str(entry.get("result", ""))
    why = f"  {entry.get('service') or ''} {entry.get('reason') or ''}".rstrip() if result == "failed" else ""
    columns = (entry.get("seq"), entry.get("time"), entry.get("task"), entry.get("release"), result)
    return "{:>4}  {}  {:<9} {}  {:<7}".format(*(str(each) for each in columns)) + f" {entry.get('operator')}{why}"
