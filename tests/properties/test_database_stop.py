"""Stopping the database while it is used: it has the time to end cleanly, and the next start recovers nothing.

Turned red by: taking stop_grace_period, stop_signal (with the image's STOPSIGNAL), or shm_size out of platform.yml.
"""

import re
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest
from docker.models.containers import Container

from tests.properties.database import Database, one_database
from tests.properties.stack import execute
from tests.properties.test_database_killed import wait_for_rows, writing

ENGINE_S_OWN_PATIENCE = 10.0  # seconds, then SIGKILL, where a container says nothing

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with one_database(tmp_path_factory.mktemp("database")) as made:
        made.make()
        made.start()
        made.ask("CREATE TABLE kept (writer int, number int)")
        yield made


def process_of(server: Container, title: str) -> str:
    """Give the number, on this machine, of one of the server's processes."""
    top = server.top(ps_args="-eo pid,args")
    [found] = [pid for pid, arguments in top["Processes"] if arguments.startswith(f"postgres: {title}")]
    return str(found)


def assert_clean_stop(database: Database, server: Container) -> None:
    server.reload()
    assert server.attrs["State"]["Status"] == "exited"
    assert server.attrs["State"]["ExitCode"] == 0
    assert database.log(server).splitlines()[-1].endswith("database system is shut down")
    state = database.files("pg_controldata -D cluster | sed -n 's/^Database cluster state: *//p'")
    assert state.strip() == "shut down"


def test_a_stop_under_load_is_clean_and_the_next_start_recovers_nothing(database: Database) -> None:
    server = database.server
    with writing(database) as writers:
        wait_for_rows(writers, 20)
        database.stack.platform("stop", "database")
        assert_clean_stop(database, server)
        before = len(database.log(server))
        database.start()
        wait_for_rows(writers, 5)
    log = database.log(server)[before:]
    assert "database system was shut down at" in log
    assert "recovery" not in log
    rows = int(database.ask("SELECT count(*) FROM kept"))
    assert rows >= sum(len(writer.acknowledged) for writer in writers)


def test_a_stop_that_takes_long_is_waited_for(database: Database) -> None:
    """A large checkpoint on a slow disk, played by a checkpointer that stands still over the engine's usual 10 s."""
    server = database.server
    server.reload()
    assert server.attrs["Config"]["StopTimeout"] == 90
    checkpointer = process_of(server, "checkpointer")
    stopping = threading.Thread(target=database.stack.platform, args=("stop", "database"))
    subprocess.run(["kill", "-STOP", checkpointer], check=True)
    began = time.monotonic()
    stopping.start()
    time.sleep(ENGINE_S_OWN_PATIENCE + 3)
    server.reload()
    still_running = server.attrs["State"]["Running"]
    subprocess.run(["kill", "-CONT", checkpointer], check=False)
    stopping.join()
    assert still_running, "it was killed before its time"
    print(f"the stop took {time.monotonic() - began:.1f} s")
    assert_clean_stop(database, server)
    database.start()


def test_shared_memory_is_what_the_file_says(database: Database) -> None:
    """128 MB, and PostgreSQL uses it: a parallel hash join whose table needs more than the engine's usual 64 MB."""
    code, blocks = execute(database.server, ["sh", "-c", "df -Pk /dev/shm | sed -n '2s/^[^ ]* *\\([0-9]*\\).*/\\1/p'"])
    assert (code, blocks.strip()) == (0, str(128 * 1024))
    database.ask(
        "CREATE TABLE wide AS SELECT n, repeat('x', 60) AS text FROM generate_series(1, 700000) n; ANALYZE wide"
    )
    forced = (
        "SET work_mem = '100MB'; SET hash_mem_multiplier = 1; SET min_parallel_table_scan_size = 0;"
        " SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET enable_mergejoin = off;"
        " SET enable_nestloop = off; "
    )
    join = "FROM wide a JOIN wide b USING (n) WHERE a.text || b.text <> ''"
    plan = database.ask(forced + f"EXPLAIN (ANALYZE, COSTS OFF) SELECT count(*) {join}")
    print(plan)
    assert "Parallel Hash" in plan
    [used] = re.findall(r"Memory Usage: (\d+)kB", plan)
    assert int(used) > 64 * 1024
