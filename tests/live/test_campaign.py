"""A campaign of short rollbacks between releases of random configuration, each with a record of how it served.

Everyday: two rollbacks for what comes back, and each kind of fault once; with --full 100 each.
"""

import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.checkout import Checkout
from tests.labhost import LabHost
from tests.live.test_failures import MAKE
from tests.live.test_same_host import listing
from tests.live.test_startup_verification import MEND, ask, service, untruths
from tests.properties.release import seeded
from tests.properties.test_releases_on_host import configure, pushed

HERE = "/opt/community-tracker"

pytestmark = pytest.mark.timeout(7200)

# Lines of the listing that are one thing each; an application's value may begin a line with any word.
KINDS = ("container", "volume", "network", "file", "link", "directory")

# Meanwhile, and once: the next container of the backend dies as soon as it has started.
DIES = (
    "(timeout 60 docker events --filter event=start --filter label=service=backend --format '{{.ID}}' | head -n 1"
    " | xargs -r docker kill) >/dev/null 2>&1 </dev/null & sleep 0.3"
)


@dataclass(frozen=True)
class Served:
    """A release as it was while it served: its files, byte for byte, and what its containers were given."""

    files: str
    containers: dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """What happens to the host before a rollback, what mends it, and whether that rollback succeeds."""

    kind: str
    before: str
    after: str = "true"
    succeeds: bool = False


FAULTS = (
    Fault("none", "true", succeeds=True),
    Fault("edge frozen", f"docker pause {service('edge')}", succeeds=True),
    Fault("edge gone", f"docker rm -f {service('edge')}", succeeds=True),
    Fault("database frozen", f"docker pause {service('database')}", succeeds=True),
    Fault("database hangs", f"docker kill -s STOP {service('database')}", f"docker kill -s CONT {service('database')}"),
    Fault("backend dies", DIES),
    Fault(
        "a file is edited",
        f"echo >>{HERE}/previous/docker-compose.yml",
        f"cd {HERE}/releases/TARGET && sed -i '$d' docker-compose.yml",
    ),
)


def active(host: LabHost) -> dict[str, str]:
    return dict(line.split("=", 1) for line in host.run(f"cat {HERE}/active").splitlines())


def files(host: LabHost, release: str) -> str:
    return host.run(f"cd {HERE}/releases/{release} && find . -type f -exec sha256sum {{}} + | sort -k 2")


def given(host: LabHost) -> dict[str, Any]:
    """What the edge and the serving slot's containers run with; not the slot itself, which nobody is promised."""
    inspected = json.loads(host.run("docker ps -q --filter label=app | xargs docker inspect"))
    return {
        each["Config"]["Labels"]["service"]: (
            each["Image"],
            sorted(line for line in each["Config"]["Env"] if not line.startswith("SLOT=")),
            each["HostConfig"]["Memory"],
            sorted(
                re.sub("(blue|green)", "SLOT", f"{m['Source']} {m['Destination']} {m['RW']}") for m in each["Mounts"]
            ),
        )
        for each in inspected
        if each["Config"]["Labels"]["service"] != "database"
    }


def another_edge(host: LabHost, name: str) -> None:
    """A release like the active one, but for its edge's image."""
    host.run(f"cat >/root/failing-release <<'END'\n{MAKE.read_text()}END\n")
    host.run(f"sh /root/failing-release {name} edge", stdin=f"LABEL example={name}\n")


@pytest.fixture(scope="module")
def checkout(checkout: Checkout) -> Checkout:
    """Its containers are probed every second: what was frozen is soon seen to be well."""
    for file in ("compose/platform.yml", "compose/slot.yml"):
        checkout.edit(file, "interval: 10s", "interval: 1s")
    return checkout


@pytest.fixture(scope="module")
def served(deployed: LabHost, checkout: Checkout, full: bool) -> dict[str, Served]:
    """Releases of random configuration, one of them with another edge, each with the record of how it served."""
    chance, records = seeded(), {}
    names = [active(deployed)["release"]]
    records[names[0]] = Served(files(deployed, names[0]), given(deployed))
    for number in range(3 if full else 1):
        configure(checkout, chance)
        name = pushed(checkout, "up")
        records[name] = Served(files(deployed, name), given(deployed))
        if number == 0:
            another_edge(deployed, "other-edge")
            checkout.fab("up", "--release", "other-edge")
            records["other-edge"] = Served(files(deployed, "other-edge"), given(deployed))
    return records


