"""What a setting's value may be: one rule a kind of value, each with the sentence that says what it accepts.

Every rule takes the text of the file and gives the typed value, or raises ValueError with what is wrong with it. No
accepted value of a setting that reaches a host needs quoting in a Compose `.env` file or in a shell.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from pydantic import BeforeValidator, ValidationInfo

HOSTILE = frozenset("'\"`$\\#;|&<>*?!{}[]\x7f")
"""Characters no setting may have: each means something to a shell, to Compose or to the file itself."""

_ORDINARY = re.compile(r"[A-Za-z0-9._/@+-]+")
_UNITS = {"k": 1024, "m": 1024**2, "g": 1024**3}

# The directories of a system: nothing of ours may *be* one of them …
_SYSTEM_NAMES = (
    "/ /bin /boot /dev /etc /home /lib /lib32 /lib64 /media /mnt /opt /proc /root /run /sbin /snap /srv /sys /tmp /usr "
    "/usr/bin /usr/lib /usr/local /usr/sbin /usr/share /var /var/cache /var/lib /var/lib/containerd /var/lib/docker "
    "/var/log /var/run /var/spool /var/tmp"
)
_SYSTEM = frozenset(_SYSTEM_NAMES.split())
# … nor lie below one of these: other programs' files, or gone after a reboot.
_CLOSED_NAMES = (
    "/bin/ /boot/ /dev/ /etc/ /lib/ /lib32/ /lib64/ /proc/ /sbin/ /sys/ /tmp/ /usr/bin/ /usr/lib/ /usr/sbin/ "
    "/var/lib/containerd/ /var/lib/docker/ /var/tmp/"
)
_CLOSED = tuple(_CLOSED_NAMES.split())
_RUNTIME = ("/run/", "/var/run/")

# distribution/reference: path components, an optional registry, then a tag, a digest or both.
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_REGISTRY = rf"(?:{_LABEL}(?:\.{_LABEL})*(?::[0-9]{{1,5}})?/)?"
_IMAGE = re.compile(
    rf"(?P<name>{_REGISTRY}{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?P<tag>:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?P<digest>@sha256:[0-9a-f]{64})?"
)
# RFC 1123, in lower case; the last label is no number, which only an address may have.
_HOST_NAME = re.compile(
    r"(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*(?![0-9]+$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
)


@dataclass(frozen=True)
class Rule(BeforeValidator):
    """Check one kind of value; `form` is the sentence of what it accepts."""

    form: str = ""


def whole(low: int, high: int, *, of: str) -> Rule:
    """Accept a whole number from `low` to `high`, both included, written without sign or leading zero."""

    def parse(value: Any) -> int:
        text = plain(value)
        if not re.fullmatch(r"0|[1-9][0-9]*", text):
            raise ValueError("is not a whole number")
        if len(text) > 18 or not low <= int(text) <= high:
            raise ValueError("is out of range")
        return int(text)

    return Rule(parse, form=f"{of}, {low} to {high}")


def flag() -> Rule:
    """Accept `true` or `false`, exactly."""

    def parse(value: Any) -> bool:
        if (text := plain(value)) not in ("true", "false"):
            raise ValueError("is neither true nor false")
        return text == "true"

    return Rule(parse, form="true or false")


def choice(*names: str) -> Rule:
    """Accept one of `names`, exactly."""

    def parse(value: Any) -> str:
        if (text := plain(value)) not in names:
            raise ValueError("is not one of them")
        return text

    return Rule(parse, form=" or ".join(names) if len(names) < 3 else "one of " + ", ".join(names))


def matching(pattern: str, form: str, *, refused: Callable[[str], str | None] | None = None) -> Rule:
    """Accept what matches `pattern` whole, unless `refused` gives a reason against it."""
    compiled = re.compile(pattern)

    def parse(value: Any) -> str:
        text = plain(value)
        if not compiled.fullmatch(text):
            raise ValueError("does not have this form")
        if refused and (reason := refused(text)):
            raise ValueError(reason)
        return text

    return Rule(parse, form=form)


def size(low: str, high: str, *, of: str) -> Rule:
    """Accept a size such as 64m: a whole number and k, m or g (1024, 1024², 1024³ bytes)."""

    def parse(value: Any) -> str:
        text = plain(value)
        if not re.fullmatch(r"[1-9][0-9]{0,11}[kmg]", text):
            raise ValueError("is not a size")
        if not in_bytes(low) <= in_bytes(text) <= in_bytes(high):
            raise ValueError("is out of range")
        return text

    return Rule(parse, form=f"{of}: a whole number and k, m or g, from {low} to {high}")


def in_bytes(text: str) -> int:
    """Give the bytes of a size such as `64m`."""
    return int(text[:-1]) * _UNITS[text[-1]]


def image() -> Rule:
    """Accept an image reference that says which version it means, by tag or by digest."""

    def parse(value: Any) -> str:
        text = plain(value)
        match = _IMAGE.fullmatch(text) if len(text) <= 500 else None
        if not match or len(match["name"]) > 255:
            raise ValueError("is not an image reference")
        if not match["tag"] and not match["digest"]:
            raise ValueError("names neither a tag nor a digest")
        return text

    return Rule(parse, form="an image reference with a tag or a digest, [registry/]name:tag[@sha256:…]")


def host_path(*, optional: bool = False, runtime: bool = False) -> Rule:
    """Accept an absolute directory of the host that is no system directory.

    `optional` lets it be empty (None); `runtime` allows a place below /run.
    """
    closed = _CLOSED if runtime else _CLOSED + _RUNTIME

    def parse(value: Any) -> str | None:
        if optional and value in ("", None):
            return None
        text = absolute(plain(value))
        if text in _SYSTEM or text.startswith(closed):
            raise ValueError("is a system directory, or inside one that other programs own or a reboot empties")
        return text

    rest = "an absolute path on the host (letters, digits and . _ @ + -), not a system directory"
    return Rule(parse, form="empty, or " + rest if optional else rest)


def workstation_path(form: str, *, optional: bool = False) -> Rule:
    """Accept a path on the workstation, from the repository's root when it is relative (`context["root"]`)."""

    def parse(value: Any, info: ValidationInfo) -> Path | None:
        if optional and value in ("", None):
            return None
        return on_workstation(plain(value), info)

    return Rule(parse, form=f"{form}, absolute or from the repository's root{', or empty' if optional else ''}")


