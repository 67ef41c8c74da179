"""Read a settings file: what it says, where it says it, and every line that says nothing.

The syntax is python-dotenv's, with three things made definite:

- nothing is interpolated: a `$` is a `$`, in every quoting;
- a byte order mark is skipped, and CRLF is read as LF, inside quotes too;
- a name that stands twice in one file is a fault, not a race.

No text of a line that could not be read ever reaches a message: it may be the rest of a secret.
"""

from __future__ import annotations

import io
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dotenv.parser import Binding, parse_stream

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


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


@dataclass(frozen=True)
class Entry:
    """Hold one assignment of a file; the value is not shown."""

    key: str
    value: str = field(repr=False)
    where: str
    origin: str
    spaced: bool = False


@dataclass(frozen=True)
class EnvFile:
    """Hold what one file says."""

    name: str
    entries: dict[str, Entry]
    faults: tuple[Fault, ...] = ()
    open_to_others: bool = False


def read_env_file(path: Path) -> EnvFile | None:
    """Read one settings file; None when there is none."""
    try:
        raw = path.read_bytes()
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        if path.is_symlink():
            return EnvFile(path.name, {}, (Fault(path.name, "is a link to a file that does not exist"),))
        return None
    except OSError as error:
        return EnvFile(path.name, {}, (Fault(path.name, f"cannot be read: {(error.strerror or 'failed').lower()}"),))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return EnvFile(path.name, {}, (Fault("", "is not UTF-8 text", "UTF-8", f"{path.name}:{line}"),))
    return parse_env_text(text, name=path.name, open_to_others=bool(mode & 0o077))


def parse_env_text(text: str, *, name: str, open_to_others: bool = False) -> EnvFile:
    """Parse the text of a settings file."""
    entries: dict[str, Entry] = {}
    faults: list[Fault] = []
    for line, binding in _bindings(text.replace("\r\n", "\n")):
        where = f"{name}:{line}"
        if fault := _unreadable(binding, where):
            faults.append(fault)
            continue
        key, value = binding.key or "", binding.value or ""
        if key in entries:
            faults.append(Fault(key, f"stands twice, first in {entries[key].where}", "one line", where))
            continue
        entries[key] = Entry(key, value, where, f"file {name}", _spaced(binding.original.string))
    return EnvFile(name, entries, tuple(faults), open_to_others)


def _bindings(text: str) -> Iterator[tuple[int, Binding]]:
    """Give each assignment with the line it begins on (dotenv counts from the blank lines before it)."""
    for binding in parse_stream(io.StringIO(text, newline="")):
        lead = binding.original.string[: len(binding.original.string) - len(binding.original.string.lstrip())]
        if binding.error or binding.key is not None:
            yield binding.original.line + len(re.findall(r"\n|\r", lead)), binding


def _unreadable(binding: Binding, where: str) -> Fault | None:
    form = "NAME=value, with quotes around a value of several lines"
    if binding.error or binding.key is None:
        return Fault(
            "", "cannot be read (no = after the name, a quote that is not closed, or text after a quote)", form, where
        )
    if binding.value is None:
        return Fault("", "has no = in it", form, where)
    if not NAME.fullmatch(binding.key):
        return Fault("", "what stands before the = is not a name", "letters, digits and _, no digit first", where)
    if "\0" in binding.value:
        return Fault(binding.key, "has a NUL character, which no environment can hold", "", where)
    return None


def _spaced(original: str) -> bool:
    """Say whether white space stands around the = or, with no comment to explain it, at the line's end."""
    line = original.strip("\n\r")
    return bool(re.search(r"^[^=]*[^\S\n]=|^[^=]*=[^\S\n]+[^\s#]|^[^=]*=[^#]*[^\S\n]$", line.lstrip()))
