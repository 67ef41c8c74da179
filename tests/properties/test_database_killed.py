"""The database SIGKILLed while it is written to: what it has acknowledged is there afterwards, once.

Everyday: 5 kills; with --full: 20. In turn the engine kills the container and is told to start it again, and the
server's process is killed and the engine starts it by its restart policy. Turned red by: `-c
synchronous_commit=off` in init-db.sh, and by counting a row as acknowledged when it is sent.
"""

import os
import random
import secrets
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import pytest

from tests.properties.database import SOCKET, Database, one_database

WRITERS = 4

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with one_database(tmp_path_factory.mktemp("database")) as made:
        made.make()
        made.start()
        made.ask("CREATE TABLE kept (writer int, number int)")
        yield made


@dataclass
class Writer:
    """One client as the application's user: a row a statement, never the same twice, a new session after a loss."""

    database: Database
    name: int
    acknowledged: set[int] = field(default_factory=set)
    sent: int = 0
    sessions: int = 0

    def write(self, stop: threading.Event) -> None:
        while not stop.is_set():
            with self._session() as session:
                self.sessions += 1
                while not stop.is_set() and self._row(session):
                    pass
            stop.wait(0.05)

    def _row(self, session: "subprocess.Popen[str]") -> bool:
        """Send one row and read what psql prints when the server says that it is committed."""
        assert session.stdin is not None
        assert session.stdout is not None
        self.sent += 1
        try:
            session.stdin.write(f"INSERT INTO kept VALUES ({self.name}, {self.sent});\n")  # noqa: S608 - numbers
            session.stdin.flush()
        except BrokenPipeError:
            return False
        if session.stdout.readline() != "INSERT 0 1\n":
            return False
        self.acknowledged.add(self.sent)
        return True

    @contextmanager
    def _session(self) -> "Iterator[subprocess.Popen[str]]":
        settings = self.database.stack.settings
        psql = ["psql", "-XAtw", "-v", "ON_ERROR_STOP=1", "-h", SOCKET, "-U", settings.postgres_user]
        command = [
            "docker",
            "exec",
            "-i",
            "-u",
            "1001:1001",
            self.database.client.id or "",
            *psql,
            settings.postgres_db,
        ]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True) as session:
            try:
                yield session
            finally:
                with suppress(BrokenPipeError):
                    session.communicate()


@contextmanager
def writing(database: Database) -> Iterator[list[Writer]]:
    """Write from several clients at once for as long as the block runs."""
    stop = threading.Event()
    writers = [Writer(database, name) for name in range(WRITERS)]
    threads = [threading.Thread(target=writer.write, args=(stop,)) for writer in writers]
    for thread in threads:
        thread.start()
    try:
        yield writers
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def acknowledged(writers: list[Writer]) -> int:
    return sum(len(writer.acknowledged) for writer in writers)


def wait_for_rows(writers: list[Writer], number: int) -> None:
    """Wait until so many more rows are acknowledged, by every writer some."""
    before = [len(writer.acknowledged) for writer in writers]
    deadline = time.monotonic() + 60
    while min(len(writer.acknowledged) - had for writer, had in zip(writers, before, strict=True)) < number:
        assert time.monotonic() < deadline, "the writers do not get on"
        time.sleep(0.02)


def kill(database: Database, way: str) -> None:
    """SIGKILL: the container, or its first process, which the engine then starts again by itself."""
    server = database.server
    if way == "container":
        server.kill()
        server.wait()
        server.start()
    else:
        started = server.attrs["State"]["StartedAt"]
        subprocess.run(["kill", "-s", str(int(signal.SIGKILL)), str(server.attrs["State"]["Pid"])], check=True)
        deadline = time.monotonic() + 90
        while database.server.attrs["State"]["StartedAt"] == started:
            assert time.monotonic() < deadline, "its restart policy does not start it again"
            time.sleep(0.1)
    database.wait_ready(database.server)


def test_acknowledged_rows_survive_kills_once(
    database: Database, full: bool, record_property: Callable[[str, object], None]
) -> None:
    number = 20 if full else 5
    seed = int(os.environ.get("SEED") or secrets.randbits(32))
    chance = random.Random(seed)
    assert database.ask("SELECT string_agg(current_setting(s), ',') FROM unnest(ARRAY['fsync', 'full_page_writes',"
                        " 'synchronous_commit']) s") == "on,on,on"  # fmt: skip
    with writing(database) as writers:
        for turn in range(number):
            wait_for_rows(writers, 20)
            time.sleep(chance.uniform(0, 1))
            kill(database, "container" if turn % 2 else "process")
        wait_for_rows(writers, 1)
    rows = Counter(database.ask("SELECT writer, number FROM kept").splitlines())
    wanted = {f"{writer.name}|{number}" for writer in writers for number in writer.acknowledged}
    sessions = sum(writer.sessions for writer in writers)
    print(f"seed {seed}: {number} kills, {len(wanted)} rows acknowledged, {len(rows)} there, {sessions} sessions")
    record_property("acknowledged", len(wanted))
    assert wanted - set(rows) == set(), "acknowledged and lost"
    assert {row for row, times in rows.items() if times > 1} == set()
    assert len(wanted) >= number * WRITERS * 20
    database.server.stop()
    assert "Bad checksums:  0\n" in database.files("pg_checksums --check -D cluster")
    database.start()
