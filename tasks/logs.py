"""Logs of a host: of the containers that serve, and of deployments."""

from __future__ import annotations

from tasks.core.errors import UsageError
from tasks.core.protocols import Host, Outcome
from tasks.core.workspace import Workspace
from tasks.hosts import host_parameters

SOURCES = ("all", "frontend", "backend", "database", "edge", "deploy")


def logs(host: Host, work: Workspace, *, service: str = "all", lines: int = 100) -> Outcome:
    """Show the last log lines of a service, of all, or of a deployment.

    Changes nothing. --service is all, frontend, backend, database, edge or deploy.
    """
    if service not in SOURCES:
        raise UsageError(f"no logs of {service}", remedy=f"--service is one of {', '.join(SOURCES)}")
    answer = host.run(
        "logs", service, str(lines), parameters=host_parameters(work.settings, "logs"), listen=work.console.detail
    )
    for line in answer.lines:
        work.console.say(line)
    return Outcome(False, "", data={"lines": list(answer.lines)})
