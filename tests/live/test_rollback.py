"""Going back, starting anew, and the data: on a real host, as somebody types it.

Turned red by: leaving the second rename out of restore_swap.
"""

import json
import re
import urllib.request

import pytest

from tests.checkout import Checkout
from tests.labhost import LabHost
from tests.live.test_same_host import listing

pytestmark = pytest.mark.timeout(1500)


def edition(host: LabHost) -> str:
    """What the served page's script says of itself."""
    page = host.run(f"docker exec {host.service('frontend')} cat /usr/share/nginx/html/index.html")
    script = re.search(r'src="(/assets/[^"]+)"', page)
    assert script
    text = host.run(f"docker exec {host.service('frontend')} cat /usr/share/nginx/html{script[1]}")
    found = re.search(r"edition=['\"`]([^'\"`]+)", text)
    assert found
    return found[1].split()[0]


def release(host: LabHost) -> str:
    return host.run("sed -n 's/^release=//p' /opt/community-tracker/active").strip()


def configuration(host: LabHost, name: str) -> str:
    return host.run(f"cd /opt/community-tracker/releases/{name} && find . -type f -exec sha256sum {{}} + | sort")


def add(host: LabHost, title: str) -> None:
    """As a visitor does: through the published port and the API."""
    request = urllib.request.Request(  # noqa: S310 - the lab's own address
        f"{host.url}/api/activities", json.dumps({"title": title}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        assert answer.status == 201


def titles(host: LabHost) -> list[str]:
    return host.psql('select title from "activities" order by id').splitlines()


@pytest.fixture(scope="module")
def two(checkout: Checkout, lab_host: LabHost) -> tuple[str, str]:
    """Two releases, deployed one after the other; the second serves."""
    names = []
    for each in ("one", "two"):
        checkout.change_page(each)
        checkout.fab("deploy")
        names.append(release(lab_host))
    return names[0], names[1]


def test_rollback_and_back_again(two: tuple[str, str], checkout: Checkout, lab_host: LabHost) -> None:
    before = {name: configuration(lab_host, name) for name in two}
    platform = {name: found for name, found in lab_host.containers().items() if name.startswith("platform/")}
    said = checkout.fab("rollback").stdout
    assert f"{two[0]} serves at {lab_host.url}/" in said
    assert edition(lab_host) == "one"
    assert release(lab_host) == two[0]
    checkout.fab("verify")
    checkout.fab("rollback")
    assert edition(lab_host) == "two"
    assert {name: configuration(lab_host, name) for name in two} == before
    assert platform.items() <= lab_host.containers().items()
    log = json.loads(checkout.fab("history", "--json").stdout)["history"]
    assert [entry["task"] for entry in log] == ["deploy", "deploy", "rollback", "rollback"]
    assert {entry["result"] for entry in log} == {"active"}


def test_rollback_and_restart_leave_nothing_behind(two: tuple[str, str], checkout: Checkout, lab_host: LabHost) -> None:
    """The listing has no release's time in it, and no slot's color is promised."""

    def kinds() -> list[str]:
        return sorted(line.split()[0] for line in listing(lab_host))

    before = kinds()
    checkout.fab("restart")
    assert release(lab_host) == two[1]
    checkout.fab("rollback", "--to", two[0])
    checkout.fab("rollback")
    assert kinds() == before


def test_rollback_to_what_is_not_whole_changes_nothing(
    two: tuple[str, str], checkout: Checkout, lab_host: LabHost
) -> None:
    lab_host.run(f"echo '# more' >> /opt/community-tracker/releases/{two[0]}/docker-compose.yml")
    before = lab_host.containers()
    done = checkout.fab("rollback", check=False)
    lab_host.run(f"sed -i '$d' /opt/community-tracker/releases/{two[0]}/docker-compose.yml")
    assert done.returncode == 1
    assert "not complete any more" in done.stderr
    assert f"fab -H {lab_host.name} status" in done.stderr
    assert lab_host.containers() == before
    assert edition(lab_host) == "two"


def test_backup_and_restore(two: tuple[str, str], checkout: Checkout, lab_host: LabHost) -> None:
    add(lab_host, "before")
    kept = titles(lab_host)
    made = json.loads(checkout.fab("backup", "--json").stdout)
    name = made["backup"].rpartition("/")[2]
    assert lab_host.run(f"stat -c %a {made['backup']}").strip() == "600"
    assert made["sha256"] == lab_host.run(f"sha256sum {made['backup']}").split()[0]
    add(lab_host, "after")
    assert titles(lab_host) == [*kept, "after"]
    refused = checkout.fab("restore", "--backup", name, check=False)
    assert refused.returncode == 2
    done = json.loads(checkout.fab("restore", "--backup", name, "--yes", "--json").stdout)
    assert titles(lab_host) == kept
    checkout.fab("verify")  # the API has found its way back to the database by its name
    query = 'select title from "activities" order by id'
    old = lab_host.run(f"docker exec {lab_host.service('database')} psql -XAt -d {done['kept']} -c '{query}'")
    assert old.splitlines() == [*kept, "after"]
    checkout.fab("restore", "--forget", "--yes")
    databases = lab_host.psql("select datname from pg_database where not datistemplate").split()
    assert sorted(databases) == ["community_tracker", "postgres"]


def test_prune_keeps_what_serves_and_the_way_back(two: tuple[str, str], checkout: Checkout, lab_host: LabHost) -> None:
    """Two activated releases may stay: what serves now and what did before; the first one goes, and no sooner."""
    checkout.write_env(EDITION="three")
    checkout.fab("push-config", "up")
    assert f"removed release {two[0]}" in checkout.fab("prune", "--set", "KEEP_RELEASES=2").stdout
    checkout.fab("rollback")
    assert release(lab_host) == two[1]
    checkout.fab("verify")


def test_an_edge_cut_off_from_its_network_is_not_already_so(
    two: tuple[str, str], checkout: Checkout, lab_host: LabHost
) -> None:
    lab_host.run(f"docker network disconnect -f community-tracker_edge {lab_host.service('edge')}")
    said = checkout.fab("deploy").stdout
    assert "already so" not in said
    checkout.fab("verify")


def test_an_edited_release_gets_a_new_one_in_its_place(checkout: Checkout, lab_host: LabHost) -> None:
    edited = release(lab_host)
    lab_host.run(f"chmod 666 /opt/community-tracker/releases/{edited}/app.env.json")
    said = checkout.fab("deploy").stdout
    assert f"the files of {edited} were changed on the host" in said
    assert release(lab_host) != edited
    assert "already so" in checkout.fab("deploy").stdout
