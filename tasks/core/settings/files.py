"""Read a settings file: what it says, where it says it, and every line that says nothing.

The syntax is python-dotenv's, with these things made definite:

- nothing is interpolated: a `$` is a `$`, in every quoting;
- a byte order mark is skipped, and CRLF is read as LF, inside quotes too;
- a name that stands twice in one file is a fault, not a race;
- a line that cannot be read hides none of the others: neither one that is not UTF-8, nor a quote that is not closed.

No text of a line that could not be read ever reaches a message: it may be the rest of a secret.
"""

from __future__ import annotations

import codecs
import io
import os
import re
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from tasks.core.faults import Fault

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LINE_END = re.compile(r"\n|\r")
_NOT_UTF8 = re.compile(r"[\ud800-\udfff]")
# After a line's end; not what ends a line of base64.
_ASSIGNMENT = re.compile(r"\n[ \t]*(?:export[ \t]+)?(?:[A-Z_][A-Z0-9_]*[ \t]*=|[A-Za-z_][A-Za-z0-9_]*=[^=\s])")
_QUOTED = re.compile(r"(?:export[ \t]+)?[^=#\s]+[ \t]*=[ \t]*(?P<quote>['\"])")
_CLOSED = re.compile(_QUOTED.pattern + r"(?:\\.|(?!(?P=quote))[^\\])*(?P=quote)")


@dataclass(frozen=True)
class Entry:
    """Hold one assignment of a file; the value is not shown."""

    key: str
    value: str = field(repr=False)
    where: str
    origin: str
    spaced: bool = False


@dataclass(frozen=True)
class Rights:
    """Say what others than this user (and root) may do with a file."""

    is_readable: bool = False
    is_writable: bool = False
    is_foreign: bool = False


@dataclass(frozen=True)
class EnvFile:
    """Hold what one file says."""

    name: str
    entries: dict[str, Entry]
    faults: tuple[Fault, ...] = ()
    rights: Rights = Rights()
    warnings: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """Give what the entries of this file say about where they are from."""
        return f"file {self.name}"

    def listed(self, key: str) -> frozenset[str]:
        """Give the names that a list in this file has; none where it has no such list."""
        return frozenset(self.entries[key].value.split(",")) if key in self.entries else frozenset()

    def unsafe(self, own: Collection[str], commands: Collection[str]) -> Iterator[Fault]:
        """Refuse values of the application that others can change, and commands that others can have us run."""
        if self.rights.is_writable and self.entries.keys() & own:
            what = "has values of the application and can be changed by others"
            yield Fault(self.name, what, f"mode 0600: chmod 600 {self.name}")
        if self.rights.is_foreign and self.entries.keys() & commands:
            what = "has command lines (APP_COMMANDS) and belongs to another user"
            yield Fault(self.name, what, f"a file of yours: chown $(id -u) {self.name}")


