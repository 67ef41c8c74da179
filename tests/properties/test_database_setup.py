"""The database's first set-up: whenever it is killed, the next one completes it, as if nothing had been.

Everyday: 4 moments; with --full: 20. They are spread over the whole set-up, whose length is measured first; SEED in
the environment, or a new one each time (printed), places them. Turned red by: `new=$PGDATA` in init-db.sh, which
makes the cluster in its place, and by not removing an older .new-*.
"""

import os
import random
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from docker.errors import APIError

from tests.properties.database import Database, one_database

RULES = ["local all all  peer", "host all all 0.0.0.0 reject", "host all all :: reject"]

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with one_database(tmp_path_factory.mktemp("database")) as made:
        yield made


def stage(database: Database) -> str:
    """Say how far a killed set-up had come, by what it left in the volume."""
    there = database.files("ls -A").split()
    if "cluster" in there:
        return "cluster in place"
    new = [name for name in there if name.startswith(".new-")]
    if not new:
        return "nothing yet"
    inside = database.files(f"ls -A {new[0]}").split()
    return "seeing to the role" if "deployment.identity" in inside else "initdb"


def assert_complete(database: Database) -> None:
    """Everything is there once: nothing half, nothing twice, and the application gets in and may work."""
    settings = database.stack.settings
    assert sorted(database.files("ls -A").split()) == [".lock", "cluster"]
    roles = database.ask_as_server("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1").split()
    assert roles == [settings.postgres_user, "postgres"]
    owners = database.ask_as_server(
        "SELECT datname || ' ' || pg_get_userbyid(datdba) FROM pg_database WHERE NOT datistemplate ORDER BY 1"
    )
    assert owners.splitlines() == [f"{settings.postgres_db} {settings.postgres_user}", "postgres postgres"]
    rules = database.ask_as_server(
        "SELECT concat_ws(' ', type, array_to_string(database, ','), array_to_string(user_name, ','),"
        " coalesce(address, ''), auth_method) FROM pg_hba_file_rules ORDER BY line_number"
    )
    assert rules.splitlines() == RULES
    assert database.ask("CREATE TABLE kept (n int); INSERT INTO kept VALUES (1) RETURNING n; DROP TABLE kept") == "1"


def moments(seed: int, number: int, length: float) -> list[float]:
    """One random moment in each of `number` equal parts of the set-up."""
    chance = random.Random(seed)
    return [(part + chance.random()) / number * length for part in range(number)]


def test_a_killed_set_up_is_completed_by_the_next(
    database: Database, full: bool, record_property: Callable[[str, object], None]
) -> None:
    number = 20 if full else 4
    seed = int(os.environ.get("SEED") or secrets.randbits(32))
    length = database.make()
    database.start()
    assert_complete(database)
    database.server.kill()
    database.empty()
    length = min(length, database.make())  # the shorter: on a busy machine the rest of the other is waiting
    stages = Counter[str]()
    for moment in moments(seed, number, length):
        database.empty()
        maker = database.maker
        maker.start()
        time.sleep(moment)
        with suppress(APIError):  # it has just ended
            maker.kill()
        maker.wait(timeout=60)
        stages[stage(database)] += 1
        database.make()
        database.start()
        assert_complete(database)
        database.server.kill()
    print(f"seed {seed}: set-up takes {length:.2f} s; killed {number} times: {dict(stages)}")
    record_property("stages", dict(stages))
    assert number - stages["cluster in place"] >= number // 2, "too few kills were within the set-up"


def test_a_start_or_a_set_up_on_what_is_there_changes_nothing(database: Database) -> None:
    database.start()
    database.ask("CREATE TABLE stays (n int); INSERT INTO stays VALUES (7)")
    system = "SELECT system_identifier FROM pg_control_system()"
    before = database.ask_as_server(system)
    for _ in range(3):
        database.server.stop()
        database.make()
        database.start()
        database.make()
        assert_complete(database)
    assert database.ask_as_server(system) == before
    assert database.ask("SELECT n FROM stays") == "7"
