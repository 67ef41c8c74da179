"""A restore on a real host: what it brings over, rows written after the dump, and a kill at each of its steps.

Turned red by: no restore_properties in restore_swap; no restoring_recover in recover; restoring_write after
restore_fill.
"""

import json
import shlex
import urllib.request

import pytest

from tests.checkout import Checkout
from tests.labhost import LabHost

pytestmark = [pytest.mark.full, pytest.mark.timeout(3600)]

HERE = "/opt/community-tracker"
OWN = (
    "select pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype, datconnlimit, datacl, "
    "shobj_description(d.oid, 'pg_database'), (select string_agg(pg_get_userbyid(setrole) || setconfig::text, ' ' "
    "order by setrole) from pg_db_role_setting where setdatabase = d.oid) "
    "from pg_database d where datname = 'community_tracker'"
)
"""What belongs to the database itself."""

MAKE_OWN = """
create role reader;
alter database community_tracker connection limit 57;
alter database community_tracker set search_path to public, "odd, name";
alter role apiuser in database community_tracker set statement_timeout to '59s';
comment on database community_tracker is 'it''s ours
on two lines';
revoke connect on database community_tracker from public;
grant connect on database community_tracker to reader with grant option;
grant connect, temporary on database community_tracker to apiuser;
"""

KILLER = """#!/bin/sh
# In docker's place: kill the whole process group before or after the call that $AT is a part of.
case "$*" in *"$AT"*) found=yes ;; *) found=no ;; esac
[ $found$WHEN != yesbefore ] || kill -9 0
[ $found$WHEN != yesduring ] || { (sleep 0.2; kill -9 0) & }
/usr/bin/docker "$@"
code=$?
[ $found$WHEN != yesafter ] || kill -9 0
exit $code
"""

STEPS = ("select format('create database", "create database community", "pg_restore -U", "analyze", "rename to")


def add(host: LabHost, title: str) -> None:
    data = json.dumps({"title": title, "category": "general"}).encode()
    request = urllib.request.Request(f"{host.url}/api/activities", data, {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
        assert answer.status in (200, 201)


def titles(host: LabHost) -> list[str]:
    return host.psql("select title from activities order by id").splitlines()


def databases(host: LabHost) -> list[str]:
    return sorted(host.psql("select datname from pg_database where not datistemplate").split())


@pytest.fixture(scope="module")
def dump(deployed: LabHost, checkout: Checkout) -> str:
    """Make a backup with one row in it; a second comes after it, and what is the database's own."""
    add(deployed, "before the dump")
    made = json.loads(checkout.fab("backup", "--json").stdout)
    assert made["fetch"] == f"ssh {deployed.name} 'sudo cat {made['backup']}' >{made['backup'].rpartition('/')[2]}"
    add(deployed, "after the dump")
    deployed.psql(MAKE_OWN)
    return str(made["backup"].rpartition("/")[2])


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("when", ["before", "during", "after"])
def test_killed_at_a_step(deployed: LabHost, checkout: Checkout, dump: str, step: str, when: str) -> None:
    """The whole process group: the next task says what became of it, and the data is the old or the new, whole."""
    before, own = titles(deployed), deployed.psql(OWN)
    deployed.run("mkdir -p /root/kill && cat >/root/kill/docker && chmod +x /root/kill/docker", stdin=KILLER)
    shim = f"PATH=/root/kill:$PATH AT={shlex.quote(step)} WHEN={when}"
    deployed.run(f"{shim} setsid -w sh {HERE}/current/bin/host.sh restore {dump}", check=False)
    assert "community_tracker" in databases(deployed)
    done = checkout.fab("prune")
    said = done.stdout + done.stderr
    assert deployed.run(f"ls {HERE}/restoring 2>/dev/null || true") == ""
    assert "community_tracker_restored" not in databases(deployed), said
    assert deployed.psql(OWN) == own
    assert (step, when) != ("rename to", "after") or "finished: " in said
    if "finished: community_tracker has the content of the backup" in said:
        assert titles(deployed) == ["before the dump"]
        checkout.fab("verify")
        put_back(deployed, checkout)
    else:
        assert titles(deployed) == before
        assert "undone: community_tracker is as it was" in said, said
    checkout.fab("verify")


def put_back(host: LabHost, checkout: Checkout) -> None:
    """Bring the second row again, for the next kill."""
    checkout.fab("restore", "--forget", "--yes")
    add(host, "after the dump")


def test_what_is_the_databases_own_stays(deployed: LabHost, checkout: Checkout, dump: str) -> None:
    own = deployed.psql(OWN)
    assert "reader=c*/" in own
    assert "odd, name" in own
    assert titles(deployed) == ["before the dump", "after the dump"]
    done = json.loads(checkout.fab("restore", "--backup", dump, "--yes", "--json").stdout)
    assert titles(deployed) == ["before the dump"]
    assert deployed.psql(OWN) == own
    assert databases(deployed) == sorted(["community_tracker", done["kept"], "postgres"])
    checkout.fab("verify")
    checkout.fab("restore", "--forget", "--yes")
    assert databases(deployed) == ["community_tracker", "postgres"]
