"""Migrations on a real host: what is pending, one that does not end, one that was cut off.

Turned red by: comparing with the active release's list in make_plan; no `migrate_stop` in migrate_watch; no
`migrate_undo` in undo; no question for what runs in resolve_migration.
"""

import json
import re
import subprocess
import time

import pytest

from tests.checkout import PYTHON_ENVIRONMENT, Checkout
from tests.labhost import LabHost

pytestmark = [pytest.mark.full, pytest.mark.timeout(3600)]

HERE = "/opt/community-tracker"
MIGRATIONS = "examples/community-tracker/backend-api/prisma/migrations"
RUNNING = "select count(*) from pg_stat_activity where query like '%pg_sleep(601)%' and pid <> pg_backend_pid()"


def write(checkout: Checkout, name: str, sql: str) -> None:
    """Add a migration to the application, or change one."""
    directory = checkout.path / MIGRATIONS / name
    directory.mkdir(exist_ok=True)
    (directory / "migration.sql").write_text(sql)


def active(host: LabHost) -> str:
    return host.run(f"sed -n 's/^release=//p' {HERE}/active").strip()


def test_what_is_pending_is_what_the_database_says(deployed: LabHost, checkout: Checkout) -> None:
    """Also where it was migrated by hand, and where it cannot be asked."""
    write(checkout, "20260103000000_note", "alter table activities add column note text;")
    data = json.loads(checkout.fab("plan", "--json").stdout)
    assert (data["migrations"], data["dump"], data["never_ended"]) == (["20260103000000_note"], True, [])
    deployed.psql(
        "insert into _prisma_migrations (id, checksum, finished_at, migration_name, started_at, applied_steps_count) "
        "values ('x', 'x', now(), '20260103000000_note', now(), 1);"
    )
    assert json.loads(checkout.fab("plan", "--json").stdout)["migrations"] == []
    deployed.psql("delete from _prisma_migrations where id = 'x';")
    deployed.psql("alter table _prisma_migrations rename to elsewhere;")
    data = json.loads(checkout.fab("plan", "--json").stdout)
    assert (len(data["migrations"]), data["migrations_unread"]) == (3, "")
    deployed.psql("create table _prisma_migrations (nothing int);")
    said = checkout.fab("plan").stdout
    assert "3 migrations, taken as pending because the database could not be asked (" in said
    deployed.psql("drop table _prisma_migrations; alter table elsewhere rename to _prisma_migrations;")
    done = checkout.fab("deploy")
    assert "1 migration: 20260103000000_note; a dump is made before it" in done.stdout
    assert "migrate: applied: 20260103000000_note" in done.stdout
    assert "already so" in checkout.fab("deploy").stdout


def test_one_that_does_not_end_is_ended_with_its_statement(deployed: LabHost, checkout: Checkout) -> None:
    """The application's own sessions go on; a person says what became of it."""
    old = active(deployed)
    backends = "select string_agg(pid::text, ' ' order by pid) from pg_stat_activity where usename = 'apiuser'"
    before = deployed.psql(backends)
    write(checkout, "20260104000000_slow", "create table half (a int); select pg_sleep(601);")
    done = checkout.fab("deploy", "--set", "MIGRATE_TIMEOUT=8", "--json", check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    failure = json.loads(done.stdout)["failure"]
    assert failure["service"] == "migrate"
    assert "20260104000000_slow did not end within 8 s: it was ended, and its statement" in failure["reason"]
    assert "resolve-migration 20260104000000_slow --rolled-back" in failure["next"]
    assert deployed.psql(RUNNING).strip() == "0"
    assert set(before.split()) <= set(deployed.psql(backends).split()), "the application's sessions were ended"
    assert active(deployed) == old
    assert deployed.psql("select to_regclass('half')").strip() == ""
    assert "deploy will refuse: the migration 20260104000000_slow" in checkout.fab("plan").stderr
    done = checkout.fab("deploy", check=False)
    assert f"keeps {deployed.name} from being deployed to" in done.stderr
    assert "built" not in done.stdout + done.stderr


def test_resolve_migration_waits_for_the_statement(deployed: LabHost, checkout: Checkout) -> None:
    """And the next deployment runs it again."""
    container = deployed.service("database")
    url = "dbname=community_tracker user=postgres application_name=migrate"
    deployed.run(f"docker exec -d {container} psql -X -d '{url}' -c 'select pg_sleep(601)'")
    while deployed.psql(RUNNING).strip() == "0":
        time.sleep(0.2)
    words = ("resolve-migration", "20260104000000_slow", "--rolled-back")
    done = checkout.fab(*words, check=False)
    assert done.returncode == 1
    found = re.search(r"still runs in the database \((\d+), for \d+ s: select pg_sleep\(601\)\)", done.stderr)
    assert found, done.stderr
    ended = checkout.fab("exec", "database", "--", "psql", "-U", "postgres", "-d", "community_tracker", "-c",
                         f"select pg_terminate_backend({found[1]})")  # fmt: skip
    assert ended.returncode == 0
    checkout.fab(*words)
    write(checkout, "20260104000000_slow", "create table half (a int);")
    done = checkout.fab("deploy")
    assert "1 migration: 20260104000000_slow; a dump is made before it" in done.stdout
    assert deployed.psql("select to_regclass('half')").strip() == "half"


def test_killed_inside_a_migration(deployed: LabHost, checkout: Checkout) -> None:
    """The activation's unit is killed: the next task ends the statement that goes on without it."""
    old = active(deployed)
    write(checkout, "20260105000000_cut", "select pg_sleep(601);")
    command = [str(PYTHON_ENVIRONMENT / "bin" / "fab"), "-H", deployed.name, "deploy"]
    with subprocess.Popen(command, cwd=checkout.path, env=checkout.environment(), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as started:  # fmt: skip
        while deployed.psql(RUNNING).strip() == "0":
            assert started.poll() is None, started.communicate()[0]
            time.sleep(0.5)
        deployed.run("systemctl kill -s KILL 'community-tracker-activation-*'")
        said = started.communicate(timeout=120)[0]
        assert started.returncode == 1, said
    assert deployed.psql(RUNNING).strip() == "1", "the server goes on with the statement of a client that is gone"
    done = checkout.fab("prune")
    assert f"undone: release {old} serves" in done.stdout + done.stderr
    assert deployed.psql(RUNNING).strip() == "0"
    assert active(deployed) == old
    done = checkout.fab("resolve-migration", "20260105000000_cut", "--rolled-back")
    write(checkout, "20260105000000_cut", "select 1;")
    checkout.fab("deploy")
    assert "already so" in checkout.fab("deploy").stdout