def read_env_file(path: Path) -> EnvFile | None:
    """Read one settings file; None when there is none. What is no file is refused unread: a FIFO would never end."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            return EnvFile(path.name, {}, (Fault(path.name, f"is {_kind(found.st_mode)}", "a file"),))
        raw = path.read_bytes()
    except FileNotFoundError:
        if path.is_symlink():
            return EnvFile(path.name, {}, (Fault(path.name, "is a link to a file that does not exist"),))
        return None
    except OSError as error:
        return EnvFile(path.name, {}, (Fault(path.name, f"cannot be read: {(error.strerror or 'failed').lower()}"),))
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return EnvFile(path.name, {}, (Fault("", "is not UTF-8 text but UTF-16", "UTF-8", f"{path.name}:1"),))
    text = raw.removeprefix(codecs.BOM_UTF8).decode("utf-8", errors="surrogateescape")
    return parse_env_text(text, name=path.name, rights=_rights(found))


def _rights(found: os.stat_result) -> Rights:
    """Read mode and owner; where there is neither (Windows), they say nothing."""
    if os.name != "posix":
        return Rights()
    mine = {os.geteuid(), 0}
    if os.geteuid() == 0:
        mine.add(int(os.environ.get("SUDO_UID") or 0))
    return Rights(bool(found.st_mode & 0o044), bool(found.st_mode & 0o022), found.st_uid not in mine)


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "a directory", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def parse_env_text(text: str, *, name: str, rights: Rights = Rights()) -> EnvFile:
    """Parse the text of a settings file; bytes that are not UTF-8 are in it as lone surrogates."""
    entries: dict[str, Entry] = {}
    faults: list[Fault] = []
    warnings: list[str] = []
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
        if inside := _assignments_inside(binding.original.string.strip()):
            warnings.append(
                f"{where}: the value has lines that look like settings (line {line + inside} first): "
                "is its quote closed where it should be?"
            )
    return EnvFile(name, entries, tuple(faults), rights, tuple(warnings))


def _bindings(text: str) -> Iterator[tuple[int, Binding]]:
    """Give each assignment with the line it begins on (dotenv counts from the blank lines before it)."""
    before, rest = 0, text
    while rest:
        swallowed = ""
        for binding in parse_stream(io.StringIO(rest, newline="")):
            lines = binding.original.string.lstrip()
            lead = binding.original.string[: len(binding.original.string) - len(lines)]
            line = before + binding.original.line + len(_LINE_END.findall(lead))
            if binding.error or binding.key is not None or _NOT_UTF8.search(lines):
                yield line, binding
            swallowed = lines.partition("\n")[2] if binding.error else ""
            if _assignments_inside("\n" + swallowed):
                before, rest = line, rest[_end_of_first_line(rest, line - before) :]
                break
        else:
            return


def _end_of_first_line(text: str, count: int) -> int:
    """Give where line `count` + 1 begins."""
    ends = _LINE_END.finditer(text)
    return next(end.end() for number, end in enumerate(ends, 1) if number == count)


def _assignments_inside(lines: str) -> int:
    """Give how many lines below the first one another looks like an assignment; 0 when none does."""
    found = _ASSIGNMENT.search(lines)
    return lines.count("\n", 0, found.start() + 1) if found else 0


def _unreadable(binding: Binding, where: str) -> Fault | None:
    form = "NAME=value, with quotes around a value of several lines"
    if _NOT_UTF8.search(binding.original.string):
        key = binding.key if binding.key and NAME.fullmatch(binding.key) else ""
        return Fault(key, "is not UTF-8 text", "UTF-8", where)
    if binding.error or binding.key is None:
        return Fault("", _why(binding.original.string.lstrip()), form, where)
    if binding.value is None:
        return Fault("", "has no = in it", form, where)
    if not NAME.fullmatch(binding.key):
        return Fault("", "what stands before the = is not a name", "letters, digits and _, no digit first", where)
    if "\0" in binding.value:
        return Fault(binding.key, "has a NUL character, which no environment can hold", "", where)
    return None


def _why(lines: str) -> str:
    """Say why a line cannot be read, without its text."""
    quoted = _QUOTED.match(lines)
    if not quoted:
        return "cannot be read: no = after the name"
    quote, first, more = quoted["quote"], lines.partition("\n")[0], lines.partition("\n")[2]
    if _CLOSED.match(first):
        return f"has text after the closing quote {quote}"
    if more and not _assignments_inside("\n" + more):
        return f"has text after the closing quote {quote}, some lines below"
    return f"begins with a quote {quote} that is not closed"


def _spaced(original: str) -> bool:
    """Say whether white space stands around the = or, with no comment to explain it, at the line's end."""
    line = original.strip("\n\r")
    return bool(re.search(r"^[^=]*[^\S\n]=|^[^=]*=[^\S\n]+[^\s#]|^[^=]*=[^#]*[^\S\n]$", line.lstrip()))
