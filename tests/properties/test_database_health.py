"""The database is healthy only while the application's role can get in and work.

Docker's own health check runs here each second instead of every ten, so that a test sees it change its mind. Turned
red by: `pg_isready` as the check (all but the recovering one), and by leaving one condition out of ready.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from docker.errors import APIError
from docker.models.containers import Container

from tests.properties.database import DATA, Database, one_database
from tests.properties.stack import execute

OFTEN = """services:
  database:
    healthcheck: {interval: 1s, retries: 2}
"""

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def often(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("health") / "often.yml"
    file.write_text(OFTEN)
    return file


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory, often: Path) -> Iterator[Database]:
    with one_database(tmp_path_factory.mktemp("database"), files=("platform.yml", str(often))) as made:
        made.make()
        made.start()
        yield made


def health(server: Container) -> str:
    server.reload()
    return str(server.attrs["State"]["Health"]["Status"])


def wait_for_health(server: Container, wanted: str, *, seconds: float = 60) -> set[str]:
    """Wait for Docker's verdict; what it was on the way there."""
    seen = set()
    deadline = time.monotonic() + seconds
    while (now := health(server)) != wanted:
        seen.add(now)
        assert time.monotonic() < deadline, f"{now}, not {wanted}: {server.attrs['State']['Health']['Log'][-1:]}"
        time.sleep(0.1)
    return seen


def is_ready(server: Container) -> bool:
    return execute(server, ["ready"])[0] == 0


BROKEN = {
    "may not log in": ("ALTER ROLE apiuser NOLOGIN", "ALTER ROLE apiuser LOGIN"),
    "may have no connection": ("ALTER ROLE apiuser CONNECTION LIMIT 0", "ALTER ROLE apiuser CONNECTION LIMIT -1"),
    "gone": ("ALTER ROLE apiuser RENAME TO somebody", "ALTER ROLE somebody RENAME TO apiuser"),
    "superuser": ("ALTER ROLE apiuser SUPERUSER", "ALTER ROLE apiuser NOSUPERUSER"),
    "may not connect": (
        "REVOKE CONNECT ON DATABASE community_tracker FROM public, apiuser",
        "GRANT CONNECT ON DATABASE community_tracker TO public, apiuser",
    ),
}


@pytest.mark.parametrize("trouble", BROKEN)
def test_without_its_role_it_is_unhealthy_until_it_is_mended(database: Database, trouble: str) -> None:
    broken, mended = BROKEN[trouble]
    wait_for_health(database.server, "healthy")
    database.ask_as_server(broken)
    assert not is_ready(database.server)
    wait_for_health(database.server, "unhealthy")
    database.ask_as_server(mended)
    wait_for_health(database.server, "healthy")
    assert database.ask("SELECT 1") == "1"


def test_without_its_database_it_is_unhealthy(database: Database) -> None:
    wait_for_health(database.server, "healthy")
    rename = "ALTER DATABASE {} RENAME TO {}"
    database.ask(rename.format("community_tracker", "away"), user="999:999", role="postgres", database="postgres")
    wait_for_health(database.server, "unhealthy")
    database.ask(rename.format("away", "community_tracker"), user="999:999", role="postgres", database="postgres")
    wait_for_health(database.server, "healthy")


@pytest.mark.parametrize("mode", ["0750 1001", "0770 999"])
def test_a_socket_that_the_group_may_not_use_is_not_ready(database: Database, mode: str) -> None:
    permissions, group = mode.split()
    socket = "/var/run/postgresql/.s.PGSQL.5432"
    change = f"chgrp {group} {socket} && chmod {permissions} {socket}"
    assert execute(database.server, ["sh", "-c", change])[0] == 0
    assert not is_ready(database.server)
    assert execute(database.server, ["sh", "-c", f"chgrp 1001 {socket} && chmod 0770 {socket}"])[0] == 0
    assert is_ready(database.server)


def test_a_socket_that_cannot_be_reached_is_not_ready(database: Database) -> None:
    """Turned red by: ready without is_reachable."""
    place = "/var/run/postgresql"
    mode = execute(database.server, ["stat", "-c", "%a", place])[1].strip()
    assert execute(database.server, ["chmod", "0700", place])[0] == 0
    assert not is_ready(database.server)
    assert execute(database.server, ["chmod", mode, place])[0] == 0
    assert is_ready(database.server)


