"""Tell the application's variables from misspelt settings."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from tasks.core.faults import Fault
from tasks.core.settings.files import Entry
from tasks.core.settings.schema import SETTINGS, Settings

SET_BY_US = {
    "APP_VERSION": "to the name of the release",
    "DATABASE_URL": "from POSTGRES_USER and POSTGRES_DB",
    "HOST": "to the address in the container",
    "PORT": "from BACKEND_PORT",
    "SLOT": "to the slot that the release runs in",
}
"""Variables of the backend that the deployment sets itself, and from what."""

# One string of an environment may have 128 KiB (MAX_ARG_STRLEN of Linux, execve(2)); all of them together are kept
# well below the 2 MiB that an ordinary stack limit leaves for arguments and environment. Files have the second alone.
ONE_KIB = 128
"""How many KiB one value has to stay below where it is in an environment, with its name."""

ALL_MIB = 1
"""How many MiB all values together may have; those that are files have as many again."""


def application_faults(own: Mapping[str, Entry], settings: Settings, listed_in: Mapping[str, str]) -> Iterator[Fault]:
    """Find application variables with a name that cannot be, and lists of names that nothing sets; shows no value.

    `listed_in` says where each setting that is no default stands.
    """
    listed = {*settings.app_keys, *settings.app_files, *settings.app_commands}
    for key, entry in own.items():
        of_file = key.removesuffix("_FILE")
        if key in SET_BY_US:
            yield Fault(key, f"is set by the deployment, {SET_BY_US[key]}", "no such line", entry.where)
        elif of_file != key and of_file in settings.app_files:
            what = f"is set by the deployment, to the file of {of_file}, which APP_FILES lists"
            yield Fault(key, what, "no such line", entry.where)
        elif key.removeprefix("DEPLOY_") in SETTINGS:
            form = f"{key.removeprefix('DEPLOY_')} (DEPLOY_ is for the environment)"
            yield Fault(key, "is not the name of a setting in a file", form, entry.where)
        elif key not in listed and (near := near_miss(key)):
            form = f"{near}; or, if it is the application's own, listed in APP_KEYS"
            yield Fault(key, "is not a setting, but looks like one", form, entry.where)
    for setting, names in (("APP_FILES", settings.app_files), ("APP_COMMANDS", settings.app_commands)):
        for key in names:
            if key not in own and key not in SETTINGS:
                what, form = f"lists {key}, which no settings file sets", "names of the application's own variables"
                yield Fault(setting, what, form, listed_in.get(setting, ""))


def size_faults(values: Mapping[str, str], where: Mapping[str, str], files: Collection[str]) -> Iterator[Fault]:
    """Find values that are too large for an environment, or for what becomes `files`; no value is shown."""
    sizes = {key: len(key) + len(value.encode("utf-8", "surrogateescape")) + 2 for key, value in values.items()}
    for key, size in sizes.items():
        if key not in files and size - 1 > ONE_KIB * 1024 - 2:
            form = f"less than {ONE_KIB} KiB; a file (APP_FILES) may be larger"
            yield Fault(key, "is longer than an environment variable can be", form, where[key])
    for what, keys in (("an environment", sizes.keys() - files), ("files (APP_FILES)", sizes.keys() & files)):
        if sum(sizes[key] for key in keys) > ALL_MIB * 1024 * 1024:
            yield Fault(
                "", f"the application's variables are too large for {what}", f"less than {ALL_MIB} MiB together"
            )


DOUBTFUL = {
    **dict.fromkeys(("HTTPS", "USE_HTTPS", "ENABLE_SSL", "ENABLE_TLS"), "is ENABLE_HTTPS meant?"),
    "HSTS": "is HSTS_SECONDS meant?",
    **dict.fromkeys(("CERT", "CERT_DIR", "CERT_FILE", "SSL_CERT", "TLS_CERT"), "is CERT_PATH meant?"),
    "POSTGRES_PASSWORD": "the database asks for none.",
    "HOME": "its programs keep things there.",
    "PATH": "its programs are found by it.",
    "LD_PRELOAD": "it changes every program there.",
}
"""Names that seldom mean what reaches the backend under them, and why."""


def name_warnings(own: Mapping[str, Entry], keys: Collection[str]) -> Iterator[str]:
    """Doubt variables by their names, but for those in `keys` (APP_KEYS); shows no value."""
    for key in sorted(own.keys() & DOUBTFUL.keys() - set(keys)):
        why = f"{DOUBTFUL[key]} If it is so: APP_KEYS={key}"
        yield f"{own[key].where}: {key} is no setting, and reaches the application's backend: {why}"


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
