"""Compose's interpolation: which variables of a text would be missing where it is read, and where they stand.

Source: compose-spec/compose-go, template/template.go. `$NAME` and `${NAME}` become nothing where NAME is not set;
`${NAME:?}` and `${NAME?}` are errors then; `:-` and `-` have a word for that case, `:+` and `+` one for the other. A
word may have variables of its own, and Compose asks for those whether it needs the word or not. `$$` is a dollar.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_DOLLAR = re.compile(r"\$(?:(?P<escaped>\$)|(?P<plain>[_a-z][_a-z0-9]*)|(?P<brace>\{))", re.IGNORECASE)
_INSIDE = re.compile(r"(?P<name>[_a-z][_a-z0-9]*)(?:(?P<operator>:?[-+?])(?P<word>.*))?", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Missing:
    """Say which variable is missing, where in the text, and what is wrong; no name where none can be read."""

    name: str
    at: int
    what: str


def missing_variables(text: str, known: Mapping[str, str]) -> Iterator[Missing]:
    """Find what Compose would warn of, or refuse, with the variables of `known` and their values."""
    end = 0
    while found := _DOLLAR.search(text, end):
        end = found.end()
        if plain := found["plain"]:
            if plain not in known:
                yield Missing(plain, found.start(), "is used here, and nothing defines it")
        elif found["brace"]:
            close = _closing(text, found.end())
            inside = _INSIDE.fullmatch(text, found.end(), close) if close else None
            if not inside:
                yield Missing("", found.start(), "has a ${ that Compose cannot read")
                continue
            yield from _braced(inside, found.start(), known)
            end = close + 1


def _braced(inside: re.Match[str], at: int, known: Mapping[str, str]) -> Iterator[Missing]:
    name, operator = inside["name"], inside["operator"] or ""
    is_there = bool(known.get(name)) if operator.startswith(":") else name in known
    if operator.endswith("?") and not is_there:
        what = "is empty, which its ? does not allow" if name in known else "is needed here, and nothing defines it"
        yield Missing(name, at, what)
    elif not operator and not is_there:
        yield Missing(name, at, "is used here, and nothing defines it")
    for nested in missing_variables(inside["word"] or "", known):
        yield Missing(nested.name, inside.start("word") + nested.at, nested.what)


def _closing(text: str, start: int) -> int:
    """Give where the brace that was opened before `start` is closed, or 0; inner ones are counted."""
    depth = 1
    for at in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return at
    return 0