RULES = {
    "refuses the role": "local all apiuser reject\nlocal all all peer\n",
    "wants a password": "local all postgres peer\nlocal all all scram-sha-256\n",
    "lets everybody in": "local all postgres peer\nlocal all all trust\n",
    "has no rule for it": "local all postgres peer\n",
}


@contextmanager
def with_rules(database: Database, often: Path, rules: str) -> Iterator[Container]:
    """The server with another pg_hba.conf, started anew."""
    hba = database.stack.directory / "pg_hba.conf"
    hba.write_text(rules)
    hba.chmod(0o644)
    for folder in (hba.parent, *hba.parent.parents[:2]):
        folder.chmod(folder.stat().st_mode | 0o011)
    override = database.stack.directory / "rules.yml"
    override.write_text(f"services:\n  database:\n    volumes: ['{hba}:/etc/postgresql/pg_hba.conf:ro']\n")
    files = ("platform.yml", str(often))
    done = database.stack.compose(database.stack.app, "up", "-d", "database", files=(*files, str(override)))
    assert done.returncode == 0, done.stderr
    try:
        yield database.server
    finally:
        database.stack.compose(database.stack.app, "up", "-d", "database", files=files)
        database.wait_ready(database.server)


@pytest.mark.parametrize("trouble", RULES)
def test_with_broken_rules_it_is_never_healthy(database: Database, often: Path, trouble: str) -> None:
    with with_rules(database, often, RULES[trouble]) as server:
        assert wait_for_health(server, "unhealthy") <= {"starting"}
        assert not is_ready(server)
        assert database.ask_as_server("SELECT 1") == "1", "the server itself answers"
    wait_for_health(database.server, "healthy")


def test_while_it_recovers_it_is_not_healthy(database: Database) -> None:
    """Killed after writing, and its recovery held: by a restore_command that does not come back."""
    server = database.server
    wait_for_health(server, "healthy")
    database.ask("CREATE TABLE IF NOT EXISTS kept (n int); INSERT INTO kept VALUES (7)")
    server.kill()
    hold = "touch cluster/recovery.signal && echo \"restore_command = 'sleep 600'\" >>cluster/postgresql.auto.conf"
    database.files(hold)
    server.start()
    assert wait_for_health(server, "unhealthy") <= {"starting"}
    server.kill()
    database.files("rm cluster/recovery.signal && sed -i /^restore_command/d cluster/postgresql.auto.conf")
    server.start()
    wait_for_health(server, "healthy")
    assert database.ask("SELECT n FROM kept") == "7"


def test_a_server_that_takes_no_writes_is_not_ready(database: Database) -> None:
    """A standby answers queries: it must not pass for the application's database."""
    server = database.server
    server.stop()
    database.files("touch cluster/standby.signal")
    stack = database.stack
    standby = stack.client.containers.run(
        stack.images["database"],
        entrypoint=["postgres", "-c", "listen_addresses=", "-c", "hba_file=/etc/postgresql/pg_hba.conf",
                    "-c", "unix_socket_directories=/var/run/postgresql", "-c", "unix_socket_group=1001",
                    "-c", "unix_socket_permissions=0770"],
        detach=True, network_mode="none", group_add=["1001"], labels={"app": stack.app, "service": "standby"},
        environment=dict(entry.split("=", 1) for entry in server.attrs["Config"]["Env"]),
        volumes={f"{stack.app}_data": {"bind": DATA, "mode": "rw"},
                 f"{stack.app}_socket": {"bind": "/var/run/postgresql", "mode": "rw"}},
    )  # fmt: skip
    deadline = time.monotonic() + 60
    answer = ""
    while answer != "t":
        assert time.monotonic() < deadline, standby.logs().decode()
        with suppress(AssertionError, APIError):
            answer = database.ask_as_server("SELECT pg_is_in_recovery()")
        time.sleep(0.1)
    assert not is_ready(standby)
    standby.remove(force=True)
    database.files("rm -f cluster/standby.signal")
    database.start()
    wait_for_health(server, "healthy")
