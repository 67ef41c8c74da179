"""Find the effective settings: command line, `DEPLOY_<KEY>`, `.env.<host>`, `.env`, default, in this order.

All faults are found before anything is contacted, and reported in one `SettingsError`. Whatever a settings file has
that is no setting belongs to the application: it reaches the backend unchanged, and its value is in no message.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from tasks.core.env_files import NAME, Entry, EnvFile, Fault, read_env_file
from tasks.core.errors import SettingsError
from tasks.core.secret import Secret
from tasks.core.setting_faults import conflicts
from tasks.core.setting_fields import SETTINGS, Settings
from tasks.core.setting_names import application_faults, near_miss

__all__ = ["Settings", "load_settings", "missing_paths", "read_settings", "release_environment"]


@dataclass(frozen=True)
class Reading:
    """Hold what was read: settings (defaults stand in for faulty ones) and all faults."""

    settings: Settings
    faults: tuple[Fault, ...]

    def sound(self, *keys: str) -> bool:
        """Say whether none of these settings has a fault."""
        return not any(fault.key in keys for fault in self.faults)


def load_settings(
    *, root: Path, host: str | None = None, environ: Mapping[str, str], overrides: Mapping[str, str] | None = None
) -> Settings:
    """Read and check the settings of the checkout in `root`, for one host or for none.

    `overrides` are settings from the command line, by their names in the file. Raises SettingsError with every fault.
    """
    reading = read_settings(root=root, host=host, environ=environ, overrides=overrides)
    refuse(reading.faults)
    return reading.settings


def refuse(faults: Iterable[Fault]) -> None:
    """Raise one SettingsError for all faults, if there are any."""
    lines = [str(fault) for fault in faults]
    if lines:
        count = "a fault" if len(lines) == 1 else f"{len(lines)} faults"
        raise SettingsError(
            f"{count} in the settings; nothing was contacted",
            detail="\n".join(lines),
            remedy="correct them, then: fab check-config (every setting is described in docs/settings.md)",
        )


def read_settings(
    *, root: Path, host: str | None = None, environ: Mapping[str, str], overrides: Mapping[str, str] | None = None
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
    faults += application_faults(own, settings.app_keys)
    faults += conflicts(settings, given={key: entry.where for key, entry in chosen.items()}, faulty=_keys(faults))

    sources = {key: chosen[key].origin if key in chosen else "default" for key in SETTINGS}
    settings = settings.model_copy(
        update={
            "application": {key: Secret(entry.value) for key, entry in own.items()},
            "application_sources": {key: entry.origin for key, entry in own.items()},
            "sources": sources,
            "warnings": tuple(_warnings(files, own)),
        }
    )
    return Reading(settings, tuple(faults))


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
            shown = "" if reason == "is empty" else f"{_shown(chosen[key].value)} "
            faults.append(Fault(key, shown + reason, SETTINGS[key].form, chosen[key].where))
            values.pop(key.lower(), None)
    return Settings.model_validate(values, context=context), faults


def _shown(value: str) -> str:
    """Show a setting's value in a message: one line, nothing unprintable, not long."""
    text = ascii(value) if not value.isprintable() else f'"{value}"'
    return text if len(text) <= 60 else text[:50] + "… " + f"({len(value)} characters)"


def _warnings(files: Iterable[EnvFile], own: Mapping[str, Entry]) -> Iterator[str]:
    for file in files:
        if file.open_to_others and file.entries.keys() & own.keys():
            yield f"{file.name} has values of the application and can be read by others: chmod 600 {file.name}"
    if expecting := [key for key, entry in own.items() if "${" in entry.value]:
        yield f"passed to the application as written, ${{…}} is not replaced: {', '.join(expecting)}"


def _keys(faults: Iterable[Fault]) -> frozenset[str]:
    return frozenset(fault.key for fault in faults)


def missing_paths(settings: Settings) -> list[Fault]:
    """Find paths of the workstation that do not exist; needed to build, not to look at a host."""
    faults = []
    if not settings.app_source.is_dir():
        faults.append(Fault("APP_SOURCE", f"{settings.app_source} is not a directory", SETTINGS["APP_SOURCE"].form))
    if settings.build_ca_file and not settings.build_ca_file.is_file():
        faults.append(Fault("BUILD_CA_FILE", f"{settings.build_ca_file} is not a file", SETTINGS["BUILD_CA_FILE"].form))
    return faults


def not_there_yet(settings: Settings) -> list[Fault]:
    """Find settings that are described and checked, and that this version cannot carry out yet."""
    faults = []
    if settings.build_mode == "remote":
        faults.append(Fault("BUILD_MODE", "remote is not there yet", "local"))
    if settings.enable_https:
        faults.append(Fault("ENABLE_HTTPS", "true is not there yet", "false, with TLS in front of the host"))
    return faults


def release_environment(settings: Settings) -> dict[str, str]:
    """Give the settings' part of a release's `.env`; no value needs quoting."""
    app = settings.app_name
    return {
        "APP_NAME": app,
        "HTTP_PORT": str(settings.http_port),
        "HTTPS_PORT": str(settings.https_port),
        "ENABLE_HTTPS": _word(settings.enable_https),
        "POSTGRES_USER": settings.postgres_user,
        "POSTGRES_DB": settings.postgres_db,
        "NODE_ENV": settings.node_env,
        "BACKEND_PORT": str(settings.backend_port),
        "BACKEND_INTERNAL": _word(not settings.backend_egress),
        "CLIENT_MAX_BODY_SIZE": settings.client_max_body_size,
        "DEPLOYMENT_PATH": settings.deployment_path,
        "LOG_PATH": settings.log_path,
        "API_USER_UID": str(settings.api_user_uid),
        "API_USER_GID": str(settings.api_user_gid),
        "SOCKET_PERMISSIONS": settings.socket_permissions,
        "DATA_PATH": settings.data_path or "",
        "SOCKET_PATH": settings.socket_path or "",
        "DATA_VOLUME": f"{app}_data",
        "SOCKET_VOLUME": f"{app}_socket",
        "ASSETS_VOLUME": f"{app}_assets",
        "CERTS_VOLUME": f"{app}_certs",
        "FRONTEND_MEMORY": settings.frontend_memory,
        "BACKEND_MEMORY": settings.backend_memory,
        "DATABASE_MEMORY": settings.database_memory,
        "EDGE_MEMORY": settings.edge_memory,
        "KEEP_RELEASES": str(settings.keep_releases),
        "HEALTH_TIMEOUT": str(settings.health_timeout),
        "HEALTH_RETRIES": str(settings.health_retries),
        "DRAIN_SECONDS": str(settings.drain_seconds),
    }


def _word(value: bool) -> str:  # noqa: FBT001
    return "true" if value else "false"
