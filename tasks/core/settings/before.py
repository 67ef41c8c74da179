"""What a command line is going to need, checked as a whole before its first step: every host, every task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tasks.core.errors import SettingsError
from tasks.core.faults import Fault, refuse
from tasks.core.settings.effective import build_inputs
from tasks.core.settings.reading import read_settings


@dataclass(frozen=True)
class Wanted:
    """Say what one task on one host works from; `with_sources` when it needs the application's sources too."""

    host: str | None
    overrides: Mapping[str, str]
    with_sources: bool


def refuse_all_faults(root: Path, wanted: Sequence[Wanted], environ: Mapping[str, str]) -> None:
    """Raise one SettingsError for the faults of all tasks on all hosts; nothing is contacted."""
    hosts = list(dict.fromkeys(each.host for each in wanted))
    if len(hosts) == 1:
        refuse(dict.fromkeys(fault for each in wanted for fault in _faults(root, each, environ)))
        return
    found: dict[Fault, set[str]] = {}
    for each in wanted:
        for fault in _of_many(root, each, environ):
            found.setdefault(fault, set()).add(str(each.host))
    refuse(_naming(fault, by, len(hosts)) for fault, by in found.items())


def _faults(root: Path, wanted: Wanted, environ: Mapping[str, str]) -> Iterable[Fault]:
    reading = read_settings(root=root, host=wanted.host, environ=environ, overrides=wanted.overrides)
    if not wanted.with_sources:
        return reading.faults
    faulty = frozenset(fault.key for fault in reading.faults)
    return (*reading.faults, *build_inputs(reading.settings, faulty=faulty).faults)


def _of_many(root: Path, wanted: Wanted, environ: Mapping[str, str]) -> Iterable[Fault]:
    """Find the faults of one host among several: that it has no settings is one of them."""
    try:
        return _faults(root, wanted, environ)
    except SettingsError as error:
        return [Fault(f"-H {wanted.host}", error.what, error.remedy)]


def _naming(fault: Fault, hosts: set[str], count: int) -> Fault:
    """Add the hosts that a fault is for, unless it is for all of them or its place says so."""
    own = [f".env.{host}" for host in hosts]
    if len(hosts) == count or fault.key.startswith("-H ") or any(fault.where.startswith(name) for name in own):
        return fault
    return replace(fault, where=", ".join(part for part in (fault.where, f"for {', '.join(sorted(hosts))}") if part))
