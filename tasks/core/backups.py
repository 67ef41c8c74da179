"""How a backup is copied away from its host."""

from __future__ import annotations

from pathlib import PurePosixPath

from tasks.core.commands import quote


def fetch_command(target: str, path: str, *, user: str, owner: str) -> str:
    """Give the command that copies a backup from the host of -H (`user@web1:2222`) to the working directory.

    scp where the user of the login may read it, as root and the owner of DEPLOYMENT_PATH do; else sudo reads it there.
    """
    login, at, bare = target.rpartition("@")
    host, _, port = bare.partition(":") if bare.count(":") == 1 else (bare, "", "")
    if user in ("root", owner):
        address = f"[{host}]" if ":" in host else host
        return f"scp {f'-P {port} ' if port else ''}{_word(f'{login}{at}{address}:{path}')} ."
    order = _word(f"sudo cat {_word(path)}")
    return (
        f"ssh {f'-p {port} ' if port else ''}{_word(f'{login}{at}{host}')} {order} >{_word(PurePosixPath(path).name)}"
    )


def _word(text: str) -> str:
    """Quote where a shell needs it."""
    return text if text.replace("@", "").translate(_PLAIN).isalnum() else quote(text)


_PLAIN = str.maketrans("", "", "/.:_-%+")
