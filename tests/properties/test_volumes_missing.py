"""A mount whose source is missing: nothing starts, and the message names what is missing."""

import random
import string
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from docker.models.containers import Container

from tests.properties.conftest import Examples
from tests.properties.release import seeded
from tests.properties.stack import Stack, checked, rendered

FILES = {"": ("platform.yml", "https.yml"), "blue": ("slot.yml",), "green": ("slot.yml",)}
ONCE = ("migrate", "assets", "cluster")
LEAST = 100

pytestmark = pytest.mark.timeout(900)


@dataclass(frozen=True)
class Mount:
    """One mount of one service: a volume by the name it has in the compose file, or the bind's directory."""

    slot: str
    service: str
    kind: str
    source: str


class Application:
    """The compose files under a name of their own, with every volume and directory that they take as given."""

    def __init__(self, stack: Stack, place: Path) -> None:
        self.stack, self.place, self.name = stack, place, f"{stack.app}-missing"
        for slot in ("blue", "green"):
            (place / "slots" / slot).mkdir(parents=True)
            (place / "slots" / slot).chmod(0o777)
        volumes = [f"{self.name}_{name}" for name in ("data", "socket", "assets", "certs")]
        self.volumes = [stack.client.volumes.create(volume) for volume in volumes]

    def compose(self, slot: str, *words: str, **changes: str) -> subprocess.CompletedProcess[str]:
        given = {f"{name.upper()}_VOLUME": f"{self.name}_{name}" for name in ("data", "socket", "assets", "certs")}
        given |= {"APP_NAME": self.name, "DEPLOYMENT_PATH": str(self.place), "HTTP_PORT": "0", "HTTPS_PORT": "0"}
        project = f"{self.name}-{slot}" if slot else self.name
        return self.stack.compose(project, *words, files=FILES[slot], SLOT=slot, **given | changes)

    def start(self, mount: Mount, **changes: str) -> subprocess.CompletedProcess[str]:
        """Start the service as the host's script does."""
        once = ("--profile", mount.service, "run", "--no-deps", "-T") if mount.service in ONCE else ()
        return self.compose(mount.slot, *(once or ("up", "-d", "--no-deps")), mount.service, **changes)

    def containers(self) -> list[Container]:
        return self.stack.client.containers.list(all=True, filters={"label": f"app={self.name}"})

    def clear(self) -> None:
        for container in self.containers():
            container.remove(force=True)

    def mounts(self) -> list[Mount]:
        """List every mount of the compose files as they are rendered."""
        found = []
        for slot in FILES:
            services = rendered(self.compose(slot, "--profile", "*", "config", "--format", "json"))
            for service, body in services.items():
                each = body.get("volumes", [])
                assert isinstance(each, list)
                found += [Mount(slot, service, one["type"], one["source"]) for one in each]
        return found


@pytest.fixture
def application(stack: Stack, tmp_path: Path) -> Iterator[Application]:
    made = Application(stack, tmp_path / "missing")
    yield made
    made.clear()
    for slot in FILES:
        made.compose(slot, "down")
    for volume in made.volumes:
        volume.remove(force=True)


def test_nothing_starts_without_its_mount_and_the_error_names_it(application: Application, examples: Examples) -> None:
    """Each mount of each service, missing under a random name; the whole space, then at random up to a hundred.

    Feature: production-deployment-system, Property 11: Mount verification before start

    Turned red by: `create_host_path: true` in compose/slot.yml; `socket: {name: "${SOCKET_VOLUME:?}"}`, without
    `external: true`, there.
    """
    chance = seeded()
    space = application.mounts()
    assert {mount.kind for mount in space} == {"volume", "bind"}
    assert len(space) == 14
    for mount in (*space, *chance.choices(space, k=LEAST - len(space))):
        missing, changes = _missing(mount, application, chance)
        said = application.start(mount, **changes)
        assert said.returncode != 0, mount
        assert missing in said.stderr, mount
        assert "not found" in said.stderr or "does not exist" in said.stderr, mount
        assert _started(application) == [], mount
        assert missing not in {volume.name for volume in application.stack.client.volumes.list()}
        assert mount.kind == "volume" or not Path(missing).exists(), mount
        application.clear()
        examples()
    assert examples.count >= LEAST


def _missing(mount: Mount, application: Application, chance: random.Random) -> tuple[str, dict[str, str]]:
    """Make up a source that is not there, and the settings that make it this mount's."""
    letters = string.ascii_letters + string.digits
    name = "".join(chance.choices(letters, k=12)) + "".join(chance.choices(letters + "_.-", k=chance.randint(0, 40)))
    if mount.kind == "volume":
        return name, {f"{mount.source.upper()}_VOLUME": name}
    path = application.place / name
    tail = Path(mount.source).relative_to(application.place)
    return str(path / tail), {"DEPLOYMENT_PATH": str(path)}


def _started(application: Application) -> list[str]:
    """Name what has run, even for a moment."""
    states = [(each.labels["service"], each.attrs["State"]) for each in application.containers()]
    return [service for service, state in states if not state["StartedAt"].startswith("0001-")]


def test_a_directory_that_went_later_is_named_too(application: Application, examples: Examples) -> None:
    """A container that was made while its directory was there, as after a reboot without that disk.

    Feature: production-deployment-system, Property 11: Mount verification before start

    Turned red by: `create_host_path: true` in compose/slot.yml.
    """
    for mount in application.mounts():
        if mount.kind == "volume":
            continue
        checked(application.compose(mount.slot, "create", mount.service))
        aside = application.place.rename(application.place.with_name("aside"))
        said = application.compose(mount.slot, "start", mount.service)
        assert said.returncode != 0, mount
        assert mount.source in said.stderr, mount
        assert _started(application) == []
        aside.rename(application.place)
        application.clear()
        examples()
    assert examples.count == 3
