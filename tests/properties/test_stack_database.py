"""The database: the Unix socket is the only way in, and the operating system's user the only key to it."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest
from docker.models.containers import Container
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.properties.conftest import Examples
from tests.properties.stack import Stack, execute

hundred = settings(max_examples=100, deadline=None, database=None, suppress_health_check=list(HealthCheck))

LISTENING = "0A"  # the state's number in /proc/net/tcp


def ask(stack: Stack, kind: str, number: int) -> int:
    """One request that needs the database; the status."""
    path, body = {
        "health": ("/health", None),
        "list": ("/api/activities", None),
        "add": ("/api/activities", json.dumps({"title": f"activity {number}"}).encode()),
        "missing": (f"/api/activities/{2_000_000_000 + number}", None),
    }[kind]
    request = urllib.request.Request(stack.url + path, body, {"content-type": "application/json"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_backend_is_connected_by_the_socket(stack: Stack, examples: Examples) -> None:
    """Whatever is asked, and however much at once: sessions have no client address, and nothing listens on TCP.

    Feature: production-deployment-system, Property 5: Unix socket connectivity

    Turned red by: `-c listen_addresses='*'` in init-db.sh (a listener appears).
    """
    requests = st.lists(st.sampled_from(["health", "list", "add", "missing"]), min_size=1, max_size=8)
    expected = {"health": 200, "list": 200, "add": 201, "missing": 404}

    @hundred
    @given(requests)
    def holds(kinds: list[str]) -> None:
        with ThreadPoolExecutor(max_workers=8) as pool:
            statuses = list(pool.map(lambda pair: ask(stack, pair[1], pair[0]), enumerate(kinds)))
        assert statuses == [expected[kind] for kind in kinds]
        user = stack.settings.postgres_user
        rows = stack.query(
            "SELECT client_addr IS NULL, client_hostname IS NULL, client_port FROM pg_stat_activity "  # noqa: S608
            f"WHERE usename = '{user}'"
        )
        assert rows, "the backend has no session"
        assert set(rows.splitlines()) == {"t|t|-1"}
        _, table = execute(stack.container("database"), ["cat", "/proc/net/tcp", "/proc/net/tcp6"])
        states = [line.split()[3] for line in table.splitlines() if ":" in line and "local" not in line]
        assert LISTENING not in states
        examples()

    holds()
    assert examples.count >= 100


@pytest.fixture(scope="module")
def client(stack: Stack) -> Iterator[Container]:
    """A container that any user may be in: the socket volume, psql, and the database's (empty) network."""
    running = stack.client.containers.run(
        stack.images["database"],
        entrypoint=["sleep", "3600"],
        detach=True,
        init=True,
        labels={"app": stack.app, "service": "client"},
        network_mode=f"container:{stack.container('database').id}",
        volumes={f"{stack.app}_socket": {"bind": "/var/run/postgresql", "mode": "ro"}},
    )
    yield running
    running.remove(force=True)


@pytest.fixture(scope="module")
def roles(stack: Stack) -> Iterator[dict[str, bool]]:
    """The database's roles by name, and whether they may log in: its own two, and others beside them."""
    others = {"nobody": "LOGIN", "daemon": "LOGIN", "root": "LOGIN", "alice": "LOGIN", "bin": "NOLOGIN"}
    for name, login in others.items():
        stack.query(f"CREATE ROLE {name} {login}")
    yield {
        stack.settings.postgres_user: True,
        "postgres": True,
        **{name: login == "LOGIN" for name, login in others.items()},
    }
    for name in others:
        stack.query(f"DROP ROLE {name}")


def connect(client: Container, uid: int, role: str, *, host: str, password: str | None = None) -> tuple[bool, str]:
    """Try to log in as a role from a process with this uid (in the socket's group)."""
    environment = {} if password is None else {"PGPASSWORD": password}
    words = ["psql", "-XAtqw", "-h", host, "-U", role, "-d", "community_tracker", "-c", "SELECT current_user"]
    code, output = execute(client, words, user=f"{uid}:1001", environment=environment)
    return code == 0 and output.strip() == role, output.strip()


