"""What a command line is going to need, checked as a whole before its first step: every host, every task."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tasks.core.errors import SettingsError
from tasks.core.faults import Fault, refuse
from tasks.core.settings.commands import RunLine, run_none
from tasks.core.settings.effective import build_inputs
from tasks.core.settings.reading import read_settings, value_faults


@dataclass(frozen=True)
class Wanted:
    """Say what one task on one host works from; `with_sources` when it needs the application's sources and values."""

    host: str | None
    overrides: Mapping[str, str]
    with_sources: bool


def refuse_all_faults(
    root: Path, wanted: Sequence[Wanted], environ: Mapping[str, str], run: RunLine = run_none
) -> None:
    """Raise one SettingsError for the faults of all tasks on all hosts; nothing is contacted.

    Commands that give values (`run`) are asked last, and only where there is no other fault.
    """
    _refuse_all(wanted, lambda each: _faults(root, each, environ))
    _refuse_all(wanted, lambda each: _value_faults(root, each, environ, run))


def _refuse_all(wanted: Sequence[Wanted], look: Callable[[Wanted], Iterable[Fault]]) -> None:
    hosts = list(dict.fromkeys(each.host for each in wanted))
    if len(hosts) == 1:
        refuse(dict.fromkeys(fault for each in wanted for fault in look(each)))
        return
    found: dict[Fault, set[str]] = {}
    for each in wanted:
        for fault in _of_many(each, look):
            found.setdefault(fault, set()).add(str(each.host))
    refuse(_naming(fault, by, len(hosts)) for fault, by in found.items())


def _value_faults(root: Path, wanted: Wanted, environ: Mapping[str, str], run: RunLine) -> Iterable[Fault]:
    if not wanted.with_sources:
        return []
    reading = read_settings(root=root, host=wanted.host, environ=environ, overrides=wanted.overrides, run=run)
    return value_faults(reading.settings)


def _faults(root: Path, wanted: Wanted, environ: Mapping[str, str]) -> Iterable[Fault]:
    reading = read_settings(root=root, host=wanted.host, environ=environ, overrides=wanted.overrides)
    if not wanted.with_sources:
        return reading.faults
    faulty = frozenset(fault.key for fault in reading.faults)
    return (*reading.faults, *build_inputs(reading.settings, root=root, faulty=faulty).faults)


def _of_many(wanted: Wanted, look: Callable[[Wanted], Iterable[Fault]]) -> Iterable[Fault]:
    """Find the faults of one host among several: that it has no settings is one of them."""
    try:
        return look(wanted)
    except SettingsError as error:
        return [Fault(f"-H {wanted.host}", error.what, error.remedy)]


def _naming(fault: Fault, hosts: set[str], count: int) -> Fault:
    """Add the hosts that a fault is for, unless it is for all of them or its place says so."""
    own = [f".env.{host}" for host in hosts]
    if len(hosts) == count or fault.key.startswith("-H ") or any(fault.where.startswith(name) for name in own):
        return fault
    return replace(fault, where=", ".join(part for part in (fault.where, f"for {', '.join(sorted(hosts))}") if part))
