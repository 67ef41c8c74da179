"""Steps as tasks of `fab`: the command line comes from a step's own signature and docstring.

A step that takes a `Host` needs -H; every other one runs on the workstation, once, however many hosts are named.
"""

from __future__ import annotations

import inspect
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn, get_type_hints

from fabric import Connection
from fabric.main import program
from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import Task

from tasks.binding.endings import ending, outcome_json, print_json
from tasks.binding.internal_errors import report_internal_errors
from tasks.binding.ssh import SshHost
from tasks.binding.targets import hosts_after, target_of, typed_hosts, typed_options
from tasks.binding.unknown_words import refuse_unknown_words
from tasks.binding.whole_line import Step, WholeLine, overrides_of, words_after
from tasks.console import TerminalConsole
from tasks.core.bundle import host_bundle
from tasks.core.errors import DeployError, Interrupted, SettingsError
from tasks.core.protocols import Command, Console, Host
from tasks.core.settings import COMMAND_SECONDS, Settings, load_settings
from tasks.core.workspace import Target, Workspace
from tasks.hosts import require_all
from tasks.workstation import LocalPrograms, ShellLines

ROOT = Path(__file__).resolve().parents[2]

HELP = {
    "json": "print the result as JSON on stdout",
    "verbose": "print diagnostics too (VERBOSE=true)",
    "set": "KEY=VALUE of a setting, before every file; may be repeated",
    "release": "the release to work with, by name",
    "wait": "how many seconds to wait for the host's lock",
    "service": "all, frontend, backend, database, edge, or a task (deploy, rollback …) for its newest log",
    "lines": "how many lines",
    "tail": "how many of the last lines, or all [100; all with --since]",
    "since": "only what was written since: 10m, 2h30m, or a time like 2026-01-31T12:00:00Z",
    "follow": "go on showing what comes, until Ctrl-C",
    "volumes": "remove the volumes too, and with them the data",
    "yes": "needed where data goes or is put aside: yes, do it",
    "to": "the release to go back to, by name",
    "backup": "the backup to restore, by name; `fab backup --list` lists them",
    "list": "list the backups, make none",
    "forget": "remove what earlier restores have kept beside the database",
    "name": "the migration's name",
    "rolled_back": "nothing of it is there: the next deployment runs it again",
    "applied": "all of it is there: it never runs again",
    "on": "answer everybody with 503 and a page",
    "off": "open the application again",
    "message": "what the page says, in a line",
    "exec.service": "frontend, backend, database or edge; then -- and the command",
    "group": "let the user use Docker without sudo, which is as good as root",
    "force": "write a new file; the one that is there is kept under another name",
}
"""What every option means, for `fab --help TASK`."""


def namespace(steps: Sequence[Step], *, from_sources: Sequence[Step] = ()) -> Collection:
    """Make the collection that fabfile.py shows: one task a step, in the order given.

    Those `from_sources` have the application's sources checked with the settings, and commands that give values run.
    """
    line = WholeLine(steps, from_sources=from_sources)
    session = Session(ROOT, line)
    collection = Collection(*(_task(step, session) for step in steps))
    collection.configure({"run": {"in_stream": False}})
    refuse_unknown_words(program, line.names, line.check)
    report_internal_errors(program)
    return collection


