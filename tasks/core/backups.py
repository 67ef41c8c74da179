"""How a backup is copied away from its host."""

from __future__ import annotations

from pathlib import PurePosixPath

from tasks.core.logins import login_of, word


def fetch_command(target: str, path: str, *, user: str, owner: str) -> str:
    """Give the command that copies a backup from the host of -H (`user@web1:2222`) to the working directory.

    scp where the user of the login may read it, as root and the owner of DEPLOYMENT_PATH do; else sudo reads it there.
    """
    login = login_of(target)
    if user in ("root", owner):
        address = login.at_host.replace(login.host, f"[{login.host}]") if ":" in login.host else login.at_host
        port = ("-P", login.port) if login.port else ()
        return " ".join(map(word, ("scp", *login.options, *port, f"{address}:{path}", ".")))
    return f"{login.ssh()} {word(f'sudo cat {word(path)}')} >{word(PurePosixPath(path).name)}"
