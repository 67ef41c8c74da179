"""Which migrations are pending, as the database says."""

import pytest

from tasks.core.migrations import HostMigrations, Pending
from tests.steps.samples import HostState

READ = HostMigrations("read", applied=("a", "b"), begun=(), tables=3, size=9_000_000, releases={"one": ("a", "b", "c")})


def test_the_facts_give_it() -> None:
    lines = ("migrations=read", "migration.applied=a", "migration.applied=b", "database.tables=3",
             "database.size=9000000", "release_migrations=one a,b,c")  # fmt: skip
    assert HostState(repeated=lines).facts().migrations == READ
    assert HostState().facts().migrations == HostMigrations()


NEW = HostMigrations()
NO_TABLE = HostMigrations("absent", tables=1)
UNREAD = HostMigrations("unread", why="it does not run")
STUCK = HostMigrations("read", applied=("a",), begun=("b",))
NO_DUMP = "no dump is made, the database has no tables"
TAKEN = "1 migration, taken as pending because the database could not be asked (it does not run): a"
CASES = {
    "all there": (READ, "ab", Pending(()), ""),
    "some": (READ, "abcd", Pending(("c", "d"), dump=True), "2 migrations: c, d; a dump is made before them"),
    "one": (READ, "abc", Pending(("c",), dump=True), "1 migration: c; a dump is made before it"),
    "a new host": (NEW, "a", Pending(("a",)), f"1 migration: a; {NO_DUMP}"),
    "no table of them": (NO_TABLE, "a", Pending(("a",), dump=True), "1 migration: a; a dump is made before it"),
    "unread": (UNREAD, "a", Pending(("a",), unread=UNREAD.why, dump=True), f"{TAKEN}; a dump is made before it"),
    "no migrations at all": (UNREAD, "", Pending(()), ""),
    "one that never ended": (STUCK, "abc", Pending(("b", "c"), ("b",)), f"2 migrations: b, c; {NO_DUMP}"),
    "one that never ended, and nothing pending": (STUCK, "a", Pending(()), ""),
}


@pytest.mark.parametrize("name", CASES)
def test_pending(name: str) -> None:
    known, wanted, pending, text = CASES[name]
    assert known.pending(wanted) == pending
    assert str(pending) == text


def test_behind_is_only_what_is_known_to_be() -> None:
    assert READ.is_behind("one")
    assert not READ.is_behind("another")
    assert not HostMigrations("absent", releases=READ.releases).is_behind("one")
