"""Each way to break the application's side of the contract, and the message that names it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.core.application import check_application, migrations
from tasks.core.start_script import start_fault

ROOT = Path(__file__).parents[2]
MIGRATION = "backend-api/prisma/migrations/20260101000000_init"
SCHEMA = 'generator client {\n  provider = "prisma-client-js"\n}\n\ndatasource db {\n  provider = "postgresql"\n}\n'


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value))


def change(path: Path, **entries: Any) -> None:
    """Set entries of a JSON file; None removes one."""
    value = json.loads(path.read_text()) | entries
    write_json(path, {key: entry for key, entry in value.items() if entry is not None})


def scripts(path: Path, **entries: str | None) -> None:
    now = json.loads(path.read_text())["scripts"] | entries
    change(path, scripts={key: entry for key, entry in now.items() if entry is not None})


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return make_application(tmp_path / "app")


def make_application(source: Path) -> Path:
    """Make an application that keeps the contract."""
    (source / "web-frontend").mkdir(parents=True)
    (source / MIGRATION).mkdir(parents=True)
    (source / MIGRATION / "migration.sql").write_text("SELECT 1;")
    (source / "backend-api/prisma/schema.prisma").write_text(SCHEMA)
    write_json(source / "web-frontend/package.json", {"scripts": {"build": "vite build"}})
    write_json(source / "web-frontend/package-lock.json", {"lockfileVersion": 3, "packages": {"": {}}})
    write_json(
        source / "backend-api/package.json",
        {"scripts": {"start": "node server.js"}, "dependencies": {"prisma": "7.10.0"}},
    )
    write_json(
        source / "backend-api/package-lock.json",
        {"lockfileVersion": 3, "packages": {"": {}, "node_modules/prisma": {"version": "7.10.0"}}},
    )
    return source


def remove(name: str) -> Callable[[Path], object]:
    return lambda app: (app / name).unlink()


def write(name: str, text: str) -> Callable[[Path], object]:
    return lambda app: (app / name).write_text(text)


def backend(**entries: Any) -> Callable[[Path], object]:
    return lambda app: change(app / "backend-api/package.json", **entries)


def backend_scripts(**entries: str | None) -> Callable[[Path], object]:
    return lambda app: scripts(app / "backend-api/package.json", **entries)


def rename(old: str, new: str) -> Callable[[Path], object]:
    return lambda app: (app / old).rename(app / new)


def link(name: str, target: str) -> Callable[[Path], object]:
    return lambda app: (app / name).symlink_to(target)


def prisma_for_development_only(app: Path) -> None:
    change(app / "backend-api/package.json", dependencies=None, devDependencies={"prisma": "7.10.0"})
    change(app / "backend-api/package-lock.json", packages={"": {}, "node_modules/prisma": {"dev": True}})


BROKEN: dict[str, tuple[Callable[[Path], object], str, str]] = {
    # name: (how it is broken, what the message says, what it tells to do)
    "no frontend": (rename("web-frontend", "web"), "web-frontend/ is missing in", "must hold web-frontend/ and"),
    "no backend": (rename("backend-api", "api"), "backend-api/ is missing in", "must hold web-frontend/ and"),
    "no package.json": (remove("web-frontend/package.json"), "web-frontend/package.json is missing", "`npm init`"),
    "package.json is no JSON": (write("backend-api/package.json", "{,}"), "cannot be read: Expecting", "npm pkg get"),
    "package.json is no UTF-8": (
        lambda app: (app / "web-frontend/package.json").write_bytes(b'{"name": "\xff"}'),
        "web-frontend/package.json cannot be read: 'utf-8'",
        "npm pkg get",
    ),
    "package.json is a list": (write("backend-api/package.json", "[]"), "it holds no JSON object", "npm pkg get"),
    "scripts are no table": (backend(scripts={"start": 1}), "scripts must be an object of strings", "correct it"),
    "no lock file": (
        remove("backend-api/package-lock.json"),
        "backend-api/ has no package-lock.json or npm-shrinkwrap.json",
        "npm install --package-lock-only",
    ),
    "yarn's lock file": (
        rename("web-frontend/package-lock.json", "web-frontend/yarn.lock"),
        "web-frontend/ has yarn.lock but no npm lock file",
        "commit package-lock.json beside it",
    ),
    "pnpm's lock file": (
        rename("web-frontend/package-lock.json", "web-frontend/pnpm-lock.yaml"),
        "has pnpm-lock.yaml but no npm lock file",
        "npm install --package-lock-only",
    ),
    "lock file is no JSON": (
        write("backend-api/package-lock.json", "<<<<<<< HEAD"),
        "backend-api/package-lock.json cannot be read",
        "npm install --package-lock-only",
    ),
    "lock file is behind": (
        backend(dependencies={"prisma": "7.10.0", "express": "5"}),
        "the lock file lacks express of package.json",
        "npm install --package-lock-only",
    ),
    "dependency outside": (
        backend(devDependencies={"prisma": "file:../shared"}, dependencies={}),
        "prisma is `file:../shared`, outside backend-api/",
        "copy it into backend-api/",
    ),
    "workspace dependency": (
        backend(dependencies={"prisma": "workspace:*"}),
        "prisma is `workspace:*`, outside backend-api/",
        "publish it, or copy it",
    ),
    "no build script": (
        lambda app: scripts(app / "web-frontend/package.json", build=None),
        "web-frontend/package.json has no `build` script",
        '"build": "vite build"',
    ),
    "no start script": (backend_scripts(start=None), "has no `start` script", '"start": "node server.js"'),
    "compound start": (
        backend_scripts(start="prisma migrate deploy && node server.js"),
        "is a compound command (`&&`)",
        "move the rest into `build` or `migrate`",
    ),
    "start through npm": (backend_scripts(start="npm run serve"), "goes through npm", "the server's own command"),
    "prisma's configuration imports what is not locked": (
        write("backend-api/prisma.config.ts", "import 'dotenv/config'\nimport { defineConfig } from 'prisma/config'\n"),
        "backend-api/prisma.config.ts imports dotenv, which the lock file does not have",
        "`npm install dotenv`",
    ),
    "prestart": (backend_scripts(prestart="true"), "has a `prestart` script", "move what it does into"),
    "postmigrate": (backend_scripts(postmigrate="true"), "has a `postmigrate` script", "move what it does into"),
    "no schema": (remove("backend-api/prisma/schema.prisma"), "prisma/schema.prisma is missing", "npx prisma init"),
    "another database": (
        write("backend-api/prisma/schema.prisma", SCHEMA.replace("postgresql", "mysql")),
        'the datasource is "mysql"',
        'provider = "postgresql"',
    ),
    "migration without SQL": (
        remove(f"{MIGRATION}/migration.sql"),
        "20260101000000_init/ has no migration.sql",
        "restore the file",
    ),
    "migrations without Prisma's CLI": (
        prisma_for_development_only,
        "without a `migrate` script migrations need the Prisma CLI",
        "npm install --save-prod prisma",
    ),
    "unsafe migrate": (
        backend_scripts(migrate="prisma migrate dev"),
        "the `migrate` script runs `prisma migrate dev`",
        '"migrate": "prisma migrate deploy"',
    ),
    "a link out of the service": (
        link("web-frontend/shared", "../backend-api"),
        "web-frontend/shared is a symbolic link to ../backend-api",
        "replace it by a copy",
    ),
}

START_FAULTS = [
    ("node migrate.js && node server.js", "compound command (`&&`)"),
    ("node a.js || node b.js", "compound command (`||`)"),
    ("node a.js; node b.js", "compound command (`;`)"),
    ("node a.js | pino-pretty", "compound command (`|`)"),
    ("node a.js & node b.js", "compound command (`&`)"),
    ("node a.js > server.log", "compound command (`>`)"),
    ("node $(cat main)", "compound command (`$(`)"),
    ("node `cat main`", "compound command (```)"),
    ("node a.js\nnode b.js", "compound command (`line break`)"),
    ("npm run serve", "goes through npm"),
    ("npx tsx server.ts", "goes through npx"),
    ("PORT=1 yarn serve", "goes through yarn"),
    ("./node_modules/.bin/nodemon server.js", "under a supervisor (`nodemon server.js`)"),
    ("pm2-runtime server.js", "under a supervisor"),
    ("node --watch server.js", "under a supervisor (`node --watch`)"),
    ("tsx watch server.ts", "under a supervisor (`tsx watch`)"),
    ("concurrently 'node a.js' 'node b.js'", "several processes (concurrently)"),
    ("sh -c 'node server.js'", "behind a shell (`sh -c`)"),
    ("NODE_ENV=production", "names no command"),
]


def test_an_application_that_keeps_the_contract(app: Path) -> None:
    assert check_application(app) == []


@pytest.mark.parametrize("name", BROKEN)
def test_one_message_for_each_way_to_break_it(app: Path, name: str) -> None:
    breaks, says, remedy = BROKEN[name]
    breaks(app)
    assert len(messages := check_application(app)) == 1, messages
    assert says in messages[0]
    assert remedy in messages[0]
    assert "\n" not in messages[0]


def test_a_missing_source(tmp_path: Path) -> None:
    (message,) = check_application(tmp_path / "nowhere")
    assert message.startswith(f"APP_SOURCE {tmp_path}/nowhere does not exist: set it to")


def test_a_source_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (message,) = check_application(tmp_path / "file")
    assert "is not a directory" in message


def test_all_faults_at_once(app: Path) -> None:
    for name in ("no build script", "no lock file", "prestart", "a link out of the service"):
        BROKEN[name][0](app)
    assert len(check_application(app)) == 4


def test_a_migrate_script_that_calls_prisma_needs_it_too(app: Path) -> None:
    prisma_for_development_only(app)
    scripts(app / "backend-api/package.json", migrate="prisma migrate deploy")
    (message,) = check_application(app)
    assert 'the `migrate` script "prisma migrate deploy" needs the Prisma CLI' in message


@pytest.mark.parametrize("lock", [{"prisma": {"devOptional": True}}, {"prisma": {}}])
def test_prisma_is_kept_where_the_lock_file_says_so(app: Path, lock: dict[str, Any]) -> None:
    """A development dependency that is @prisma/client's optional peer stays: npm marks it devOptional."""
    prisma_for_development_only(app)
    packages = {f"node_modules/{name}": entry for name, entry in lock.items()}
    change(app / "backend-api/package-lock.json", packages={"": {}, **packages})
    assert check_application(app) == []