def test_rollback_brings_back_the_configuration_byte_for_byte(
    served: dict[str, Served],
    deployed: LabHost,
    checkout: Checkout,
    full: bool,
    record_property: Callable[[str, object], None],
) -> None:
    """With and without a name, to releases of random settings and values: files, and what the containers were given.

    Feature: production-deployment-system, Property 30: Configuration restoration
    """
    chance, number = random.Random(30), 100 if full else 2
    for count in range(number):
        now, began = active(deployed), time.monotonic()
        target = chance.choice([name for name in served if name != now["release"]])
        words = [] if target == now["previous"] else ["--to", target]
        checkout.fab("rollback", *words)
        print(f"{count} rollback {' '.join(words)}: {time.monotonic() - began:.1f} s")
        assert active(deployed)["release"] == target
        assert deployed.run(f"readlink {HERE}/current").strip() == f"releases/{target}"
        assert files(deployed, target) == served[target].files
        assert given(deployed) == served[target].containers
    record_property("examples", number)
    print(f"{number} rollbacks")


def test_rollback_says_success_only_when_all_is_healthy(
    served: dict[str, Served],
    deployed: LabHost,
    checkout: Checkout,
    full: bool,
    record_property: Callable[[str, object], None],
) -> None:
    """Rollbacks of a host in good order, and of one where a part freezes, is gone, dies or is not what it was.

    Feature: production-deployment-system, Property 31: Rollback verification
    """
    chosen = random.Random(31).choices(FAULTS, k=100) if full else FAULTS
    wrong = [fault for number, each in enumerate(chosen) for fault in go_back(each, number, checkout, deployed)]
    record_property("examples", len(chosen))
    assert wrong == []


def go_back(fault: Fault, number: int, checkout: Checkout, host: LabHost) -> list[str]:
    """Roll back; what was said wrongly."""
    before, began = active(host), time.monotonic()
    host.run(fault.before)
    done = checkout.fab("rollback", check=False)
    host.run(fault.after.replace("TARGET", before["previous"]))
    after, what = active(host), f"{number} {fault.kind}: exit code {done.returncode}"
    print(f"{what}, {time.monotonic() - began:.1f} s")
    if done.returncode == 0:
        wrong = untruths(host, before["previous"])
        wrong += ["it cannot have succeeded"] if not fault.succeeds else []
    else:
        wrong = [] if not fault.succeeds and done.returncode == 1 else [done.stdout + done.stderr]
        wrong += [] if "next: " in done.stderr else [f"no next command: {done.stderr}"]
        host.run(MEND)
        wait_until_healthy(checkout)
        wrong += [] if after == before else [f"{after} is active now"]
        wrong += [] if ask(host, "/") == (200, before["release"]) else [f"the page answers {ask(host, '/')}"]
    return [f"{what}: {each}" for each in wrong]


def wait_until_healthy(checkout: Checkout) -> None:
    """What was frozen is unhealthy to the engine until its next check."""
    for _ in range(30):
        if not checkout.fab("verify", check=False).returncode:
            return
        time.sleep(1)
    checkout.fab("verify")


def lasting(host: LabHost) -> list[str]:
    """The listing without what counts activations (seq, and what has it inside) and the reserve for reports."""
    counts = ("active", ".state", "history.jsonl", ".reserve.1", ".reserve.2", ".reserve.3")
    return [
        line
        for line in listing(host)
        if not line.startswith("socket ")  # of a slot that does not serve: of whoever served there last
        and not (line.startswith("says ") and re.search(r" (seq|slot|status|health\.\w+)=", line))
        and not (line.startswith("file ") and line.split()[3].endswith(counts))
    ]


def test_rollbacks_and_deployments_leave_nothing_behind(
    served: dict[str, Served], deployed: LabHost, checkout: Checkout
) -> None:
    """There and back: the same listing, line by line. Deployed beyond KEEP_RELEASES: as many things of each kind."""
    before = lasting(deployed)
    checkout.fab("rollback")
    checkout.fab("rollback")
    assert lasting(deployed) == before
    kinds = []
    for edition in ("one", "two"):
        checkout.write_env(DRAIN_SECONDS="1", KEEP_RELEASES="2", EDITION=edition)
        checkout.fab("deploy")
        firsts = [line.partition(" ")[0] for line in listing(deployed)]
        kinds.append(Counter(word for word in firsts if word in KINDS))
    assert kinds[0] == kinds[1]
    assert kinds[0]["container"] == len(("edge", "database", "frontend", "backend"))
    assert deployed.run("docker image ls -q --filter dangling=true") == ""
    assert deployed.run(f"find {HERE} -name '.*.new' -o -name '.*.old' -o -name '.*.part' -o -name activation") == ""