def certificate_path() -> Rule:
    """Accept a directory of the workstation, or `host:` and an absolute one of the host, or nothing."""

    def parse(value: Any, info: ValidationInfo) -> str | None:
        if value in ("", None):
            return None
        text = plain(value)
        if text.startswith("host:"):
            return "host:" + absolute(text.removeprefix("host:"))
        return str(on_workstation(text, info))

    form = "a directory of the workstation, absolute or from the repository's root, or host:/absolute/path on the host"
    return Rule(parse, form=f"{form}, or empty")


def names() -> Rule:
    """Accept a list of names with commas between them, or nothing."""

    def parse(value: Any) -> tuple[str, ...]:
        if value in ("", None):
            return ()
        parts = plain(value).split(",")
        if not all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", part) for part in parts):
            raise ValueError("is not a list of names")
        if len(set(parts)) < len(parts):
            raise ValueError("has a name twice")
        return tuple(parts)

    return Rule(parse, form="names of environment variables with commas and no spaces between them, or empty")


def host_names() -> Rule:
    """Accept a list of host names and addresses with commas between them, or nothing; gives them in lower case."""

    def parse(value: Any) -> tuple[str, ...]:
        if value in ("", None):
            return ()
        parts = plain(value).lower().split(",")
        if not all(_is_address(part) or _HOST_NAME.fullmatch(part) for part in parts):
            raise ValueError("is not a list of host names")
        if len(set(parts)) < len(parts):
            raise ValueError("has a name twice")
        return tuple(parts)

    return Rule(
        parse,
        form="host names or IP addresses with commas and no spaces between them (others than ASCII as xn--…), or empty",
    )


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def plain(value: Any) -> str:
    """Refuse what no setting may be: empty, spaces around it, control or hostile characters."""
    if not isinstance(value, str):
        raise ValueError("is not text")  # noqa: TRY004  (pydantic takes no TypeError)
    if not value:
        raise ValueError("is empty")
    if len(value) > 4096:
        raise ValueError("is longer than 4096 characters")
    if value != value.strip():
        raise ValueError("has white space before or after it")
    if any(not char.isprintable() for char in value):
        raise ValueError("has a character that cannot be seen (a control character, a line break or the like)")
    if found := HOSTILE.intersection(value):
        raise ValueError(f"has {min(found)}, which no setting may have")
    return value


def absolute(text: str) -> str:
    """Refuse a path of a host that is not absolute, or not in its shortest form."""
    if not text.startswith("/"):
        raise ValueError("is not an absolute path")
    if not _ORDINARY.fullmatch(text):
        raise ValueError("has a character that a path on the host may not have")
    if text != "/" and any(part in ("", ".", "..") for part in text[1:].split("/")):
        raise ValueError("is not a path in its shortest form (no //, /./, /../ and no / at the end)")
    if len(text) > 200:
        raise ValueError("is longer than 200 characters")
    return text


def on_workstation(text: str, info: ValidationInfo) -> Path:
    """Give the absolute path of a file of the workstation."""
    if "," in text:
        raise ValueError("has a comma, which a builder takes for the end of a path")
    if text.startswith("~"):
        raise ValueError("begins with ~, which only a shell replaces; write the directory out")
    root = (info.context or {}).get("root", Path.cwd())
    return Path(root, text).absolute()
