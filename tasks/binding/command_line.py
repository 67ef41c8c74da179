"""Steps as tasks of `fab`: the command line comes from a step's own signature and docstring.

A step that takes a `Host` needs -H; every other one runs on the workstation, once, however many hosts are named.
"""

from __future__ import annotations

import inspect
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import NoReturn, get_type_hints

from fabric import Connection
from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import Task

from tasks.binding.ssh import SshHost
from tasks.console import TerminalConsole
from tasks.core.bundle import host_bundle
from tasks.core.errors import DeployError, UsageError
from tasks.core.protocols import Console, Host, Outcome
from tasks.core.settings import Settings, load_settings
from tasks.core.workspace import Target, Workspace
from tasks.workstation import LocalPrograms

Step = Callable[..., Outcome]
ROOT = Path(__file__).resolve().parents[2]
INTERRUPTED = 130

HELP = {
    "json": "print the result as JSON on stdout",
    "verbose": "print diagnostics too (VERBOSE=true)",
    "set": "KEY=VALUE of a setting, before every file; may be repeated",
    "release": "the release to work with, by name",
    "wait": "how many seconds to wait for the host's lock",
    "service": "all, frontend, backend, database, edge, or deploy for the last deployment",
    "lines": "how many lines",
    "volumes": "remove the volumes too, and with them the data",
    "yes": "needed with --volumes: yes, remove the data",
    "group": "let the user use Docker without sudo, which is as good as root",
    "force": "write a new file; the one that is there is kept under another name",
}
"""What every option means, for `fab --help TASK`."""


def namespace(steps: Sequence[Step]) -> Collection:
    """Make the collection that fabfile.py shows: one task a step, in the order given."""
    session = Session(ROOT)
    collection = Collection(*(_task(step, session) for step in steps))
    collection.configure({"run": {"in_stream": False}})
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
        help={name: HELP[name] for name in names},
        auto_shortflags=False,
        optional=[],
    )


class Session:
    """One run of fab: its hosts stay connected from task to task, and workstation steps run once."""

    def __init__(self, root: Path) -> None:
        """Start with nothing read and nothing contacted."""
        self._root = root
        self._hosts: dict[tuple[str, str, int], SshHost] = {}
        self._done: set[tuple[str, str]] = set()
        self._console = TerminalConsole()

    def carry_out(self, step: Step, kinds: Mapping[str, object], context: Context, given: Mapping[str, object]) -> None:
        """Call a step with what its signature asks for, print what it did, and end with its exit code."""
        options = dict(given)
        as_json, verbose = bool(options.pop("json")), bool(options.pop("verbose"))
        overrides = options.pop("set")
        if as_json:
            self._console.keep_stdout_clean()
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            self._carry_out(step, kinds, context, options, as_json=as_json, verbose=verbose, overrides=overrides)
        except DeployError as error:
            self._fail(error, context, as_json=as_json)
        except KeyboardInterrupt:
            raise Exit(f"{step.__name__}: interrupted; {_after_interrupt(context)}", INTERRUPTED) from None

    def _carry_out(
        self,
        step: Step,
        kinds: Mapping[str, object],
        context: Context,
        options: dict[str, object],
        *,
        as_json: bool,
        verbose: bool,
        overrides: object,
    ) -> None:
        name = step.__name__.replace("_", "-")
        needs_host = Host in kinds.values()
        if needs_host and not isinstance(context, Connection):
            raise UsageError(f"{name} works on a host, and none was named", remedy=f"type: fab -H HOST {name}")
        if not needs_host:
            once = (name, repr(sorted(options.items())))
            if once in self._done:
                return
            self._done.add(once)
        arguments = self._arguments(kinds, context, _overrides(overrides) | ({"VERBOSE": "true"} if verbose else {}))
        outcome = step(**arguments, **options)
        if as_json:
            print(json.dumps(outcome.data or {}, indent=2, default=str))
        elif outcome.summary:
            self._console.say(outcome.summary)
        if outcome.exit_code:
            raise Exit("", outcome.exit_code)

    def _arguments(self, kinds: Mapping[str, object], context: Context, overrides: dict[str, str]) -> dict[str, object]:
        """Give a step's positional parameters what their types ask for."""
        host_name = str(context.original_host) if isinstance(context, Connection) else None
        target = Target(self._root, host_name, overrides)
        supplied: dict[object, object] = {Console: self._console, Target: target}
        if Workspace in kinds.values():
            settings = load_settings(root=self._root, host=host_name, environ=os.environ, overrides=overrides)
            self._console.be_verbose(settings.verbose)
            for warning in settings.warnings:
                self._console.warn(warning)
            supplied[Workspace] = Workspace(self._root, settings, LocalPrograms(), self._console)
            if Host in kinds.values():
                supplied[Host] = self._host(context, settings)
        return {parameter: supplied[kind] for parameter, kind in kinds.items() if kind in supplied}

    def _host(self, connection: Connection, settings: Settings) -> SshHost:
        key = (connection.user, connection.host, connection.port)
        if key not in self._hosts:
            strict = settings.ssh_host_keys == "strict"
            self._hosts[key] = SshHost(connection, host_bundle(self._root), strict=strict, warn=self._console.warn)
        return self._hosts[key]

    def _fail(self, error: DeployError, context: Context, *, as_json: bool) -> NoReturn:
        if as_json:
            print(json.dumps({"error": error.what, "detail": error.detail, "next": error.remedy}, indent=2))
        message = f"error: {error}"
        if isinstance(context, Connection) and (rest := _hosts_after(str(context.original_host), sys.argv)):
            message += f"\n  not touched: {', '.join(rest)}"
        raise Exit(message, error.exit_code)


def _overrides(given: object) -> dict[str, str]:
    pairs = {}
    for text in given if isinstance(given, list) else []:
        key, separator, value = str(text).partition("=")
        if not separator:
            raise UsageError(f"--set {text} has no =", remedy="type: --set KEY=VALUE")
        pairs[key] = value
    return pairs


def _hosts_after(name: str, words: Sequence[str]) -> list[str]:
    """Find the hosts of -H that come after `name`."""
    for flag, value in pairwise(words):
        if flag in ("-H", "--hosts"):
            names = value.split(",")
            bare = [each.rpartition("@")[2].partition(":")[0] for each in names]
            return names[bare.index(name) + 1 :] if name in bare else []
    return []


def _after_interrupt(context: Context) -> str:
    if isinstance(context, Connection):
        return f"the host finishes or undoes what it had begun: fab -H {context.original_host} status shows it"
    return "nothing on any host was touched"


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
