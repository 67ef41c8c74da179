"""Data that the database image must not start on: refused, with what is there and the way on, no file touched.

Turned red by: leaving a key out of check_identity's loop (init-db.sh; the other flavour then starts, and another
major is PostgreSQL's own bare FATAL), by removing postmaster.pid or opening .lock before check_volume (the
checksums differ), and by another --locale.
"""

import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.labhost import LAB
from tests.properties.database import DATA, Database, one_database
from tests.properties.stack import build_images, execute, lab_settings

DEBIAN, ALPINE, NEWER = "lab/postgres:15-debian", "lab/postgres:15-alpine", "lab/postgres:17-debian"
FRESH = "restore it into a fresh volume"

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module", autouse=True)
def base_images() -> None:
    """The two that are no other test's everyday need; made here they take about three minutes, once."""
    tags = [name.removeprefix("lab/") for name in (ALPINE, NEWER)]
    subprocess.run([LAB / "base-images", *tags], check=True, stdout=subprocess.DEVNULL, timeout=900)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("refusals")


def written(database: Database) -> Database:
    """Start it, write a row, and kill it: what a power cut leaves, a pid file with it."""
    database.make()
    database.start()
    database.ask("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")
    database.server.kill()
    return database


@pytest.fixture(scope="module")
def on_debian(place: Path) -> Iterator[Database]:
    with one_database(place, image=DEBIAN) as made:
        yield written(made)


@pytest.fixture(scope="module")
def on_alpine(place: Path) -> Iterator[Database]:
    with one_database(place, image=ALPINE) as made:
        yield written(made)


@dataclass(frozen=True)
class Offer:
    """What the volume is offered: an image built with these settings, or (`environment`) only new variables."""

    base: str
    there: str
    asked: str
    settings: tuple[tuple[str, str], ...] = ()
    environment: bool = False


OFFERS = {
    "another flavour": Offer(ALPINE, "flavour glibc (Debian)", "flavour musl (Alpine)"),
    "another major": Offer(NEWER, "major 15", "major 17"),
    "another database": Offer(DEBIAN, "database community_tracker", "database other", (("POSTGRES_DB", "other"),)),
    "another role": Offer(DEBIAN, "user apiuser", "user other", (("POSTGRES_USER", "other"),)),
    "another uid": Offer(DEBIAN, "uid 1001", "uid 2001", (("API_USER_UID", "2001"),)),
    "all at once": Offer(
        NEWER, "major 15, user apiuser, database community_tracker, uid 1001",
        "major 17, user one, database two, uid 3001",
        (("POSTGRES_USER", "one"), ("POSTGRES_DB", "two"), ("API_USER_UID", "3001")),
    ),
    "a role in the environment only": Offer(
        DEBIAN, "", "user other with uid 1001", (("POSTGRES_USER", "other"),), environment=True
    ),
    "a uid in the environment only": Offer(
        DEBIAN, "", "user apiuser with uid 2001", (("API_USER_UID", "2001"),), environment=True
    ),
}  # fmt: skip


def image_of(offer: Offer, place: Path) -> str:
    settings = {} if offer.environment else dict(offer.settings)
    directory = place / f"image-{abs(hash(offer))}"
    built = lab_settings(directory, {"POSTGRES_IMAGE": offer.base, **settings})
    return build_images(built, directory / "context", ("database",))["database"]


def refused(database: Database, **changes: str) -> str:
    """Start the server with changed settings or another image; what it says when it refuses, at each start."""
    began = datetime.now(UTC)  # the same container may have served before
    database.stack.platform("up", "-d", "database", **changes)
    server = database.server
    deadline = time.monotonic() + 60
    try:
        while server.attrs["RestartCount"] < 2:
            assert time.monotonic() < deadline, f"it did not refuse:\n{database.log(server)}"
            time.sleep(0.1)
            server.reload()
        assert server.attrs["State"]["ExitCode"] == 2
    finally:
        server.kill() if server.attrs["State"]["Running"] else server.stop()
    text = server.logs(since=began).decode(errors="replace")
    assert text.count("database: refused: ") == text.count("database: remedy: ") >= 2
    assert "making a new cluster" not in text
    assert "database system" not in text, "a server was started"
    return text