@pytest.mark.parametrize(
    ("sections", "kept"),
    [
        ({"dependencies": {"prisma": "5"}}, True),
        ({"devDependencies": {"prisma": "5"}, "dependencies": {"@prisma/client": "5"}}, True),
        ({"devDependencies": {"prisma": "5", "@prisma/client": "5"}, "dependencies": {}}, False),
    ],
)
def test_a_lock_file_of_version_one_has_no_packages(app: Path, sections: dict[str, Any], kept: bool) -> None:
    change(app / "backend-api/package.json", **sections)
    write_json(app / "backend-api/package-lock.json", {"lockfileVersion": 1, "dependencies": {}})
    assert (check_application(app) == []) is kept


def test_what_may_differ(app: Path) -> None:
    """npm-shrinkwrap.json, links inside, a byte order mark, no migrations, a `migrate` script of its own."""
    prisma_for_development_only(app)
    (app / "web-frontend/package-lock.json").rename(app / "web-frontend/npm-shrinkwrap.json")
    (app / "web-frontend/src").mkdir()
    (app / "web-frontend/link").symlink_to("src")
    (app / "backend-api/node_modules").symlink_to("/tmp")
    text = (app / "backend-api/package.json").read_text()
    (app / "backend-api/package.json").write_text("\ufeff" + text, "utf-8")
    (app / MIGRATION / "migration.sql").unlink()
    (app / MIGRATION).rmdir()
    assert check_application(app) == []
    (app / "backend-api/package.json").write_text(text)
    scripts(app / "backend-api/package.json", migrate="node migrate.js && node seed.js")
    (app / MIGRATION).mkdir()
    (app / MIGRATION / "migration.sql").touch()
    assert check_application(app) == []