def _task(step: Step, session: Session) -> Task[Callable[..., None]]:
    kinds = get_type_hints(step)
    parameters = inspect.signature(step).parameters.values()
    options = [parameter for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    common = {"json": False, "verbose": False, "set": []}

    def body(context: Context, **given: object) -> None:
        session.carry_out(step, kinds, context, given)

    keyword = inspect.Parameter.KEYWORD_ONLY
    extra = [inspect.Parameter(name, keyword, default=value) for name, value in common.items()]
    first = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    plain = [option.replace(annotation=inspect.Parameter.empty) for option in options]
    body.__signature__ = inspect.Signature([first, *plain, *extra])  # type: ignore[attr-defined]
    body.__doc__ = inspect.getdoc(step)
    names = [*(option.name for option in options), *common]
    return Task(
        body,
        name=step.__name__,
        iterable=["set"],
        help={name: HELP.get(f"{step.__name__}.{name}", HELP.get(name, "")) for name in names},
        auto_shortflags=False,
        optional=[],
    )


class Session:
    """One run of fab: its hosts stay connected from task to task, and workstation steps run once."""

    def __init__(self, root: Path, line: WholeLine) -> None:
        """Start with nothing read and nothing contacted."""
        self._root, self._line = root, line
        self._hosts: dict[tuple[str, str, int], SshHost] = {}
        self._done: set[tuple[str, str]] = set()
        self._is_reaching = False
        self._console = TerminalConsole()
        self._lines = ShellLines(COMMAND_SECONDS, root)

    def carry_out(self, step: Step, kinds: Mapping[str, object], context: Context, given: Mapping[str, object]) -> None:
        """Call a step with what its signature asks for, print what it did, and end with its exit code."""
        options = dict(given)
        as_json, overrides = bool(options.pop("json")), overrides_of(given)
        del options["set"], options["verbose"]
        if as_json:
            self._console.keep_stdout_clean()
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            self._carry_out(step, kinds, context, options, as_json=as_json, overrides=overrides)
        except DeployError as error:
            is_on_host = isinstance(context, Connection) and not isinstance(error, SettingsError)
            rest = hosts_after(context, typed_hosts()) if is_on_host else []
            rest = typed_hosts() if self._is_reaching else rest
            raise self._stamped(ending(error, as_json=as_json, not_touched=rest)) from error
        except KeyboardInterrupt:
            name = step.__name__.replace("_", "-")
            raise self._stamped(ending(_interrupted(name, context), as_json=as_json)) from None

    def _stamped(self, end: Exit) -> Exit:
        """Give the last message as verbose mode shows it; else it is one block, which says where and what by itself."""
        return Exit(self._console.written(end.message or ""), end.code) if self._console.is_verbose else end

    def _carry_out(
        self,
        step: Step,
        kinds: Mapping[str, object],
        context: Context,
        options: dict[str, object],
        *,
        as_json: bool,
        overrides: dict[str, str],
    ) -> None:
        name = step.__name__.replace("_", "-")
        if Host not in kinds.values():
            once = (name, repr(sorted(options.items())))
            if once in self._done:
                return
            self._done.add(once)
        on_host = Host in kinds.values()
        is_change = on_host and "wait" in options
        self._console.begin(name, str(context.original_host) if on_host else "workstation", is_change=is_change)
        arguments = self._arguments(kinds, context, overrides)
        if is_change:
            self._reach_all(context, overrides)
        outcome = step(**arguments, **options)
        if as_json:
            print_json(outcome_json(outcome))
        elif outcome.summary:
            self._console.say(outcome.summary)
            if outcome.remedy:
                self._console.say(f"  next: {outcome.remedy}")
        if outcome.exit_code:
            raise Exit("", outcome.exit_code)

    def _arguments(self, kinds: Mapping[str, object], context: Context, overrides: dict[str, str]) -> dict[str, object]:
        """Give a step's positional parameters what their types ask for."""
        host_name = str(context.original_host) if isinstance(context, Connection) else None
        target = Target(self._root, host_name, overrides)
        supplied: dict[object, object] = {Console: self._console, Target: target, Command: Command(words_after())}
        if Workspace in kinds.values():
            self._line.check_settings(self._root, os.environ, self._lines.run)
            work = supplied[Workspace] = self._workspace(host_name, overrides)
            self._console.be_verbose(work.settings.verbose)
            for warning in work.settings.warnings:
                self._console.warn(warning)
            if Host in kinds.values():
                supplied[Host] = self._host(context, work.settings)
        return {parameter: supplied[kind] for parameter, kind in kinds.items() if kind in supplied}

    def _workspace(self, host_name: str | None, overrides: dict[str, str]) -> Workspace:
        settings = load_settings(
            root=self._root, host=host_name, environ=os.environ, overrides=overrides, run=self._lines.run
        )
        return Workspace(self._root, settings, LocalPrograms(self._console.detail), self._console)

    def _reach_all(self, first: Connection, overrides: dict[str, str]) -> None:
        """Before the first change on any of several hosts, see that each can be worked with."""
        names = typed_hosts()
        if len(names) < 2 or len(self._hosts) == len(names):
            return
        self._is_reaching = True
        reached = []
        for name in names:
            connection = Connection(name, config=first.config.clone())
            work = self._workspace(str(connection.original_host), overrides)
            reached.append((self._host(connection, work.settings), work))
        require_all(reached)
        self._is_reaching = False

    def _host(self, connection: Connection, settings: Settings) -> SshHost:
        key = (connection.user, connection.host, connection.port)
        if key not in self._hosts:
            strict = settings.ssh_host_keys == "strict"
            target = target_of(connection, typed_hosts(), typed_options())
            self._hosts[key] = SshHost(
                connection,
                host_bundle(self._root),
                strict=strict,
                warn=self._console.warn,
                target=target,
                detail=self._console.detail,
            )
        return self._hosts[key]


def _interrupted(name: str, context: Context) -> Interrupted:
    if not isinstance(context, Connection):
        return Interrupted(f"{name}: interrupted; nothing on any host was touched", remedy="type it again")
    target = target_of(context, typed_hosts(), typed_options())
    return Interrupted(
        f"{name}: interrupted; the host goes on by itself, and finishes or undoes what it had begun",
        remedy=f"fab -H {target} status shows how it stands",
    )


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
