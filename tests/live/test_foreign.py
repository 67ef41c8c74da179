"""A stack of another directory and data of another identity are named and refused before anything is sent.

Turned red by: no `stack_facts` and no `data_facts` in scripts/host/facts.sh.
"""

from collections.abc import Sequence

import pytest

from tests.checkout import Checkout
from tests.labhost import LabHost

HERE, ELSEWHERE = "/opt/community-tracker", "/srv/tracker"
STATE = f"""ls -laR {HERE} {ELSEWHERE} 2>/dev/null | grep -v lock; docker ps -aq --no-trunc; docker volume ls -q
docker network ls -q; docker images --format '{{{{.Repository}}}}:{{{{.Tag}}}} {{{{.ID}}}}' | sort
ls /var/log/community-tracker"""
ROW = """docker exec $(docker ps -q --filter label=service=database) \\
psql -XAt -d community_tracker -c "select title from activities where title = 'kept'" """

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def host(deployed: LabHost) -> LabHost:
    """The host with the sample application and one row; also the user `dock`, in the group docker and without sudo."""
    deployed.run(f"id dock >/dev/null 2>&1 || useradd -m -s /bin/bash -G docker dock; rm -rf {ELSEWHERE}")
    deployed.psql("insert into activities (title) values ('kept')")
    return deployed


def refused(checkout: Checkout, host: LabHost, *found: str, user: str = "", options: Sequence[str] = ()) -> None:
    """Expect plan, doctor and deploy to name what is there and the way on, and to leave the host as it is."""
    before = host.run(STATE)
    for task, code in (("plan", 2), ("doctor", 1), ("deploy", 2)):
        done = checkout.fab(task, *options, host=f"{host.name}{user}", check=False)
        said = done.stdout + done.stderr
        assert done.returncode == code, said
        for text in found:
            assert text in said, said
    assert host.run(STATE) == before


def test_a_stack_of_another_directory(host: LabHost, checkout: Checkout) -> None:
    checkout.write_env(DEPLOYMENT_PATH=ELSEWHERE)
    change = f"DEPLOYMENT_PATH (file .env): the host has {HERE}, asked for is {ELSEWHERE}"
    refused(checkout, host, "runs on", change, f"set it back (DEPLOYMENT_PATH={HERE})")
    host.run(f"install -d -o dock -g docker {ELSEWHERE}")
    refused(checkout, host, change, user="-dock")
    host.run(f"rm -rf {ELSEWHERE}")

    checkout.write_env()
    checkout.fab("down")
    host.run(f"mv {HERE} {ELSEWHERE}")
    checkout.write_env(DEPLOYMENT_PATH=ELSEWHERE)
    checkout.fab("deploy")
    assert host.run(ROW) == "kept\n"
    checkout.fab("down")
    host.run(f"mv {ELSEWHERE} {HERE}")


def test_data_of_another_identity(host: LabHost, checkout: Checkout) -> None:
    """The directory with the host's own record is gone, the volume is there: by its file, and by its labels."""
    checkout.write_env()
    checkout.fab("down")
    host.run(f"rm -rf {HERE}")
    checkout.write_env(POSTGRES_DB="other", POSTGRES_USER="someone")
    changes = (
        "POSTGRES_DB (file .env): the data volume community-tracker_data has community_tracker, asked for is other",
        "POSTGRES_USER (file .env): the data volume community-tracker_data has apiuser, asked for is someone",
        "if nothing in it is needed, docker volume rm community-tracker_data on the host",
    )
    refused(checkout, host, *changes)
    refused(checkout, host, *changes, user="-dock")


def test_data_of_another_major_version(host: LabHost, checkout: Checkout) -> None:
    checkout.write_env()
    there, asked = "PostgreSQL 15 (Debian, glibc)", "PostgreSQL 17 (Debian, glibc)"
    found = (f"has {there}, asked for is {asked}", f"set it back (POSTGRES_IMAGE to an image of {there}")
    for user in ("", "-dock"):
        refused(checkout, host, *found, user=user, options=["--set", "POSTGRES_IMAGE=lab/postgres:17-debian"])


def test_what_belongs_here_is_taken_up_again(host: LabHost, checkout: Checkout) -> None:
    checkout.write_env()
    checkout.fab("deploy")
    assert host.run(ROW) == "kept\n"