@pytest.mark.parametrize(
    "command",
    [
        "node server.js",
        "node --enable-source-maps dist/server.mjs --name 'a && b'",
        "NODE_OPTIONS=--max-old-space-size=200 node .",
        "cross-env NODE_ENV=production node .",
        "exec node server.js",
        "tsx src/server.ts",
        "fastify start -p $PORT app.js",
        "sh start.sh",
        "next start",
    ],
)
def test_a_start_script_that_can_be_the_one_process(command: str) -> None:
    assert start_fault(command) is None


@pytest.mark.parametrize(("command", "says"), START_FAULTS)
def test_a_start_script_that_cannot(command: str, says: str) -> None:
    assert says in (start_fault(command) or "")


def test_migrations_are_sorted_directories_with_sql(app: Path) -> None:
    directory = app / "backend-api/prisma/migrations"
    for name in ("20260301000000_c", "20260201000000_b"):
        (directory / name).mkdir()
        (directory / name / "migration.sql").touch()
    (directory / "20260401000000_empty").mkdir()
    (directory / "migration_lock.toml").touch()
    assert migrations(app) == ("20260101000000_init", "20260201000000_b", "20260301000000_c")


def test_no_migrations(tmp_path: Path) -> None:
    assert migrations(tmp_path) == ()


