"""The running stack, looked over as a bench of Docker's would: no option of the hardening is missing anywhere.

Each rule is shown to see: the stack's own Compose files with one option taken away or put in make containers that break
the rule of that option, and no other.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import yaml

from tests.labhost import LabHost
from tests.live.hardening import KERNEL_RULES, LASTING, ONE_SHOTS, RULES, Seen, broken, look_at

pytestmark = pytest.mark.timeout(1500)

Service = dict[str, Any]
HERE = "/opt/community-tracker/current"
PLACE = "/root/hardening"


def without(key: str) -> Callable[[Service], object]:
    return lambda service: service.pop(key)


def with_(**options: object) -> Callable[[Service], object]:
    return lambda service: service.update(options)


def mounting(source: str, target: str) -> Callable[[Service], object]:
    return lambda service: service["volumes"].append({"type": "bind", "source": source, "target": target})


def writable(service: Service) -> None:
    for mount in service["volumes"]:
        mount["read_only"] = False


CHANGES: list[tuple[str, str, Callable[[Service], object]]] = [
    ("root file system is read-only", "edge", without("read_only")),
    ("all capabilities are dropped, none added", "backend", without("cap_drop")),
    ("all capabilities are dropped, none added", "edge", with_(cap_add=["NET_BIND_SERVICE"])),
    ("no new privileges, default profiles", "frontend", without("security_opt")),
    ("no new privileges, default profiles", "database", with_(security_opt=["no-new-privileges:false"])),
    ("is not privileged, has no device", "backend", with_(devices=["/dev/null:/dev/kmsg"])),
    ("user is a number and not root's", "edge", with_(user="0:0")),
    ("user is a number and not root's", "database", with_(user="root")),
    ("groups", "database", without("group_add")),
    ("groups", "backend", with_(group_add=["999"])),
    ("memory is limited", "migrate", without("mem_limit")),
    ("processes are limited", "frontend", without("pids_limit")),
    ("network", "database", without("network_mode")),
    ("network", "assets", without("network_mode")),
    ("published ports", "backend", with_(ports=["3000:3000"])),
    ("published ports", "edge", without("ports")),
    ("namespaces", "backend", with_(pid="host")),
    ("namespaces", "frontend", with_(ipc="host")),
    ("mounts", "backend", mounting("/var/run/docker.sock", "/var/run/docker.sock")),
    ("mounts", "edge", mounting("/etc", "/srv/etc")),
    ("mounts", "backend", writable),
    ("tmpfs", "frontend", without("tmpfs")),
    ("tmpfs", "database", with_(tmpfs=["/tmp:mode=1777,size=16m,exec"])),
    ("restart policy", "edge", without("restart")),
    ("restart policy", "migrate", with_(restart="always")),
    ("log rotation", "assets", without("logging")),
    ("health check", "frontend", without("healthcheck")),
    ("health check", "database", with_(healthcheck={"disable": True})),
    ("stopping", "database", with_(stop_signal="SIGKILL")),
    ("stopping", "backend", without("init")),
    ("stopping", "edge", without("stop_grace_period")),
]
"""A rule, a service, and what is done to its Compose file so that the rule must break."""


@pytest.fixture(scope="module")
def running(deployed: LabHost) -> dict[str, Seen]:
    """The four containers that serve, by service."""
    names = deployed.run("docker ps -q --filter label=app=community-tracker").split()
    return {seen.service: seen for seen in look_at(deployed, names)}


@pytest.fixture(scope="module")
def made(deployed: LabHost) -> Iterator[list[Seen]]:
    """Containers that are made and not started: the one-shots as they are, then one for each change."""
    plain = _services(deployed)
    services = {f"plain-{name}": plain[name] for name in ONE_SHOTS}
    for number, (_, name, change) in enumerate(CHANGES):
        services[f"change-{number:02}"] = service = json.loads(json.dumps(plain[name]))
        change(service)
    volumes = {name: {"external": True, "name": f"community-tracker_{name}"} for name in ("data", "socket", "assets")}
    networks: dict[str, object] = {"edge": {}, "slot": {}}
    deployed.run("mkdir", "-p", PLACE)
    deployed.run(
        f"cat >{PLACE}/compose.json",
        stdin=json.dumps({"services": services, "volumes": volumes, "networks": networks}),
    )
    compose = f"SLOT=blue docker compose -p hardening --env-file {HERE}/.env -f {PLACE}/compose.json"
    try:
        deployed.run(f"{compose} create --no-build")
        yield look_at(deployed, [f"hardening-{name}-1" for name in services])
    finally:
        deployed.run(f"{compose} down; rm -rf {PLACE}")


def _services(host: LabHost) -> dict[str, Service]:
    """The services of the release that serves, with the values of its .env left as they are written."""
    found: dict[str, Service] = {}
    for file in ("platform.yml", "docker-compose.yml"):
        found |= yaml.safe_load(host.run(f"cat {HERE}/{file}"))["services"]
    for service in found.values():
        service.pop("profiles", None)
    return found


def test_no_running_container_breaks_a_rule(running: dict[str, Seen]) -> None:
    assert running.keys() == set(LASTING)
    assert {service: broken(seen) for service, seen in running.items()} == {service: [] for service in LASTING}
    assert all(seen.status and seen.tmpfs for seen in running.values())


def test_no_one_shot_breaks_a_rule(made: list[Seen]) -> None:
    assert [(seen.service, broken(seen)) for seen in made[: len(ONE_SHOTS)]] == [(name, []) for name in ONE_SHOTS]


@pytest.mark.parametrize(
    ("number", "rule"), [pytest.param(i, rule, id=f"{rule}-{name}-{i}") for i, (rule, name, _) in enumerate(CHANGES)]
)
def test_a_changed_option_breaks_its_rule_and_no_other(number: int, rule: str, made: list[Seen]) -> None:
    seen = made[len(ONE_SHOTS) + number]
    assert seen.service == CHANGES[number][1]
    assert broken(seen) == [rule]


def test_every_rule_is_shown_to_break() -> None:
    assert {rule for rule, _, _ in CHANGES} == set(RULES)


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("no capability in any set", {"CapEff": "0000000000000400"}),
        ("no capability in any set", {"CapBnd": "00000000a80425fb"}),
        ("no capability in any set", {"CapAmb": "0000000000000400"}),
        ("the kernel lets it gain none", {"NoNewPrivs": "0"}),
        ("system calls are filtered", {"Seccomp": "0"}),
    ],
)
def test_another_answer_of_the_kernel_breaks_a_rule(
    rule: str, change: dict[str, str], running: dict[str, Seen]
) -> None:
    for seen in running.values():
        assert broken(replace(seen, status=seen.status | change)) == [rule]


def test_a_process_of_root_and_a_tmpfs_to_run_from_break_a_rule(running: dict[str, Seen]) -> None:
    for seen in running.values():
        assert broken(replace(seen, uids=seen.uids | {"0"})) == ["no process is root's"]
        loose = {place: options - {"noexec"} for place, options in seen.tmpfs.items()}
        assert broken(replace(seen, tmpfs=loose)) == ["nothing in a tmpfs can be run"]
    assert len(KERNEL_RULES) == 5
