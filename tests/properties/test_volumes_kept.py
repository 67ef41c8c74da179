"""The data volume outlives every container: rows and files, byte for byte."""

import hashlib
import io
import random
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.properties.conftest import Examples, free_port
from tests.properties.release import seeded
from tests.properties.stack import Stack, build_images, lab_settings

TABLES, FILES = 80, 80
DATA = "/var/lib/postgresql/data"
LETTERS = "abc äß€🙂\n\t\\\"$%{};'"
TYPES: dict[str, Callable[[random.Random], str]] = {
    "bytea": lambda chance: f"'\\x{chance.randbytes(chance.randint(0, 400)).hex()}'",
    "text": lambda chance: "'" + "".join(chance.choices(LETTERS, k=chance.randint(0, 200))).replace("'", "''") + "'",
    "bigint": lambda chance: str(chance.randint(-(2**63) + 1, 2**63 - 1)),
    "double precision": lambda chance: repr(chance.uniform(-1e300, 1e300)),
    "timestamptz": lambda chance: f"to_timestamp({chance.uniform(0, 4e9)!r})",
    "boolean[]": lambda chance: "ARRAY[" + ",".join(chance.choices(("true", "false", "null"), k=5)) + "]::boolean[]",
}  # fmt: skip

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack of this test's own: it is taken down several times."""
    name = f"kept-{free_port()}"
    settings = lab_settings(tmp_path, {"APP_NAME": name, "HTTP_PORT": str(free_port())})
    (tmp_path / "deployment").mkdir()
    running = Stack(tmp_path / "deployment", settings, build_images(settings, tmp_path / "context"))
    try:
        running.up()
        yield running
    finally:
        running.down()


def test_data_survives_the_removal_of_every_container(own_stack: Stack, examples: Examples) -> None:
    """Random tables and random files, through `docker rm -f` of everything, `compose down`, and `down -v`.

    An example is a table or a file; each goes through all three removals and comes back byte for byte.

    Feature: production-deployment-system, Property 10: Volume persistence

    Turned red by: `data: {name: "${DATA_VOLUME:?}"}`, without `external: true`, in compose/platform.yml.
    """
    chance = seeded()
    _fill_tables(own_stack, chance)
    _fill_files(own_stack, chance)
    before = _tables(own_stack), _files(own_stack)
    assert (len(before[0]), len(before[1])) == (TABLES, FILES)
    for remove in (_remove_by_force, _compose_down, _compose_down_with_volumes):
        remove(own_stack)
        left = own_stack.client.containers.list(all=True, filters={"label": f"app={own_stack.app}"})
        assert left == [], f"{remove.__name__} left {left}"
        own_stack.platform("up", "-d", "database")
        own_stack.wait_for("database", "ready")
        assert (_tables(own_stack), _files(own_stack)) == before, remove.__name__
        own_stack.slot("blue", "up", "-d", "backend")
    examples(TABLES + FILES)
    assert examples.count >= 100


def _fill_tables(stack: Stack, chance: random.Random) -> None:
    statements = []
    for number in range(TABLES):
        kinds = chance.choices(list(TYPES), k=chance.randint(1, 5))
        columns = ", ".join(f"c{place} {kind}" for place, kind in enumerate(kinds))
        statements.append(f"CREATE TABLE kept_{number} (n int, {columns});")
        for row in range(chance.randint(0, 12)):
            values = ", ".join(TYPES[kind](chance) for kind in kinds)
            statements.append(f"INSERT INTO kept_{number} VALUES ({row}, {values});")  # noqa: S608 - of our own making
    _as_application(stack, "\n".join(statements))


def _as_application(stack: Stack, sql: str) -> str:
    """Ask through the socket in the application's name, from a container of the backend's image's user."""
    settings = stack.settings
    command = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", "/var/run/postgresql", "-U", settings.postgres_user]
    output = stack.client.containers.run(
        stack.images["database"],
        [*command, "-d", settings.postgres_db, "-f", "/question.sql"],
        entrypoint=[],
        user=f"{settings.api_user_uid}:{settings.api_user_gid}",
        network_mode="none",
        remove=True,
        volumes={
            f"{stack.app}_socket": {"bind": "/var/run/postgresql", "mode": "ro"},
            str(_question(stack, sql)): {"bind": "/question.sql", "mode": "ro"},
        },
    )
    return bytes(output).decode()


def _question(stack: Stack, sql: str) -> Path:
    file = stack.directory / "question.sql"
    file.write_text(sql, encoding="utf-8")
    file.chmod(0o644)
    return file


def _tables(stack: Stack) -> dict[str, str]:
    """Give every table's rows, as the server writes them out, by the table's name."""
    names = [f"kept_{number}" for number in range(TABLES)]
    asked = "\n".join(
        f"\\echo == {name}\nCOPY (TABLE {name} ORDER BY n) TO STDOUT WITH (FORMAT csv);" for name in names
    )
    parts = _as_application(stack, asked).split("== ")[1:]
    return {part.partition("\n")[0]: part.partition("\n")[2] for part in parts}


def _fill_files(stack: Stack, chance: random.Random) -> None:
    """Beside the cluster, in the same volume: any bytes."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for number in range(FILES):
            member = tarfile.TarInfo(f"kept/{number} ä$#")
            member.size, member.uid, member.mode = chance.choice((0, 1, 100, 70000)), 999, 0o640
            archive.addfile(member, io.BytesIO(chance.randbytes(member.size)))
    assert stack.container("database").put_archive(DATA, content.getvalue())


def _files(stack: Stack) -> dict[str, str]:
    """Give the checksum of every file by its name."""
    blocks, _ = stack.container("database").get_archive(f"{DATA}/kept")
    with tarfile.open(fileobj=io.BytesIO(b"".join(blocks))) as archive:
        members = [member for member in archive.getmembers() if member.isfile()]
        contents = {member.name: archive.extractfile(member) for member in members}
        return {name: hashlib.sha256(file.read()).hexdigest() for name, file in contents.items() if file}


def _remove_by_force(stack: Stack) -> None:
    for container in stack.client.containers.list(all=True, filters={"label": f"app={stack.app}"}):
        container.remove(force=True, v=True)


def _compose_down(stack: Stack) -> None:
    stack.slot("blue", "down", "-t", "2")
    stack.platform("down", "-t", "20")


def _compose_down_with_volumes(stack: Stack) -> None:
    stack.slot("blue", "down", "-v", "-t", "2")
    stack.platform("down", "-v", "-t", "20")
