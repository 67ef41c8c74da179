"""A database whose data is gone or not mounted stays down and is named; no empty one takes its place; the way on works.

Turned red by: a start that makes a cluster (init-db.sh: `check_volume maker` in the place of `check_volume server`).
"""

import json
import re
import subprocess
import time
from collections.abc import Callable

import pytest

from tests.checkout import Checkout
from tests.labhost import LAB, LabHost

DIRECTORY, DISK = "/srv/tracker", "/srv/disk"
MOUNT = f"mount --bind {DISK} {DIRECTORY}"
NOT_THERE = "the data volume has no database in it, and a start makes none"
IN_ITS_PLACE = "is empty; this host had a database, and a new one will not be made in its place"
ROW = "select title from activities where title = 'kept'"
GONE = "are gone from the data volume"
DATABASE = "docker ps -aq --filter label=app=community-tracker --filter label=service=database"

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def on_a_disk(lab_host: LabHost, checkout: Checkout) -> LabHost:
    """The application with its data on a disk of its own, which nothing mounts at boot; and one row."""
    lab_host.run(f"umount {DIRECTORY} 2>/dev/null; rm -rf {DISK} {DIRECTORY}; mkdir -p {DIRECTORY}")
    lab_host.run(f"install -d -m 0711 -o 999 -g 999 {DISK}; {MOUNT}")
    checkout.write_env(DATA_PATH=DIRECTORY)
    assert "database: this host has had none: making one" in said(checkout, "deploy")
    lab_host.psql("insert into activities (title) values ('kept')")
    assert "already so" in said(checkout, "deploy")
    return lab_host


def said(checkout: Checkout, *arguments: str, code: int = 0) -> str:
    """Run fab, which ends with this exit code; all that it says."""
    done = checkout.fab(*arguments, check=False)
    text = done.stdout + done.stderr
    assert done.returncode == code, text
    return text


def wait_for(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + 90
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.3)


def wait_until_refused(host: LabHost) -> None:
    """The server's image has refused, and its container is not up."""
    wait_for(lambda: NOT_THERE in host.run(f"docker logs --tail 2 $({DATABASE}) 2>&1", check=False))
    wait_for(lambda: host.run(f"docker inspect -f '{{{{.State.Status}}}}' $({DATABASE})") == "restarting\n")


def power_cut(host: LabHost) -> None:
    subprocess.run([LAB / "fault", "dead", host.name], check=True)
    (host.home / "ssh-master").unlink(missing_ok=True)
    subprocess.run([LAB / "fault", "dead", host.name, "off"], check=True)
    wait_for(lambda: host.run(f"{DATABASE} 2>/dev/null", check=False))


def all_name_it(host: LabHost, checkout: Checkout) -> None:
    """Each command says that the data is not there, and none makes another database."""
    for task, code in (("status", 0), ("verify", 1), ("plan", 0), ("backup", 1)):
        text = said(checkout, task, code=code)
        assert any(reason in text for reason in (NOT_THERE, IN_ITS_PLACE, GONE)), text
    assert "database" in json.loads(checkout.fab("plan", "--json").stdout)["unhealthy"]
    text = said(checkout, "deploy", code=1)
    assert IN_ITS_PLACE in text or GONE in text
    assert "mount it, or put its files back, then fab -H" in text
    assert host.run("ls", "-A", DIRECTORY) in ("", ".lock\n")


def test_a_disk_that_is_not_mounted_after_a_reboot(on_a_disk: LabHost, checkout: Checkout) -> None:
    power_cut(on_a_disk)
    wait_until_refused(on_a_disk)
    all_name_it(on_a_disk, checkout)
    on_a_disk.run(MOUNT)
    said(checkout, "up")
    assert on_a_disk.psql(ROW) == "kept\n"
    said(checkout, "verify")


def test_data_that_was_removed_below_the_server(on_a_disk: LabHost, checkout: Checkout) -> None:
    said(checkout, "backup")
    on_a_disk.run(f"rm -rf {DIRECTORY}/cluster")
    assert GONE in said(checkout, "status")
    assert "nothing was changed" in said(checkout, "deploy", code=1)
    on_a_disk.run(f"docker restart $({DATABASE})")
    wait_until_refused(on_a_disk)
    all_name_it(on_a_disk, checkout)


def test_the_way_on_when_it_is_lost(on_a_disk: LabHost, checkout: Checkout) -> None:
    text = said(checkout, "up", code=1)
    found = re.search(
        r"if the data is lost: (rm \S+) on the host, fab -H \S+ (up), fab -H \S+ (restore .*) \(NAME", text
    )
    assert found, text
    remove, bring_up, restore = found.groups()
    backup = on_a_disk.run("ls -t /opt/community-tracker/backups | grep 'dump$' | head -n 1").strip()
    on_a_disk.run(remove)
    said(checkout, bring_up)
    assert on_a_disk.psql(ROW) == ""
    said(checkout, *restore.replace("NAME", backup).split())
    assert on_a_disk.psql(ROW) == "kept\n"
    said(checkout, "verify")
    assert "already so" in said(checkout, "deploy")