@pytest.mark.parametrize("name", OFFERS)
def test_data_of_another_identity_is_refused_and_untouched(on_debian: Database, place: Path, name: str) -> None:
    offer = OFFERS[name]
    before = on_debian.checksums()
    assert "./cluster/postmaster.pid" in before
    text = refused(on_debian, DATABASE_IMAGE=image_of(offer, place), **dict(offer.settings))
    assert on_debian.checksums() == before
    if offer.environment:
        assert f"this image was not built for {offer.asked}" in text
        assert "remedy: build the database image with these settings" in text
        return
    assert f"was made with {offer.there}; this image and these settings have {offer.asked}. Nothing was touched" in text
    changed = {"user": "POSTGRES_USER", "database": "POSTGRES_DB", "uid": "API_USER_UID", "major": "POSTGRES_IMAGE",
               "flavour": "POSTGRES_IMAGE"}  # fmt: skip
    wanted = " ".join(changed[word.split()[0]] for word in offer.there.split(", "))
    assert f"remedy: to go back, give {wanted} the old value again; " in text
    assert FRESH in text


def test_alpine_s_data_is_refused_by_debian(on_alpine: Database, place: Path) -> None:
    before = on_alpine.checksums()
    text = refused(on_alpine, DATABASE_IMAGE=image_of(Offer(DEBIAN, "", ""), place))
    assert on_alpine.checksums() == before
    assert "made with flavour musl (Alpine); this image and these settings have flavour glibc (Debian)" in text


@pytest.mark.parametrize(
    ("made", "said", "remedy"),
    [
        (
            "echo 14 >PG_VERSION; mkdir base",
            "holds a cluster of PostgreSQL 14 that another image made",
            "dump it with that",
        ),
        (
            "echo hello >letter",
            f"{DATA}/letter is in the data volume, but no cluster of ours is",
            "give an empty directory",
        ),
        (
            "mkdir cluster; echo 15 >cluster/PG_VERSION",
            "has no /var/lib/postgresql/data/cluster/deployment.identity",
            "dump",
        ),
    ],
    ids=["upstream's layout", "somebody's file", "no identity"],
)
def test_somebody_else_s_files_are_refused_and_untouched(place: Path, made: str, said: str, remedy: str) -> None:
    with one_database(place) as database:
        database.files(made)
        before = database.checksums()
        text = refused(database)
        assert database.checksums() == before
    assert said in text
    assert f"remedy: {remedy}" in text


def test_a_volume_that_it_may_not_write_gets_no_cluster(place: Path) -> None:
    with one_database(place) as database:
        database.files("chown 0:0 . && chmod 0755 .", user="0")
        maker = database.maker
        maker.start()
        assert maker.wait(timeout=60)["StatusCode"] == 2
        text = database.log(maker)
        assert REFUSED_OWNER in text
        assert "else on the host, as root: chown -R 999:999 " in text
        assert database.files("ls -A") == ""


@pytest.mark.parametrize("done", ["chown -R 0:0 .", "chown 0:0 cluster", "chown 0:0 cluster/postgresql.conf"])
def test_data_that_came_back_with_another_owner_is_refused_as_that(place: Path, done: str) -> None:
    """A copy made by root: it is all there, and not called missing; given back, it starts, whatever its mode was.

    Turned red by: check_volume without is_ours, and without find (init-db.sh).
    """
    with one_database(place) as database:
        database.make()
        database.files(done, user="0")
        assert REFUSED_OWNER in refused(database)
        database.files("chown -R 999:999 . && chmod 0755 cluster", user="0")
        database.start()


REFUSED_OWNER = "refused: the data volume, or something in it, belongs to another user than 999"
MISSING = "remedy: mount the data, or put its files back, then restart this container"


