"""What a container may do, judged by what the engine and the kernel say of it: one rule an option of the hardening."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.labhost import LabHost

LASTING = ("edge", "database", "frontend", "backend")
ONE_SHOTS = ("migrate", "assets", "cluster")
NO_NETWORK = ("database", *ONE_SHOTS)
SLOTS = "/opt/community-tracker/slots"
MOUNTS = {
    "edge": {"/run/slots": "ro", "/srv/assets": "ro"},
    "database": {"/var/lib/postgresql/data": "rw", "/var/run/postgresql": "rw"},
    "frontend": {"/run/slots/SLOT": "rw"},
    "backend": {"/var/run/postgresql": "ro"},
    "migrate": {"/var/run/postgresql": "ro"},
    "assets": {"/srv/assets": "rw"},
    "cluster": {"/var/lib/postgresql/data": "rw"},
}
"""Everything of the host or of another container that each service sees; SLOT is its own."""

STOP_SIGNALS = {"edge": "SIGQUIT", "frontend": "SIGQUIT", "database": "SIGINT"}
"""Those that end a program after what is in flight; the backend gets SIGTERM, through an init."""

CAPABILITY_SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")


@dataclass(frozen=True)
class Seen:
    """One container: `docker inspect`, and of its first process /proc/PID/status and the tmpfs mounts it sees."""

    service: str
    inspect: dict[str, Any]
    status: dict[str, str]
    tmpfs: dict[str, set[str]]
    uids: set[str]

    @property
    def host(self) -> dict[str, Any]:
        found: dict[str, Any] = self.inspect["HostConfig"]
        return found

    @property
    def config(self) -> dict[str, Any]:
        found: dict[str, Any] = self.inspect["Config"]
        return found

    @property
    def lasting(self) -> bool:
        return self.service in LASTING


def has_expected_mounts(seen: Seen) -> bool:
    """No more than the table has, each as writable as there; of the host only the slots, never the engine's socket."""
    mounts = seen.inspect["Mounts"]
    slot = seen.config["Labels"].get("slot", "")
    expected = {place.replace("SLOT", slot): mode for place, mode in MOUNTS[seen.service].items()}
    binds = [mount["Source"] for mount in mounts if mount["Type"] == "bind"]
    return {mount["Destination"]: "rw" if mount["RW"] else "ro" for mount in mounts} == expected and all(
        source == SLOTS or source.startswith(SLOTS + "/") for source in binds
    )


def has_expected_network(seen: Seen) -> bool:
    mode = seen.host["NetworkMode"]
    return (mode == "none") if seen.service in NO_NETWORK else mode not in ("none", "host", "bridge", "default")


def shares_no_namespace(seen: Seen) -> bool:
    modes = [str(seen.host[key]) for key in ("PidMode", "IpcMode", "UTSMode", "UsernsMode", "NetworkMode")]
    return not any(mode == "host" or mode.startswith(("container:", "shareable")) for mode in modes)


def keeps_its_profile(seen: Seen) -> bool:
    options = seen.host["SecurityOpt"] or []
    return "no-new-privileges:true" in options and not any("unconfined" in option for option in options)


def rotates_its_log(seen: Seen) -> bool:
    log = seen.host["LogConfig"]
    return log["Type"] == "json-file" and {"max-size", "max-file"} <= (log["Config"] or {}).keys()


def restarts_as_it_should(seen: Seen) -> bool:
    return bool(seen.host["RestartPolicy"]["Name"] == ("always" if seen.lasting else "no"))


def is_checked(seen: Seen) -> bool:
    test = (seen.config.get("Healthcheck") or {}).get("Test") or ["NONE"]
    return not seen.lasting or test[0] != "NONE"


def stops_softly(seen: Seen) -> bool:
    if not seen.lasting:
        return True
    signal = STOP_SIGNALS.get(seen.service)
    return (seen.config.get("StopTimeout") or 0) >= 20 and (
        seen.config.get("StopSignal") == signal if signal else bool(seen.host.get("Init"))
    )


