"""What is wrong in the settings, the certificates or the sources: collected first, then refused in one message."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tasks.core.errors import SettingsError


@dataclass(frozen=True)
class Fault:
    """Say what is wrong with one key or line, where, and what would be accepted."""

    key: str
    what: str
    form: str = ""
    where: str = ""

    def __str__(self) -> str:
        """Give the line of the message."""
        subject = " ".join(part for part in (self.key, f"({self.where})" if self.where else "") if part)
        return f"{subject}: {self.what}" + (f"; accepted: {self.form}" if self.form else "")


APPLICATION = "application"
"""The key of a fault in the application's sources."""


def refuse(faults: Iterable[Fault]) -> None:
    """Raise one SettingsError for all faults, if there are any."""
    found = list(faults)
    if not found:
        return
    count = "a fault" if len(found) == 1 else f"{len(found)} faults"
    is_sources = {fault.key == APPLICATION for fault in found}
    places = {
        "the settings": (False in is_sources, "every setting is described in docs/settings.md"),
        "the application's sources": (True in is_sources, "what they have to be: docs/application.md"),
    }
    named = {place: where for place, (is_there, where) in places.items() if is_there}
    raise SettingsError(
        f"{count} in {' and '.join(named)}; nothing was contacted",
        detail="\n".join(map(str, found)),
        remedy=f"correct them, then: fab check-config ({'; '.join(named.values())})",
    )


def shown(value: str) -> str:
    """Show a value in a message: one line, nothing unprintable, not long."""
    text = f'"{value}"' if value.isprintable() else ascii(value)
    return text if len(text) <= 60 else text[:50] + "… " + f"({len(value)} characters)"


def one_line(word: str) -> str:
    """Write a word of the command line as it was typed, or escaped where a line break or the like is in it."""
    return word if word.isprintable() else ascii(word)
