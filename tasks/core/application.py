"""The application's side of the contract (docs/application.md), as far as its files show it.

Only files are read and nothing is run. What needs a running application (`/health`, HOST and PORT, SIGTERM) is found
by the health gate of a deployment.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.core.prisma_imports import check_imports
from tasks.core.start_script import start_fault

FRONTEND = "web-frontend"
BACKEND = "backend-api"
SOURCES = {"frontend": FRONTEND, "backend": BACKEND}
"""The part of the application that each service is built from; the others have none."""
LOCKS = ("npm-shrinkwrap.json", "package-lock.json")  # in the order in which npm prefers them
OTHER_LOCKS = ("yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb")

_UNSAFE_MIGRATION = re.compile(r"\bprisma\s+(migrate\s+(?:dev|reset)|db\s+push)\b")
_PROVIDER = re.compile(r"^\s*datasource\s+\w+\s*\{[^}]*?^\s*provider\s*=\s*\"([^\"]*)\"", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class _Service:
    """One of the two halves, with what could be read of its package files."""

    name: str
    directory: Path
    package: Mapping[str, Any]
    lock: Mapping[str, Any]

    @property
    def scripts(self) -> Mapping[str, str]:
        return _table(self.package, "scripts")

    def requires(self, *sections: str) -> dict[str, str]:
        """Give names and ranges of the given sections of package.json, later ones winning."""
        return {name: wanted for section in sections for name, wanted in _table(self.package, section).items()}


def check_application(source: Path) -> list[str]:
    """Name every way in which the application at `source` breaks the contract.

    Each message says what is wrong, where, and what to do. An empty list: nothing a file can show stands against it.
    """
    if not source.exists():
        return [f"APP_SOURCE {source} does not exist: set it to the directory that holds {FRONTEND}/ and {BACKEND}/"]
    if not source.is_dir():
        return [f"APP_SOURCE {source} is not a directory: set it to the one that holds {FRONTEND}/ and {BACKEND}/"]
    return [*_check_service(source, FRONTEND), *_check_service(source, BACKEND)]


def migrations(source: Path) -> tuple[str, ...]:
    """Give the sorted names of the application's migrations: directories with a migration.sql."""
    return tuple(path.name for path in _migration_directories(source / BACKEND) if (path / "migration.sql").is_file())


def _check_service(source: Path, name: str) -> Iterator[str]:
    directory = source / name
    if not directory.is_dir():
        yield f"{name}/ is missing in {source}: APP_SOURCE must hold {FRONTEND}/ and {BACKEND}/"
        return
    package, package_faults = _read_package(directory, name)
    lock, lock_faults = _read_lock(directory, name)
    yield from package_faults
    yield from lock_faults
    service = _Service(name, directory, package, lock)
    yield from _check_dependencies(service)
    if not package_faults:
        yield from _check_frontend(service) if name == FRONTEND else _check_backend(service)
    if name == BACKEND:
        yield from _check_prisma(service, package_read=not package_faults)
    yield from _check_links(service)


def _read_package(directory: Path, name: str) -> tuple[Mapping[str, Any], list[str]]:
    if not (directory / "package.json").is_file():
        return {}, [f"{name}/package.json is missing: run `npm init` in {directory}"]
    package, fault = _read_json(directory / "package.json")
    if fault:
        return {}, [
            f"{name}/package.json cannot be read: {fault}: correct it, `npm pkg get name` shows when it is well"
        ]
    wrong = [key for key in ("scripts", "dependencies", "devDependencies") if not _is_table(package.get(key, {}))]
    if wrong:
        return {}, [f"{name}/package.json: {', '.join(wrong)} must be an object of strings: correct it there"]
    return package, []


def _read_lock(directory: Path, name: str) -> tuple[Mapping[str, Any], list[str]]:
    found = next((lock for lock in LOCKS if (directory / lock).is_file()), None)
    if found:
        lock, fault = _read_json(directory / found)
        return lock, [
            f"{name}/{found} cannot be read: {fault}: run `npm install --package-lock-only` there"
        ] if fault else []
    remedy = f"run `npm install --package-lock-only` in {directory} and commit package-lock.json"
    if other := next((lock for lock in OTHER_LOCKS if (directory / lock).is_file()), None):
        return {}, [f"{name}/ has {other} but no npm lock file, and images are built with `npm ci`: {remedy} beside it"]
    return {}, [f"{name}/ has no package-lock.json or npm-shrinkwrap.json, so a build could not be repeated: {remedy}"]


def _check_dependencies(service: _Service) -> Iterator[str]:
    required = service.requires("devDependencies", "dependencies")
    locked = _table_of_tables(service.lock, "packages")
    if absent := sorted(name for name in required if locked and f"node_modules/{name}" not in locked):
        yield (
            f"{service.name}/: the lock file lacks {', '.join(absent)} of package.json, and `npm ci` refuses that: "
            f"run `npm install --package-lock-only` in {service.directory} and commit the lock file"
        )
    for name, wanted in sorted(required.items()):
        kind, _, target = wanted.partition(":")
        if kind == "workspace" or (kind in {"file", "link"} and _leaves(service.directory, service.directory / target)):
            yield (
                f"{service.name}/package.json: {name} is `{wanted}`, outside {service.name}/, which alone is built: "
                f"publish it, or copy it into {service.name}/ and refer to it with file:./…"
            )


