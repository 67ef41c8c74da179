"""The command line as a whole: its tasks with their options and hosts, looked at before the first of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import get_type_hints

from fabric.connection import derive_shorthand
from fabric.main import program

from tasks.binding.targets import typed_hosts
from tasks.binding.values import check_values
from tasks.core.errors import UsageError
from tasks.core.faults import one_line
from tasks.core.protocols import Command, Host, Outcome
from tasks.core.settings import RunLine, Wanted, refuse_all_faults
from tasks.core.workspace import Workspace

Step = Callable[..., Outcome]


class WholeLine:
    """What has been typed, against the steps that there are."""

    def __init__(self, steps: Sequence[Step], *, from_sources: Sequence[Step]) -> None:
        """Know the steps by their names on the command line."""
        self._steps = {step.__name__.replace("_", "-"): step for step in steps}
        self._from_sources = from_sources
        self._has_looked = False

    @property
    def names(self) -> list[str]:
        """Give the name of every task."""
        return list(self._steps)

    def check(self) -> None:
        """Refuse what can be seen from the words alone: values, --set, a missing -H. UsageError."""
        check_values(program.core[0])
        for task in program.tasks:
            check_values(task)
            overrides_of(task.as_kwargs)
        if words_before()[-1] == "--set":  # Invoke asks for no value of an option that may be repeated
            raise UsageError("--set needs a value", remedy="type: --set KEY=VALUE")
        self._check_command()
        if typed_hosts():
            return
        for name, _ in self._typed():
            if Host in get_type_hints(self._steps[name]).values():
                raise UsageError(f"{name} works on a host, and none was named", remedy=f"type: fab -H HOST {name}")

    def _check_command(self) -> None:
        """Refuse a command behind -- that no task would run, and other tasks beside one that runs it."""
        names = [name for name, _ in self._typed()]
        takers = [name for name in names if Command in get_type_hints(self._steps[name]).values()]
        if len(words_before()) < len(program.argv) and not takers:
            raise UsageError("a command after -- is not run", remedy="fab --list shows every task")
        if takers and (len(names) > 1 or len(typed_hosts()) > 1):
            raise UsageError(f"{takers[0]} stands alone: one task, one host", remedy=f"type: fab -H HOST {takers[0]} …")
        if takers and any(options["json"] for _, options in self._typed()):
            raise UsageError(
                f"{takers[0]} has no --json: its output is the command's", remedy="type the same without it"
            )
        program.core.remainder = ""  # Fabric would run it on the host as well, as a task of its own

    def check_settings(self, root: Path, environ: Mapping[str, str], run: RunLine) -> None:
        """Refuse the faults of every host's settings, for every task of the line: once, before the first contact."""
        if not self._has_looked:
            self._has_looked = True
            refuse_all_faults(root, list(self._wanted()), environ, run)

    def _typed(self) -> Iterator[tuple[str, Mapping[str, object]]]:
        yield from ((str(task.name), task.as_kwargs) for task in program.tasks)

    def _wanted(self) -> Iterator[Wanted]:
        hosts = [derive_shorthand(name)["host"] for name in typed_hosts()] or [None]
        for name, options in self._typed():
            step = self._steps[name]
            if Workspace in get_type_hints(step).values():
                for host in hosts:
                    yield Wanted(host, overrides_of(options), with_sources=step in self._from_sources)


def words_before() -> list[str]:
    """Give the command line up to the first --, which Invoke ends its own reading at."""
    argv = list(program.argv)
    return argv[: argv.index("--")] if "--" in argv else argv


def words_after() -> tuple[str, ...]:
    """Give the words after the first --, as they were typed; Invoke's own `remainder` has lost where each ends."""
    return tuple(program.argv[len(words_before()) + 1 :])


def overrides_of(options: Mapping[str, object]) -> dict[str, str]:
    """Give the settings that a task's own options name, by their names in the file; UsageError when one has no =."""
    pairs = {}
    given = options["set"]
    for text in given if isinstance(given, list) else []:
        key, separator, value = str(text).partition("=")
        if not separator:
            raise UsageError(f"--set {one_line(str(text))} has no =", remedy="type: --set KEY=VALUE")
        pairs[key] = value
    return pairs | ({"VERBOSE": "true"} if options["verbose"] else {})
