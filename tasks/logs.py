"""Logs of a host: of the containers of both slots and the platform, and of the tasks that changed it."""

from __future__ import annotations

import re

from tasks.core.errors import NothingDeployed, UsageError
from tasks.core.protocols import Answer, Host, Outcome
from tasks.core.reasons import refusal, typed
from tasks.core.workspace import Workspace
from tasks.hosts import host_parameters

TASKS = (
    "deploy", "up", "push-config", "ship-images", "rollback", "restart", "down", "prune", "maintenance", "backup",
    "restore", "resolve-migration", "install-docker",
)  # fmt: skip
"""Those that change a host, and leave a log there."""
SOURCES = ("all", "frontend", "backend", "database", "edge", *TASKS)
_INTERRUPTED = 130
_DURATION = re.compile(r"(\d+[smh])+|\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?)?")


def logs(
    host: Host, work: Workspace, *, service: str = "all", tail: str = "", since: str = "", follow: bool = False
) -> Outcome:
    """Show what a service, all of them, or a task wrote.

    Changes nothing. --service is all, frontend, backend, database, edge, or a task that changes the host (deploy,
    rollback …) for its newest log; each line says its slot where there is more than one container. The last 100 lines,
    or those --since 10m or a time (UTC, unless it says its zone); --follow goes on, into the next slot too, until
    Ctrl-C. Exit code 1 when there is none of it on the host.
    """
    _check(service, tail, since)
    words = (service, tail, since)
    parameters = host_parameters(work.settings, "logs")
    if follow:
        return _follow(host, work, words)
    answer = host.run("logs", *words, parameters=parameters, accept=(0, 1), listen=work.console.detail)
    for line in answer.lines:
        work.console.say(line)
    if answer.exit_code:
        raise _nothing(host, service, answer)
    summary = "" if answer.lines else f"{host.name}: {service} has written nothing"
    return Outcome(False, summary, data={"lines": list(answer.lines)})


def _check(service: str, tail: str, since: str) -> None:
    if service not in SOURCES:
        raise UsageError(f"no logs of {service}", remedy=f"--service is one of {', '.join(SOURCES)}")
    if tail not in ("", "all") and not (tail.isascii() and tail.isdigit()):
        raise UsageError(f"--tail {tail} is not a number of lines", remedy="--tail 100, or --tail all")
    if since and not _DURATION.fullmatch(since):
        raise UsageError(f"--since {since} is not a time", remedy="--since 10m, 2h30m, or 2026-01-31T12:00:00Z")
    if since and service in TASKS:
        raise UsageError("--since is for services: a task's log is one file", remedy="--tail all shows all of it")


def _follow(host: Host, work: Workspace, words: tuple[str, str, str]) -> Outcome:
    """Show lines as they come; Ctrl-C is how it ends, and the host's side ends with the conversation."""
    parameters = host_parameters(work.settings, "logs")
    with host.converse("logs", *words, "follow", parameters=parameters, listen=work.console.detail) as conversation:
        try:
            for line in conversation.lines():
                work.console.say(line)
            answer = conversation.finish()
        except KeyboardInterrupt:
            return Outcome(False, "", exit_code=_INTERRUPTED)
    raise _nothing(host, words[0], answer)


def _nothing(host: Host, service: str, answer: Answer) -> NothingDeployed:
    what, remedy = refusal(answer)
    return NothingDeployed(
        f"{host.name}: {what or f'no logs of {service}'}",
        detail="" if what else "\n".join(answer.talk[-3:]),
        remedy=typed(remedy, host.target) or f"fab -H {host.target} status shows what it has",
    )
