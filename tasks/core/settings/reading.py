"""Find the effective settings: command line, `DEPLOY_<KEY>`, `.env.<host>`, `.env`, default, in this order.

All faults are found before anything is contacted, and reported in one `SettingsError`. Whatever a settings file has
that is no setting belongs to the application: it reaches the backend unchanged, and its value is in no message.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from tasks.core.errors import SettingsError
from tasks.core.faults import Fault, refuse, shown
from tasks.core.secret import Secret
from tasks.core.settings.commands import RunLine, ValueCommand, list_faults, run_none
from tasks.core.settings.conflicts import conflicts
from tasks.core.settings.files import NAME, Entry, EnvFile, read_env_file
from tasks.core.settings.names import application_faults, name_warnings, near_miss, size_faults
from tasks.core.settings.schema import SETTINGS, Settings


@dataclass(frozen=True)
class Reading:
    """Hold what was read: settings (defaults stand in for faulty ones) and all faults."""

    settings: Settings
    faults: tuple[Fault, ...]


def load_settings(
    *,
    root: Path,
    host: str | None = None,
    environ: Mapping[str, str],
    overrides: Mapping[str, str] | None = None,
    run: RunLine = run_none,
) -> Settings:
    """Read and check the settings of the checkout in `root`, for one host or for none.

    `overrides` are settings from the command line, by their names in the file; `run` asks the commands of APP_COMMANDS
    once their values are needed. Raises SettingsError with every fault.
    """
    reading = read_settings(root=root, host=host, environ=environ, overrides=overrides, run=run)
    refuse(reading.faults)
    return reading.settings


def read_settings(
    *,
    root: Path,
    host: str | None = None,
    environ: Mapping[str, str],
    overrides: Mapping[str, str] | None = None,
    run: RunLine = run_none,
) -> Reading:
    """Read the settings and find all faults, without raising for any but a missing file or a strange host name."""
    files = _files(root, host)
    faults = [fault for file in files for fault in file.faults]
    given: dict[str, Entry] = {}
    for entries in (*(file.entries for file in files), _environment(environ, faults), _command_line(overrides, faults)):
        given.update(entries)

    chosen = {key: entry for key, entry in given.items() if key in SETTINGS}
    settings, value_faults = _validate(chosen, root)
    faults += value_faults
    own = {key: entry for key, entry in given.items() if key not in SETTINGS}
    where = {key: entry.where for key, entry in chosen.items()}
    commands = {key: _command(own[key], run) for key in settings.app_commands if key in own}
    faults += [fault for file in files for fault in file.unsafe(own.keys(), commands.keys())]
    faults += application_faults(own, settings, where)
    faults += conflicts(settings, given=where, faulty=_keys(faults))
    if "APP_COMMANDS" not in _keys(value_faults):
        by_file = {file.origin: file.listed("APP_COMMANDS") for file in files}
        listed_in = where.get("APP_COMMANDS", "the defaults")
        faults += list_faults(own, listed=settings.app_commands, by_file=by_file, where=listed_in)
    faults += _written_faults(own, settings, commands)

    sources = {key: chosen[key].origin if key in chosen else "default" for key in SETTINGS}
    settings = settings.model_copy(
        update={
            "application": {
                key: Secret(commands[key].value if key in commands else entry.value) for key, entry in own.items()
            },
            "application_sources": {key: entry.origin for key, entry in own.items()},
            "commands": commands,
            "sources": sources,
            "warnings": (*_warnings(files, own, commands.keys()), *name_warnings(own, settings.app_keys)),
        }
    )
    return Reading(settings, tuple(faults))


def _written_faults(
    own: Mapping[str, Entry], settings: Settings, commands: Mapping[str, ValueCommand]
) -> Iterator[Fault]:
    """Find values that are too large, and command lines that cannot be one."""
    values = {key: entry for key, entry in own.items() if key not in commands}
    places = {key: entry.where for key, entry in values.items()}
    yield from size_faults({key: entry.value for key, entry in values.items()}, places, settings.app_files)
    yield from (fault for command in commands.values() if (fault := command.line_fault()))


def _command(entry: Entry, run: RunLine) -> ValueCommand:
    return ValueCommand(entry.key, entry.value, entry.where, run)


def value_faults(settings: Settings) -> list[Fault]:
    """Have every command run that a value comes from, and say what is wrong with what they gave."""
    faults = [fault for command in settings.commands.values() if (fault := command.fault())]
    if faults or not settings.commands:
        return faults
    where = {key: settings.application_sources[key].removeprefix("file ") for key in settings.application}
    where |= {key: command.where for key, command in settings.commands.items()}
    values = {key: value.reveal() for key, value in settings.application.items()}
    return list(size_faults(values, where, settings.app_files))


def _files(root: Path, host: str | None) -> list[EnvFile]:
    names = [".env"]
    if host is not None:
        if not host or "/" in host or "\0" in host or host.startswith("."):
            raise SettingsError(f"{host!r} is not the name of a host", remedy="fab -H user@host:port …")
        names.append(f".env.{host}")
    files = [file for name in names if (file := read_env_file(root / name))]
    if not files:
        raise SettingsError(
            f"there is no settings file: no {' and no '.join(names)} in {root}",
            remedy="fab init (writes .env with every setting and its default)",
        )
    return files


def _environment(environ: Mapping[str, str], faults: list[Fault]) -> dict[str, Entry]:
    entries = {}
    for name, value in environ.items():
        key = name.removeprefix("DEPLOY_")
        if key == name:
            continue
        if key in SETTINGS:
            entries[key] = Entry(key, value, f"{name} in the environment", "environment")
        elif near := near_miss(key):
            faults.append(Fault(name, "in the environment is not a setting", f"DEPLOY_{near}"))
    return entries


def _command_line(overrides: Mapping[str, str] | None, faults: list[Fault]) -> dict[str, Entry]:
    entries = {}
    for key, value in (overrides or {}).items():
        if key in SETTINGS:
            entries[key] = Entry(key, value, "command line", "command line")
        else:
            form = near_miss(key) or "a setting; the application's own values are read from the file only"
            faults.append(Fault(key if NAME.fullmatch(key) else "", "is not a setting", form, "command line"))
    return entries


def _validate(chosen: Mapping[str, Entry], root: Path) -> tuple[Settings, list[Fault]]:
    """Check every value; the settings have the default in place of a faulty one."""
    context = {"root": root.absolute()}
    spaced = {key for key, entry in chosen.items() if entry.spaced}
    faults = [
        Fault(key, "has white space around the = or at the end of the line", SETTINGS[key].form, chosen[key].where)
        for key in sorted(spaced)
    ]
    values = {key.lower(): entry.value for key, entry in chosen.items() if key not in spaced}
    try:
        return Settings.model_validate(values, context=context), faults
    except ValidationError as error:
        for found in error.errors(include_url=False):
            if found["type"] == "default_factory_not_called":
                continue  # only says that the setting it is made of has a fault
            key = str(found["loc"][0]).upper()
            reason = str(found.get("ctx", {}).get("error", found["msg"]))
            value = "" if reason == "is empty" else f"{shown(chosen[key].value)} "
            faults.append(Fault(key, value + reason, SETTINGS[key].form, chosen[key].where))
            values.pop(key.lower(), None)
    return Settings.model_validate(values, context=context), faults


def _warnings(files: Iterable[EnvFile], own: Mapping[str, Entry], commands: Collection[str]) -> Iterator[str]:
    for file in files:
        yield from file.warnings
        if not file.entries.keys() & own.keys():
            continue
        if file.rights.is_readable:
            yield f"{file.name} has values of the application and can be read by others: chmod 600 {file.name}"
        if file.rights.is_foreign:
            yield f"{file.name} has values of the application and belongs to another user: chown $(id -u) {file.name}"
    if expecting := [key for key, entry in own.items() if "${" in entry.value and key not in commands]:
        yield f"passed to the application as written, ${{…}} is not replaced: {', '.join(expecting)}"


def _keys(faults: Iterable[Fault]) -> frozenset[str]:
    return frozenset(fault.key for fault in faults)


def missing_paths(settings: Settings) -> list[Fault]:
    """Find paths of the workstation that do not exist; needed to build, not to look at a host."""
    missing = {}
    if not settings.app_source.is_dir():
        missing["APP_SOURCE"] = f"{settings.app_source} is not a directory"
    if settings.build_ca_file and not settings.build_ca_file.is_file():
        missing["BUILD_CA_FILE"] = f"{settings.build_ca_file} is not a file"
    return [Fault(key, what, SETTINGS[key].form, _origin(settings, key)) for key, what in missing.items()]


def not_there_yet(settings: Settings) -> list[Fault]:
    """Find settings that are described and checked, and that this version cannot carry out yet."""
    asked = {}
    if settings.build_mode == "remote":
        asked["BUILD_MODE"] = ("remote is not there yet", "local")
    return [Fault(key, what, form, _origin(settings, key)) for key, (what, form) in asked.items()]


def _origin(settings: Settings, key: str) -> str:
    return settings.sources.get(key, "default").removeprefix("file ")
