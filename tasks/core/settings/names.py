"""Tell the application's variables from misspelt settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tasks.core.faults import Fault
from tasks.core.settings.files import Entry
from tasks.core.settings.schema import SETTINGS

SET_BY_US = {
    "APP_VERSION": "to the name of the release",
    "DATABASE_URL": "from POSTGRES_USER and POSTGRES_DB",
    "HOST": "to the address in the container",
    "PORT": "from BACKEND_PORT",
    "SLOT": "to the slot that the release runs in",
}
"""Variables of the backend that the deployment sets itself, and from what."""

# One string of an environment may have 128 KiB (MAX_ARG_STRLEN of Linux, execve(2)); all of them together are kept
# well below the 2 MiB that an ordinary stack limit leaves for arguments and environment.
_ONE_LIMIT = 128 * 1024 - 2
_ALL_LIMIT = 1024 * 1024


def application_faults(own: Mapping[str, Entry], app_keys: tuple[str, ...]) -> Iterator[Fault]:
    """Find application variables with a name or a size that cannot be; no value is shown."""
    total = 0
    for key, entry in own.items():
        total += len(key) + len(entry.value.encode()) + 2
        if key in SET_BY_US:
            yield Fault(key, f"is set by the deployment, {SET_BY_US[key]}", "no such line", entry.where)
        elif key.removeprefix("DEPLOY_") in SETTINGS:
            form = f"{key.removeprefix('DEPLOY_')} (DEPLOY_ is for the environment)"
            yield Fault(key, "is not the name of a setting in a file", form, entry.where)
        elif key not in app_keys and (near := near_miss(key)):
            form = f"{near}; or, if it is the application's own, listed in APP_KEYS"
            yield Fault(key, "is not a setting, but looks like one", form, entry.where)
        if len(key) + len(entry.value.encode()) + 1 > _ONE_LIMIT:
            yield Fault(key, "is longer than an environment variable can be", "less than 128 KiB", entry.where)
    if total > _ALL_LIMIT:
        yield Fault("", "the application's variables are too large for an environment", "less than 1 MiB together")


ORDINARY = ("API_KEY", "API_KEYS")
"""Names that applications use every day, and that are no misspelt setting for all their likeness to one."""


def near_miss(key: str) -> str | None:
    """Give the setting that `key` is within two edits of, in whatever case; the nearest one."""
    if key in ORDINARY:
        return None
    best = min(SETTINGS, key=lambda name: edit_distance(key.upper(), name))
    return best if edit_distance(key.upper(), best) <= 2 else None


def edit_distance(left: str, right: str) -> int:
    """Count the insertions, deletions and replacements between two names (Levenshtein); 3 stands for more than 2."""
    if abs(len(left) - len(right)) > 2:
        return 3
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        previous, row = row, [i]
        for j, b in enumerate(right, 1):
            row.append(min(previous[j] + 1, row[-1] + 1, previous[j - 1] + (a != b)))
    return min(row[-1], 3)