def _check_frontend(service: _Service) -> Iterator[str]:
    if not service.scripts.get("build", "").strip():
        yield (
            f"{FRONTEND}/package.json has no `build` script, and its pages are what `npm run build` leaves in dist/: "
            'add one, such as "build": "vite build"'
        )


def _check_backend(service: _Service) -> Iterator[str]:
    scripts = service.scripts
    start = scripts.get("start", "").strip()
    if not start:
        yield f'{BACKEND}/package.json has no `start` script: add one, such as "start": "node server.js"'
    elif fault := start_fault(start):
        yield (
            f'{BACKEND}/package.json: the `start` script "{start}" {fault}: '
            'write the server\'s own command, such as "node server.js", and move the rest into `build` or `migrate`'
        )
    for hook in ("prestart", "poststart", "premigrate", "postmigrate"):
        if hook in scripts:
            yield (
                f"{BACKEND}/package.json has a `{hook}` script, which only npm runs, and npm starts nothing here: "
                "move what it does into `build`, `migrate` or the server, and remove it"
            )


def _check_prisma(service: _Service, *, package_read: bool) -> Iterator[str]:
    schema = service.directory / "prisma" / "schema.prisma"
    if not schema.is_file():
        remedy = f"run `npx prisma init --datasource-provider postgresql` in {service.directory}"
        yield f"{BACKEND}/prisma/schema.prisma is missing: {remedy}"
    elif (found := _PROVIDER.search(_text(schema))) and found.group(1) not in {"postgresql", "postgres"}:
        yield (
            f'{BACKEND}/prisma/schema.prisma: the datasource is "{found.group(1)}", and the database is PostgreSQL: '
            'write provider = "postgresql" and make the migrations anew'
        )
    names = _migration_directories(service.directory)
    for path in names:
        if not (path / "migration.sql").is_file():
            yield (
                f"{BACKEND}/prisma/migrations/{path.name}/ has no migration.sql, and Prisma stops there: "
                "restore the file, or remove the directory if that migration was never applied"
            )
    if names and package_read:
        yield from _check_migrate(service)
    if locked := _table_of_tables(service.lock, "packages"):
        yield from check_imports(service.directory, locked)


def _check_migrate(service: _Service) -> Iterator[str]:
    script = service.scripts.get("migrate", "").strip()
    if unsafe := _UNSAFE_MIGRATION.search(script):
        yield (
            f"{BACKEND}/package.json: the `migrate` script runs `prisma {unsafe.group(1)}`, which can throw data away: "
            'write "migrate": "prisma migrate deploy"'
        )
    if (not script or re.search(r"\bprisma\s", script)) and not _keeps_prisma(service):
        what = f'the `migrate` script "{script}" needs' if script else "without a `migrate` script migrations need"
        yield (
            f"{BACKEND}/package.json: {what} the Prisma CLI, which `npm ci --omit=dev` leaves out of the image: "
            f"move `prisma` to dependencies (`npm install --save-prod prisma` in {BACKEND}/), "
            "or add a `migrate` script that runs without it"
        )


def _keeps_prisma(service: _Service) -> bool:
    """Whether `npm ci --omit=dev` installs the Prisma CLI.

    It does for a development dependency too when @prisma/client is an ordinary one, of which the CLI is an optional
    peer: the lock file says `devOptional` then, and `dev` otherwise.
    """
    if locked := _table_of_tables(service.lock, "packages"):
        entry = locked.get("node_modules/prisma")
        return isinstance(entry, dict) and not entry.get("dev")
    ordinary = service.requires("dependencies")
    return "prisma" in ordinary or ("prisma" in service.requires("devDependencies") and "@prisma/client" in ordinary)


def _check_links(service: _Service) -> Iterator[str]:
    for directory, subdirectories, files in os.walk(service.directory):
        subdirectories[:] = sorted(set(subdirectories) - {"node_modules", ".git", "dist"})
        for name in sorted([*subdirectories, *files]):
            path = Path(directory, name)
            if path.is_symlink() and _leaves(service.directory, path):
                yield (
                    f"{service.name}/{path.relative_to(service.directory)} is a symbolic link to {path.readlink()}, "
                    f"outside {service.name}/, which alone goes into the build: replace it by a copy"
                )


def _migration_directories(backend: Path) -> list[Path]:
    directory = backend / "prisma" / "migrations"
    return sorted(path for path in directory.iterdir() if path.is_dir()) if directory.is_dir() else []


def _leaves(directory: Path, path: Path) -> bool:
    return not path.resolve().is_relative_to(directory.resolve())


def _read_json(path: Path) -> tuple[Mapping[str, Any], str]:
    try:
        value = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError) as error:
        return {}, str(error)
    return (value, "") if isinstance(value, dict) else ({}, "it holds no JSON object")


def _text(path: Path) -> str:
    return path.read_text("utf-8", errors="replace")


def _is_table(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(entry, str) for entry in value.values())


def _table(value: Mapping[str, Any], key: str) -> Mapping[str, str]:
    found = value.get(key)
    return found if isinstance(found, dict) and _is_table(found) else {}


def _table_of_tables(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}
