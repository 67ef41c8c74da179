"""Which operating system a host runs, from the text of its os-release file or what older systems have instead.

Source: os-release(5), https://www.freedesktop.org/software/systemd/man/latest/os-release.html
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

SUPPORTED = (
    "Ubuntu", "Debian", "RHEL", "CentOS", "Fedora", "Rocky", "AlmaLinux", "Oracle Linux", "Amazon Linux", "SLES",
    "openSUSE", "Alpine",
)  # fmt: skip
"""The supported distributions, as messages list them; derivatives of them by ID_LIKE."""

_MANAGERS = {
    "ubuntu": "apt-get", "debian": "apt-get",
    "rhel": "dnf", "centos": "dnf", "fedora": "dnf", "rocky": "dnf", "alma": "dnf", "almalinux": "dnf", "ol": "dnf",
    "amzn": "dnf",
    "sles": "zypper", "suse": "zypper", "opensuse": "zypper", "opensuse-leap": "zypper",
    "opensuse-tumbleweed": "zypper",
    "alpine": "apk",
}  # fmt: skip
_YUM = {("centos", "7"), ("rhel", "7"), ("ol", "7"), ("amzn", "2")}
_DOUBLE_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"(?:\s|$)')
_FALLBACKS = {
    "redhat-release": "rhel",
    "centos-release": "centos",
    "debian_version": "debian",
    "alpine-release": "alpine",
}


@dataclass(frozen=True)
class OperatingSystem:
    """A supported system: `id` is the family's ID that decides, `name` what people call it.

    `codename` is that of the family's release: a derivative (Linux Mint) names its parent's.
    """

    id: str
    version: str
    name: str
    package_manager: str
    codename: str = ""


def parse_os_release(text: str) -> dict[str, str]:
    """Read os-release assignments without running them; lines that are none are passed over."""
    fields = {}
    for line in text.splitlines():
        key, separator, value = line.strip().lstrip("\ufeff").partition("=")
        if not separator or key.startswith("#"):
            continue
        fields[key] = _unquoted(value)
    return fields


def _unquoted(value: str) -> str:
    if found := _DOUBLE_QUOTED.match(value):  # shlex leaves the backslash before $ and `
        return re.sub(r"\\([\"$`\\])", r"\1", found.group(1))
    try:
        words = shlex.split(value, posix=True)
    except ValueError:
        words = [value.strip("\"'")]
    return words[0] if words else ""


def detect(os_release: str, fallback: Sequence[str] = ()) -> OperatingSystem | None:
    """Find the system and its package manager: by ID, then ID_LIKE, then the older files (`name:first line`)."""
    fields = parse_os_release(os_release)
    version = fields.get("VERSION_ID", "")
    for family in (fields.get("ID", "").lower(), *fields.get("ID_LIKE", "").lower().split()):
        if family in _MANAGERS:
            codename = fields.get(f"{family.upper()}_CODENAME") or fields.get("VERSION_CODENAME", "")
            return _system(family, version, fields.get("PRETTY_NAME") or fields.get("NAME") or family, codename)
    for line in fallback:
        file, _, content = line.partition(":")
        if family := _FALLBACKS.get(file.rpartition("/")[2], ""):
            found = next((word for word in content.split() if word[:1].isdigit()), "")
            return _system(family, found, content or family)
    return None


def _system(family: str, version: str, name: str, codename: str = "") -> OperatingSystem:
    manager = "yum" if (family, version.partition(".")[0]) in _YUM else _MANAGERS[family]
    return OperatingSystem(family, version, name, manager, codename)
