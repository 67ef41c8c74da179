"""The settings file: a first one, and what is in effect. Neither contacts anything."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tasks.core.errors import UsageError
from tasks.core.protocols import Console, Outcome
from tasks.core.settings import Settings, effective_configuration, new_env_file
from tasks.core.workspace import Target


def init(target: Target, console: Console, *, force: bool = False) -> Outcome:
    """Write .env, with every setting at its default, as a start.

    With -H it is .env.<host>. The file has mode 0600. A file that is there is left alone and the task refused (exit
    code 2); --force keeps it under another name. Undo: delete the file.
    """
    written = write_settings_file(target.root, force=force, host=target.host)
    console.say(f"written: {written.path}")
    if written.kept:
        console.say(f"the file that was there is now {written.kept.name}")
    on = f"-H {target.host} " if target.host else ""
    return Outcome(True, f"next: fab {on}check-config", data={"path": str(written.path)})


def check_config(target: Target, console: Console) -> Outcome:
    """Show which settings apply and where each is set; name every fault.

    What you have set comes first, then the names of the variables that the application's backend gets, then the
    defaults. The settings, the application's sources and the certificates are checked; with -H, as they are for that
    host. Changes nothing, contacts nothing; values of the application are not shown.
    """
    found = effective_configuration(root=target.root, host=target.host, environ=os.environ, overrides=target.overrides)
    for warning in found.warnings:
        console.warn(warning)
    for line in found.lines:
        console.say(line)
    return Outcome(False, f"no fault in {_files(found.settings)}", data=found.data)


def _files(settings: Settings) -> str:
    origins = {*settings.sources.values(), *settings.application_sources.values()}
    files = sorted(origin.removeprefix("file ") for origin in origins if origin.startswith("file "))
    return ", ".join(files or ["the settings"]) + " and the application's sources"


@dataclass(frozen=True)
class SettingsFile:
    """Say which file was written, and where the one it replaced is now."""

    path: Path
    kept: Path | None = None


def write_settings_file(root: Path, *, force: bool = False, host: str | None = None) -> SettingsFile:
    """Write .env (with `host`, .env.<host>) anew, mode 0600, in one step.

    Raises UsageError when it is there; with `force` that file is kept under another name.
    """
    if host is not None and (not host or "/" in host or "\0" in host or host.startswith(".")):
        raise UsageError(f"{host!r} is not the name of a host", remedy="fab init")
    path = root / (".env" if host is None else f".env.{host}")
    kept = None
    if force and os.path.lexists(path):
        kept = _free_name(path)
        path.rename(kept)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(
            f"{path} is there already and was not touched",
            remedy=f"edit it, or: fab {f'-H {host} ' if host else ''}init --force (keeps it under another name)",
        ) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {(error.strerror or 'failed').lower()}") from None
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
        file.write(new_env_file())
    return SettingsFile(path, kept)


def _free_name(path: Path) -> Path:
    number = 1
    while os.path.lexists(candidate := path.with_name(f"{path.name}.kept-{number}")):
        number += 1
    return candidate
