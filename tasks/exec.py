"""A command of a person's own, in a container of a host."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tasks.core.errors import NothingDeployed, UsageError
from tasks.core.facts import SERVICES
from tasks.core.faults import shown
from tasks.core.protocols import Command, Host, Outcome
from tasks.core.reasons import refusal, script_failure, typed
from tasks.core.settings import Settings
from tasks.core.workspace import Workspace
from tasks.hosts import host_parameters


def exec(host: Host, work: Workspace, command: Command, *, service: str) -> Outcome:  # noqa: A001
    """Run a command in a container: exec SERVICE -- COMMAND.

    In the slot that serves; a shell without a command, and psql as the application's user for the database. Terminal,
    standard input and exit code are the command's; nothing of it is logged. No lock is taken: a deployment ends it with
    its slot.
    """
    if service not in SERVICES:
        raise UsageError(
            f"exec: {shown(service)} is no service; accepted: {', '.join(SERVICES)}",
            remedy=f"fab -H {host.target} exec backend -- COMMAND",
        )
    answer = host.run(
        "exec-target", service, parameters=host_parameters(work.settings, "exec"), accept=(0, 1),
        listen=work.console.detail,
    )  # fmt: skip
    if answer.exit_code:
        what, remedy = refusal(answer)
        if not what:
            raise script_failure(host, "exec", answer)
        raise NothingDeployed(f"{host.name}: {what}", remedy=typed(remedy, host.target))
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    words = exec_words(work.settings, service, answer.value("container"), command.words, is_terminal=is_terminal)
    return Outcome(False, "", exit_code=host.attach(words, is_terminal=is_terminal))


def exec_words(
    settings: Settings, service: str, container: str, command: Sequence[str], *, is_terminal: bool
) -> tuple[str, ...]:
    """Give docker's arguments for a command in a container; without one a shell, or psql.

    psql is the application's role, which peer authentication lets in by its number; from a pipe it ends at the first
    error, with exit code 3.
    """
    start = ("exec", "--interactive", *(["--tty"] if is_terminal else []))
    if command or service != "database":
        return (*start, container, *(command or ["sh"]))
    user = f"{settings.api_user_uid}:{settings.api_user_gid}"
    stop = [] if is_terminal else ["--set", "ON_ERROR_STOP=1"]
    return (
        *start, "--user", user, "--env", "HOME=/tmp", container,
        "psql", "--no-password", *stop, "--username", settings.postgres_user, "--dbname", settings.postgres_db,
    )  # fmt: skip
