"""Backups of a host's database: made, listed, and put back."""

from __future__ import annotations

from tasks.core.backups import fetch_command
from tasks.core.errors import UsageError
from tasks.core.protocols import Answer, Host, Outcome
from tasks.core.reasons import script_failure
from tasks.core.units import size
from tasks.core.workspace import Workspace
from tasks.hosts import held, host_parameters, require_engine


def backup(host: Host, work: Workspace, *, list: bool = False, wait: int = 0) -> Outcome:  # noqa: A002 - the option's name
    """Dump a host's database into a file on that host.

    Custom format of pg_dump, verified and checksummed, in DEPLOYMENT_PATH/backups; nothing is stopped. --list shows
    what there is. Those that a deployment made before its migrations are among them. Says how to copy it away.
    """
    if list:
        return _listed(host, work)
    with held(host, work, "backup", wait=wait) as lock:
        require_engine(host, work, lock.facts)
        with work.console.progress(f"{host.name}: dumping the database"):
            answer = _ordered(host, lock.order("backup"), "backup")
    data = {key: answer.value(key) for key in ("backup", "sha256", "size", "tables")}
    fetch = fetch_command(host.target, data["backup"], user=lock.facts.user, owner=answer.value("owner"))
    work.console.say(f"  SHA-256 {data['sha256']}, {data['size']} bytes")
    work.console.say(f"  it lies on the disk of the data; copy it away: {fetch}")
    summary = f"{host.name}: {data['backup']} ({size(int(data['size'] or 0))}, {data['tables']} tables)"
    return Outcome(True, summary, data=data | {"fetch": fetch})


def restore(
    host: Host, work: Workspace, *, backup: str = "", forget: bool = False, yes: bool = False, wait: int = 0
) -> Outcome:
    """Put a backup's content in the place of a host's database.

    Restored beside it and verified first; what was there is kept in the server until `restore --forget --yes`. Rights,
    settings and comment of the database itself stay. The application's sessions are ended and come back. One that is
    cut off is finished or undone by the next task. Undo: restore a backup made before.
    """
    if bool(backup) == forget:
        raise UsageError("restore needs --backup NAME or --forget", remedy=f"fab -H {host.target} backup --list")
    if not yes:
        what = "what earlier restores kept is removed" if forget else "the data of now is put aside"
        raise UsageError(f"not confirmed: {what}", remedy="add --yes if that is what you want")
    with held(host, work, "restore", wait=wait) as lock:
        require_engine(host, work, lock.facts)
        with work.console.progress(f"{host.name}: restoring"):
            answer = _ordered(host, lock.order("restore-forget" if forget else f"restore {backup}"), "restore")
    if forget:
        removed = answer.values("removed")
        summary = (
            f"{host.name}: removed {', '.join(removed)}" if removed else f"{host.name}: already so, nothing was kept"
        )
        return Outcome(bool(removed), summary, data={"removed": [*removed]})
    kept = answer.value("kept")
    work.console.say(
        f"  what was there is kept as database {kept}; remove it: fab -H {host.target} restore --forget --yes"
    )
    data = {key: answer.value(key) for key in ("restored", "release", "kept", "tables")}
    return Outcome(
        True,
        f"{host.name}: {backup} is restored ({data['tables']} tables)",
        data=data,
        remedy=f"fab -H {host.target} up runs the migrations that it lacks"
        + (f"; rollback --to {back} brings the release of then" if (back := answer.value("back")) else ""),
    )


def _listed(host: Host, work: Workspace) -> Outcome:
    answer = host.run("backups", parameters=host_parameters(work.settings, "backup"), listen=work.console.detail)
    rows = [
        dict(zip(("name", "size", "time", "before"), line.split(" "), strict=False)) for line in answer.values("backup")
    ]
    for row in rows:
        before = f"  before the migrations of {row['before']}" if row.get("before") else ""
        work.console.say(f"  {row['name']}  {size(int(row['size']))}{before}")
    summary = "" if rows else f"{host.name} has no backups; make one: fab -H {host.target} backup"
    return Outcome(False, summary, data={"backups": rows})


def _ordered(host: Host, answer: Answer, task: str) -> Answer:
    """Give the answer of an order under the lock, or raise HostFailed with the host's own words."""
    if answer.exit_code:
        raise script_failure(host, task, answer)
    return answer