@pytest.mark.parametrize(
    "made",
    ["true", "chown 0:0 . && chmod 0755 .", "chown 0:0 . && chmod 0700 .", "mkdir lost+found .new-1; touch .lock"],
    ids=["empty", "a mount point", "a closed mount point", "what no cluster is"],
)
def test_a_start_makes_no_cluster(place: Path, made: str) -> None:
    """Nothing but the explicit one-shot does: by restart policy an empty volume is data that is not there.

    Turned red by: `[ -e "$PGDATA" ] || make_cluster` before the server's start, in init-db.sh's main.
    """
    with one_database(place) as database:
        database.files(made, user="0")
        before = database.checksums()
        text = refused(database)
        assert database.checksums() == before
    if made.endswith("0700 ."):  # what may not be looked into
        assert REFUSED_OWNER in text
    else:
        assert "refused: the data volume has no database in it, and a start makes none" in text
        assert MISSING in text


def test_data_that_went_and_came_back(place: Path) -> None:
    """Files removed below a server, some or all: refused at each start; back in their place: served by a restart."""
    with one_database(place) as database:
        written(database)
        database.files("mkdir /tmp/kept && mv cluster .lock /tmp/kept/")
        assert "the data volume has no database in it" in refused(database)
        database.files("mkdir -p cluster/base && echo x >cluster/base/left")
        text = refused(database)
        assert f"refused: {DATA}/cluster is no whole cluster: files of it were removed" in text
        assert MISSING in text
        database.files("rm -rf cluster && mv /tmp/kept/cluster .")
        database.server.restart()
        database.wait_ready(database.server)
        assert database.ask("SELECT n FROM kept") == "7"
        assert database.make() < 90  # where there is one, it changes nothing
        assert database.ask("SELECT n FROM kept") == "7"


def test_a_second_server_on_the_same_volume_is_refused(on_debian: Database) -> None:
    """PostgreSQL's own guard is a pid, which says nothing in another container."""
    on_debian.stack.platform("up", "-d", "database")
    on_debian.wait_ready(on_debian.server)
    stack = on_debian.stack
    second = stack.client.containers.run(
        stack.images["database"], detach=True, network_mode="none", labels={"app": stack.app, "service": "second"},
        environment=dict(entry.split("=", 1) for entry in on_debian.server.attrs["Config"]["Env"]),
        volumes={f"{stack.app}_data": {"bind": DATA, "mode": "rw"}},
    )  # fmt: skip
    assert second.wait(timeout=60)["StatusCode"] == 2
    assert "refused: another server runs on this data" in second.logs().decode()
    assert on_debian.ask("SELECT n FROM kept") == "7"
    on_debian.server.kill()


@pytest.mark.parametrize(("made_on", "collation"), [("on_debian", "C.UTF-8"), ("on_alpine", "C")])
def test_with_the_old_settings_the_data_is_there(made_on: str, collation: str, request: pytest.FixtureRequest) -> None:
    """After all refusals; with order, encoding, checksums and numbers the same in both flavours.

    musl has no LC_COLLATE but C, and says so whatever it is given; the order by code points is C.UTF-8's.
    """
    database: Database = request.getfixturevalue(made_on)
    database.stack.platform("up", "-d", "database")
    database.wait_ready(database.server)
    assert database.ask("SELECT n FROM kept") == "7"
    locale = "SELECT datcollate, datctype, datlocprovider, pg_encoding_to_char(encoding) FROM pg_database ORDER BY oid"
    assert set(database.ask(locale).splitlines()) == {f"{collation}|C.UTF-8|c|UTF8"}
    assert database.ask("SHOW data_checksums") == "on"
    assert database.ask("SELECT string_agg(w, '' ORDER BY w) FROM unnest(ARRAY['b', 'a', 'Z', 'ä']) w") == "Zabä"
    numbers = "id -u && id -g && sed -n 's/^apiuser:x:\\([0-9]*:[0-9]*\\):.*/\\1/p' /etc/passwd"
    code, output = execute(database.server, ["sh", "-c", numbers])
    assert (code, output.split()) == (0, ["999", "999", "1001:1001"])
    assert re.fullmatch(r"major=15\nflavour=(musl|glibc)\nuser=apiuser\ndatabase=community_tracker\nuid=1001\n",
                        database.files("cat cluster/deployment.identity"))  # fmt: skip
    assert database.files("stat -c '%a %u:%g' . cluster").split("\n")[:2] == ["700 999:999", "700 999:999"]