@pytest.mark.parametrize("name", ["examples/community-tracker", "tests/apps/guestbook"])
def test_our_own_applications_keep_it(name: str) -> None:
    assert check_application(ROOT / name) == []
    assert len(migrations(ROOT / name)) == 2
    locks = [*(ROOT / name).glob("*/package-lock.json"), *(ROOT / name).glob("*/npm-shrinkwrap.json")]
    assert len(locks) == 2
    assert not any('"resolved"' in path.read_text() for path in locks)


def test_both_applications_carry_the_same_schema_engine() -> None:
    for name in ("cli.mjs", "engine.mjs"):
        copies = [
            ROOT / app / "backend-api/schema-engine" / name
            for app in ("examples/community-tracker", "tests/apps/guestbook")
        ]
        assert len({path.read_text() for path in copies}) == 1


def test_the_documentation_quotes_every_message(tmp_path: Path) -> None:
    """What docs/application.md quotes is part of a message, and each message is quoted there."""
    page = (ROOT / "docs/application.md").read_text()
    table = page.partition("## The rules that files can show")[2].partition("\n## ")[0]
    quoted = re.findall("“(.+?)”", table)
    (tmp_path / "file").touch()
    messages = [*check_application(tmp_path / "nowhere"), *check_application(tmp_path / "file")]
    for number, (breaks, _, _) in enumerate(BROKEN.values()):
        breaks(source := make_application(tmp_path / str(number)))
        messages += check_application(source)
    for number, (command, _) in enumerate(START_FAULTS):
        source = make_application(tmp_path / f"start{number}")
        scripts(source / "backend-api/package.json", start=command)
        messages += check_application(source)
    assert [text for text in quoted if not any(text in message for message in messages)] == []
    assert [message for message in messages if not any(text in message for text in quoted)] == []


@pytest.mark.parametrize(
    "line",
    [
        "import path from 'node:path'", "import path from 'path'", "import x from './x.js'", "import x from '../x'",
        "import type { Config } from 'left-out'", "// import x from 'left-out'", "import x from '#alias'",
        "import x from '@/alias'", "import x from '~/alias'", "import x from 'prisma/deep/path.js'",
        "import {\n  defineConfig,\n} from 'prisma/config'", "const { defineConfig } = require('prisma/config')",
        "  const x = require('optional')", "export default { text: `import x from 'left-out'` }",
        "import x from 'Not A Package'", "import x from 'https://example.org/x.js'",
    ],
)  # fmt: skip
def test_an_import_that_raises_no_alarm(app: Path, line: str) -> None:
    (app / "backend-api/prisma.config.ts").write_text(line + "\n")
    assert check_application(app) == []


@pytest.mark.parametrize(
    "line",
    [
        "import x from '@scope/absent'", "import '@scope/absent/register'",
        "import {\n  a,\n  b as c\n} from '@scope/absent'",
        "import * as x from '@scope/absent'", "const { x } = require('@scope/absent')", 'import x from "@scope/absent"',
    ],
)  # fmt: skip
def test_an_import_that_is_not_locked(app: Path, line: str) -> None:
    (app / "backend-api/schema-engine").mkdir()
    (app / "backend-api/schema-engine/engine.mjs").write_text(line + "\n")
    (message,) = check_application(app)
    assert "backend-api/schema-engine/engine.mjs imports @scope/absent, which" in message