def is_not_root(seen: Seen) -> bool:
    user = str(seen.config["User"]).partition(":")[0]
    return user.isdecimal() and user != "0"


def joins_only_its_groups(seen: Seen) -> bool:
    return (seen.host["GroupAdd"] or []) == (["1001"] if seen.service == "database" else [])


def has_small_tmpfs(seen: Seen) -> bool:
    mounts = seen.host.get("Tmpfs") or {}
    return "/tmp" in mounts and all("size=" in options and "exec" not in options for options in mounts.values())


def publishes_only_the_edge(seen: Seen) -> bool:
    return bool(seen.host["PortBindings"]) == (seen.service == "edge") and not seen.host["PublishAllPorts"]


RULES: dict[str, Callable[[Seen], bool]] = {
    "root file system is read-only": lambda seen: bool(seen.host["ReadonlyRootfs"]),
    "all capabilities are dropped, none added": lambda seen: (
        seen.host["CapDrop"] == ["ALL"] and not seen.host["CapAdd"]
    ),
    "no new privileges, default profiles": keeps_its_profile,
    "is not privileged, has no device": lambda seen: not seen.host["Privileged"] and not seen.host["Devices"],
    "user is a number and not root's": is_not_root,
    "groups": joins_only_its_groups,
    "memory is limited": lambda seen: int(seen.host["Memory"]) > 0,
    "processes are limited": lambda seen: int(seen.host["PidsLimit"] or 0) > 0,
    "network": has_expected_network,
    "published ports": publishes_only_the_edge,
    "namespaces": shares_no_namespace,
    "mounts": has_expected_mounts,
    "tmpfs": has_small_tmpfs,
    "restart policy": restarts_as_it_should,
    "log rotation": rotates_its_log,
    "health check": is_checked,
    "stopping": stops_softly,
}
"""What the engine was told, for every container."""

KERNEL_RULES: dict[str, Callable[[Seen], bool]] = {
    "no capability in any set": lambda seen: all(int(seen.status[key], 16) == 0 for key in CAPABILITY_SETS),
    "the kernel lets it gain none": lambda seen: seen.status["NoNewPrivs"] == "1",
    "system calls are filtered": lambda seen: seen.status["Seccomp"] == "2",
    "no process is root's": lambda seen: bool(seen.uids) and "0" not in seen.uids,
    "nothing in a tmpfs can be run": lambda seen: (
        "/tmp" in seen.tmpfs and all({"nosuid", "nodev", "noexec"} <= options for options in seen.tmpfs.values())
    ),
}
"""What the kernel says, of containers that run."""


def broken(seen: Seen) -> list[str]:
    """Name the rules that a container breaks."""
    rules = RULES | (KERNEL_RULES if seen.status else {})
    return [name for name, holds in rules.items() if not holds(seen)]


def look_at(host: LabHost, names: list[str]) -> list[Seen]:
    """Ask engine and kernel of a host about some containers."""
    return [_look(host, data) for data in json.loads(host.run("docker", "inspect", *names))]


def _look(host: LabHost, data: dict[str, Any]) -> Seen:
    service = data["Config"]["Labels"]["service"]
    pid = data["State"]["Pid"]
    if not pid:
        return Seen(service, data, {}, {}, set())
    status = dict(line.split(":\t", 1) for line in host.run(f"cat /proc/{pid}/status").splitlines() if ":\t" in line)
    mounts = [line.split() for line in host.run(f"cat /proc/{pid}/mounts").splitlines()]
    ours = data["HostConfig"].get("Tmpfs") or {}
    tmpfs = {
        place: set(options.split(",")) for _, place, kind, options, *_ in mounts if kind == "tmpfs" and place in ours
    }
    uids = {line.split()[1] for line in host.run(f"docker top {data['Id']} -eo pid,uid").splitlines()[1:]}
    return Seen(service, data, status, tmpfs, uids)
