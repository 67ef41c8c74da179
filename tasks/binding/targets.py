"""The hosts of -H as they were typed, so that every command we print leads to the same one."""

from __future__ import annotations

import re

from fabric import Connection
from fabric.main import program

from tasks.core.errors import UsageError
from tasks.core.faults import one_line
from tasks.core.logins import target_of as written

_HOST = re.compile(r"\w[\w.%+-]*|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]+(?:%[\w.-]+)?")  # a name, or an IPv6 address
_USER = re.compile(r"\w[\w.@+$\\-]*")


def typed_hosts() -> list[str]:
    """Give the values of -H in their order; none outside `fab`."""
    given = program.args.hosts.value if hasattr(program, "core") else None
    return [] if given is None else str(given).split(",")


def typed_options() -> list[str]:
    """Give the options that say how a host is reached, in the words of the command line; none outside `fab`."""
    if not hasattr(program, "core"):
        return []
    given = {name: program.args[name].value for name in _LEADING}
    words = [(_LEADING[name], str(each)) for name, value in given.items() for each in _each(value)]
    flags = [f"--{name}" for name in ("prompt-for-login-password", "prompt-for-passphrase") if program.args[name].value]
    return [*(part for pair in words for part in pair), *flags]


_LEADING = {"config": "-f", "ssh-config": "-S", "identity": "-i", "connect-timeout": "-t"}


def _each(value: object) -> list[object]:
    return value if isinstance(value, list) else [] if value is None else [value]


def target_of(connection: Connection, names: list[str], options: list[str]) -> str:
    """Give what leads to the host of a connection after `fab -H`: its name and the options as they were typed.

    Its bare name when the command line does not have it.
    """
    host = next((name for name in names if _leads_to(name, connection)), str(connection.original_host))
    return written(host, options)


def hosts_after(connection: Connection, names: list[str]) -> list[str]:
    """Give the hosts that come after a connection's."""
    place = next((place for place, name in enumerate(names) if _leads_to(name, connection)), len(names))
    return names[place + 1 :]


def check_hosts(names: list[str]) -> None:
    """Refuse what cannot be a host, before a library takes it apart."""
    for name in names:
        if reason := _fault(name):
            raise UsageError(
                f"-H {one_line(name) or ','.join(names) or repr('')}{reason}",
                remedy="type: fab -H user@host:port TASK; several hosts with commas and no spaces between them",
            )


def _fault(name: str) -> str:
    """Say what is wrong with a host as it was typed; nothing when it can be one."""
    user, at, bare = name.rpartition("@")
    host, _, port = bare.partition(":") if bare.count(":") == 1 else (bare, "", "")
    if not bare:
        return " names no host"
    if "[" in bare:
        return ": an IPv6 address is written without brackets, with its port in ~/.ssh/config"
    if bare.count(":") == 1 and not (re.fullmatch(r"[0-9]{1,5}", port) and 1 <= int(port) <= 65535):
        return f": {port!r} is not a port"
    if not _HOST.fullmatch(host):
        return ": not the name of a host"
    return "" if not at or _USER.fullmatch(user) else ": not the name of a user before the @"


def _leads_to(name: str, connection: Connection) -> bool:
    parts = connection.derive_shorthand(name)
    return bool(
        parts["host"] == connection.original_host
        and parts["user"] in (None, connection.user)
        and parts["port"] in (None, connection.port)
    )
