"""What the application's `start` script may be: the command of the container's one process."""

from __future__ import annotations

import re

_SHELL = re.compile(r"&&|\|\||[;|&<>\n`]|\$\(")
_QUOTED = re.compile(r"'[^']*'|\"[^\"`$]*\"")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_RUNNERS = {"npm", "npx", "pnpm", "pnpx", "yarn", "yarnpkg", "bun", "bunx", "corepack"}
_SUPERVISORS = {"nodemon", "pm2", "pm2-runtime", "pm2-dev", "forever", "supervisor", "ts-node-dev", "tsnd"}
_SEVERAL = {"concurrently", "npm-run-all", "run-s", "run-p", "wireit", "turbo", "nx"}
_SHELLS = {"sh", "bash", "ash", "dash"}


def start_fault(command: str) -> str | None:
    """Say why a `start` script cannot be run as the container's one process, or give None when it can.

    It replaces PID 1, so that SIGTERM reaches the server itself. Leading `NAME=value` assignments are fine.
    """
    bare = _QUOTED.sub("x", command)
    if found := _SHELL.search(bare):
        return f"is a compound command (`{found.group().strip() or 'line break'}`)"
    words = bare.split()
    while words and (_ASSIGNMENT.match(words[0]) or words[0] in {"exec", "env", "cross-env"}):
        words.pop(0)
    if not words:
        return "names no command"
    program = words[0].rsplit("/", 1)[-1]
    return _program_fault(program, words[1:])


def _program_fault(program: str, arguments: list[str]) -> str | None:
    if program in _RUNNERS:
        return f"goes through {program}, which does not pass SIGTERM on, so that requests in flight are lost"
    if program in _SUPERVISORS or arguments[:1] in (["watch"], ["--watch"]):
        return f"starts the server under a supervisor (`{' '.join([program, *arguments[:1]])}`), which Docker is here"
    if program in _SEVERAL:
        return f"starts several processes ({program})"
    if program in _SHELLS and "-c" in arguments:
        return f"hides the server behind a shell (`{program} -c`)"
    return None
