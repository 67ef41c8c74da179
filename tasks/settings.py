"""The settings file: a first one, and what is in effect."""

from __future__ import annotations

import os

from tasks import configuration
from tasks.core.protocols import Console, Outcome
from tasks.core.workspace import Target


def init(target: Target, console: Console, *, force: bool = False) -> Outcome:
    """Write .env, with every setting at its default, as a start.

    With -H it is .env.<host>. The file has mode 0600. A file that is there is left alone and the task refused (exit
    code 2); --force keeps it under another name. Undo: delete the file.
    """
    made = configuration.init(target.root, force=force, host=target.host)
    for line in made.lines[:-1]:
        console.say(line)
    return Outcome(True, made.lines[-1], data={"path": str(made.path)})


def check_config(target: Target, console: Console) -> Outcome:
    """Show the effective settings, and check all that a build needs.

    Settings, the application's sources and the certificates, all faults at once. With -H for that host. Changes
    nothing, contacts nothing; values of the application are not shown.
    """
    found = configuration.check_config(
        root=target.root, host=target.host, environ=os.environ, overrides=target.overrides
    )
    for warning in found.warnings:
        console.warn(warning)
    for line in found.lines:
        console.say(line)
    return Outcome(False, "the configuration is sound", data=found.data)
