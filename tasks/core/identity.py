"""What must never change silently on a host, because it would give an empty or an unreadable database."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.core.facts import HostFacts
from tasks.core.settings import Settings, release_environment

KEYS = {
    "app": "APP_NAME",
    "database": "POSTGRES_DB",
    "role": "POSTGRES_USER",
    "uid": "API_USER_UID",
    "gid": "API_USER_GID",
    "data_path": "DATA_PATH",
    "socket_path": "SOCKET_PATH",
}
"""The setting behind each line of a host's file `identity`; lines that the file lacks are not compared."""


@dataclass(frozen=True)
class IdentityChange:
    """A setting that differs from the host's identity; `source` is where the new value comes from."""

    key: str
    old: str
    new: str
    source: str

    def __str__(self) -> str:
        """Write old and new value in a line."""
        return f"{self.key} ({self.source}): the host has {self.old or 'none'}, asked for is {self.new or 'none'}"


def identity_changes(facts: HostFacts, settings: Settings) -> tuple[IdentityChange, ...]:
    """Compare a host's identity with the settings; nothing before its first activation."""
    wanted = release_environment(settings)
    return tuple(
        IdentityChange(key, facts.identity[line], wanted[key], settings.sources[key])
        for line, key in KEYS.items()
        if line in facts.identity and facts.identity[line] != wanted[key]
    )


def old_values(changes: tuple[IdentityChange, ...]) -> str:
    """Write the lines that a settings file needs for the database that is there."""
    return ", ".join(f"{change.key}={change.old}" for change in changes)