def test_names_must_match(stack: Stack, client: Container, roles: dict[str, bool], examples: Examples) -> None:
    """A process gets in as a role if and only if the server's passwd gives its uid that role's name.

    Feature: production-deployment-system, Property 7: Peer authentication mapping

    Turned red by: `peer` → `trust` in pg_hba.conf (others are let in), and by a line `local all nobody reject` before
    it (nobody is refused as nobody).
    """
    _, passwd = execute(stack.container("database"), ["cat", "/etc/passwd"])
    names: dict[int, str] = {}
    for line in passwd.splitlines():
        name, _, uid = line.split(":")[:3]
        names.setdefault(int(uid), name)
    assert names[1001] == stack.settings.postgres_user
    known = st.sampled_from(sorted(names))
    roles_and_none = st.sampled_from([*roles, "nosuchrole"])

    def holds(uid: int, role: str) -> None:
        accepted, text = connect(client, uid, role, host="/var/run/postgresql")
        assert accepted == (names.get(uid) == role and roles.get(role, False)), (uid, role, text)
        examples()

    for number, name in names.items():
        holds(number, name)
    hundred(given(known | st.integers(2000, 60000), roles_and_none)(holds))()
    assert examples.count >= 100


def test_no_password_opens(stack: Stack, client: Container, roles: dict[str, bool], examples: Examples) -> None:
    """A password, the right one too, opens nothing: not the socket for another user, and TCP for nobody.

    Feature: production-deployment-system, Property 8: Password rejection

    Turned red by: a line `local all alice scram-sha-256` before the first of pg_hba.conf (the right password is
    accepted). With scram for everybody the stack does not even come up.
    """
    right = "correct horse battery staple"
    stack.query(f"ALTER ROLE alice PASSWORD '{right}'")
    passwords = st.just(right) | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
    ways = st.sampled_from(["/var/run/postgresql", "127.0.0.1", "::1"])

    def holds(password: str, role: str, host: str) -> None:
        # alice's password is asked of the application's own user, and the application's role is tried from 1002.
        uid = {"alice": 1001, "apiuser": 1002, "postgres": 1001}[role]
        accepted, text = connect(client, uid, role, host=host, password=password)
        assert not accepted, (password, role, host, text)
        expected = "Peer authentication failed" if host.startswith("/") else "Connection refused"
        assert expected in text or "Cannot assign requested address" in text, text
        examples()

    for host in ("/var/run/postgresql", "127.0.0.1", "::1"):
        holds(right, "alice", host)
    hundred(given(passwords, st.sampled_from(["alice", "apiuser", "postgres"]), ways)(holds))()
    assert connect(client, 1001, "apiuser", host="/var/run/postgresql")[0], "peer itself works"
    assert not connect(client, 1001, "apiuser", host="127.0.0.1")[0]
    assert examples.count >= 100


def test_socket_file(stack: Stack, examples: Examples) -> None:
    """However the server was stopped, and with every mode that the setting takes: its socket is there, for the group.

    Feature: production-deployment-system, Property 9: Socket file creation

    Twelve examples are the whole space: four modes (the rule of SOCKET_PERMISSIONS), three ways to have stopped before.
    Turned red by: leaving out `unix_socket_permissions` in init-db.sh (0777), or `g=rwx` → `g=rx` in the Dockerfile.
    Without `unix_socket_group` the stack does not even come up: the backend may not open the socket.
    """
    place = "/var/run/postgresql"
    for stop, mode in product(["kill", "stop", "remove"], ["0770", "0760", "0670", "0660"]):
        database = stack.container("database")
        database.stop() if stop == "stop" else database.kill()
        if stop == "remove":
            database.remove(force=True)
        stack.platform("up", "-d", "database", SOCKET_PERMISSIONS=mode)
        stack.wait_for("database", "ready")
        _, shown = execute(stack.container("database"), ["stat", "-c", "%F %a %g", f"{place}/.s.PGSQL.5432", place])
        assert shown.splitlines() == [f"socket {int(mode)} 1001", "directory 770 1001"], (stop, mode)
        examples()
    stack.platform("up", "-d", "database")
    stack.wait_for("database", "ready")
    assert examples.count == 12
