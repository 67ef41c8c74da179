"""The workstation's side of a command, in one piece."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tasks.core.protocols import Console, Workstation
from tasks.core.settings import Settings


@dataclass(frozen=True)
class Workspace:
    """What a step works from: the checkout at `root`, its settings for this host, local programs, and the console."""

    root: Path
    settings: Settings
    workstation: Workstation
    console: Console


@dataclass(frozen=True)
class Target:
    """Where settings are to be read for: the checkout, a host's name or None, and settings from the command line."""

    root: Path
    host: str | None
    overrides: Mapping[str, str]
