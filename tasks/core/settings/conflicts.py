"""Settings that are right alone and wrong together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

from tasks.core.faults import Fault
from tasks.core.settings.schema import SETTINGS, Settings


def conflicts(settings: Settings, *, given: Mapping[str, str], faulty: frozenset[str]) -> Iterator[Fault]:
    """Find what contradicts; `given` says where each setting that is no default stands.

    A setting with a fault of its own (`faulty`) is left out: one mistake, one message.
    """

    for rule in (_ports, _own_names, _nested):
        yield from (fault for keys, fault in rule(settings, given) if faulty.isdisjoint(keys))


_Found = Iterator[tuple[tuple[str, ...], Fault]]


def _ports(settings: Settings, given: Mapping[str, str]) -> _Found:
    if settings.http_port == settings.https_port and (settings.enable_https or "HTTPS_PORT" in given):
        what = f"is the same port as HTTP_PORT, {settings.http_port}"
        fault = Fault("HTTPS_PORT", what, "another port", _where(given, "HTTPS_PORT", "HTTP_PORT"))
        yield ("HTTP_PORT", "HTTPS_PORT", "ENABLE_HTTPS"), fault


def _own_names(settings: Settings, given: Mapping[str, str]) -> _Found:
    lists = {"APP_KEYS": settings.app_keys, "APP_FILES": settings.app_files, "APP_COMMANDS": settings.app_commands}
    for setting, listed in lists.items():
        for key in listed:
            if key in SETTINGS:
                what, form = f"lists {key}, which is a setting", "names of the application's own variables"
                yield (setting,), Fault(setting, what, form, _where(given, setting))


def _nested(settings: Settings, given: Mapping[str, str]) -> _Found:
    """Keep data, socket, releases and logs apart; only the logs may be inside DEPLOYMENT_PATH."""
    paths = {
        "DEPLOYMENT_PATH": settings.deployment_path,
        "LOG_PATH": settings.log_path,
        "DATA_PATH": settings.data_path,
        "SOCKET_PATH": settings.socket_path,
    }
    set_ones = [(key, path) for key, path in paths.items() if path]
    for (other, second), (key, path) in combinations(set_ones, 2):
        inside = path.startswith(second + "/") and (other, key) != ("DEPLOYMENT_PATH", "LOG_PATH")
        if path == second or inside or second.startswith(path + "/"):
            what = f"{path} is {'the same as' if path == second else 'inside or around'} {other}, {second}"
            yield (key, other), Fault(key, what, "a directory of its own", _where(given, key, other))


def _where(given: Mapping[str, str], *keys: str) -> str:
    return next((given[key] for key in keys if key in given), "default")
