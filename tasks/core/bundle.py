"""The text that runs on a host: the scripts of scripts/host, in one piece."""

from __future__ import annotations

from pathlib import Path


def host_bundle(root: Path) -> str:
    """Concatenate scripts/host/*.sh in the order that scripts/host/ORDER gives.

    The bundle is sent on standard input to `sh -s`, and lies in every release as bin/host.sh.
    """
    place = root / "scripts" / "host"
    names = (place / "ORDER").read_text().split()
    return "".join((place / name).read_text() for name in names)


# The one command line for every script: root as it is, else sudo without a question, else as the user is.
# `sh -c` because the login shell may be any; the script itself comes on standard input.
ENTRY = (
    'if [ "$(id -u)" = 0 ]; then exec sh -s -- "$@"; '
    'elif sudo -n true 2>/dev/null; then exec sudo -n sh -s -- "$@"; '
    'else exec sh -s -- "$@"; fi'
)
