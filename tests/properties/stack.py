"""The stack on the workstation's engine: images as the tool builds them, run by the compose files of a release."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from platform import machine

import docker
from docker.errors import ImageNotFound, NotFound
from docker.models.containers import Container

from tasks.core import builders
from tasks.core.context import stage
from tasks.core.facts import SERVICES
from tasks.core.image_inputs import ImageInput, base_images, image_inputs
from tasks.core.settings import Settings, load_settings, release_environment
from tests.checkout import ROOT
from tests.labhost import LAB

SLOT_SERVICES = ("frontend", "backend")
PLATFORM_SERVICES = ("database", "edge")


def run(*command: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a program; its output comes back as text, whatever it exits with."""
    return subprocess.run(command, check=False, capture_output=True, text=True, **options)  # type: ignore[call-overload, no-any-return]


def lab_settings(place: Path, overrides: Mapping[str, str]) -> Settings:
    """Settings as a checkout in `place` would have them, on the lab's base images."""
    place.mkdir(parents=True, exist_ok=True)
    (place / ".env").write_text(run(LAB / "settings").stdout)
    application = str(ROOT / "examples/community-tracker")
    return load_settings(root=place, environ={}, overrides={"APP_SOURCE": application, **overrides})


def build_images(settings: Settings, place: Path, services: Sequence[str] = SERVICES) -> dict[str, str]:
    """Build what is not in the local store yet, with the tool's own context, input and command line; give the tags."""
    client = docker.from_env(timeout=300)
    platform = builders.platform(machine())
    bases = {
        tag: builders.parse_inspect(checked(run(*builders.inspect("docker", tag))).stdout)
        for tag in base_images(settings)
    }
    tags = {}
    for wanted in image_inputs(settings, ROOT, bases, platform):
        tag = f"properties/{wanted.service}:{wanted.input[:12]}"
        if wanted.service in services:
            tags[wanted.service] = tag
            try:
                client.images.get(tag)
            except ImageNotFound:
                _build_image(settings, wanted, place / wanted.service, tag, platform)
    client.close()
    return tags


def _build_image(settings: Settings, wanted: ImageInput, context: Path, tag: str, platform: str) -> None:
    stage(wanted.files, context)
    dockerfile = ROOT / "containers" / wanted.service / "Dockerfile"
    labels = {"app": settings.app_name, "service": wanted.service, "input": wanted.input}
    image = builders.ImageBuild(
        wanted.service, dockerfile, context, tag, labels, wanted.arguments, platform, settings.build_ca_file
    )
    built = run(*builders.build("docker", image))
    assert built.returncode == 0, built.stderr[-4000:]


@dataclass
class Stack:
    """One application on this machine's engine: a deployment directory, its volumes, its containers."""

    directory: Path
    settings: Settings
    images: Mapping[str, str]
    release: str = "20260101T000000Z-0000000"
    client: docker.DockerClient = field(default_factory=lambda: docker.from_env(timeout=300))

    @property
    def app(self) -> str:
        return self.settings.app_name

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.http_port}"

    def environment(self, **changes: str) -> dict[str, str]:
        """Give what a release's .env has."""
        images = {f"{service.upper()}_IMAGE": tag for service, tag in self.images.items()}
        fingerprints = {"EDGE_FINGERPRINT": "edge", "DATABASE_FINGERPRINT": "database"}
        here = {"RELEASE": self.release, "DEPLOYMENT_PATH": str(self.directory)}  # the settings' rule refuses /tmp
        return {**release_environment(self.settings), **images, **fingerprints, **here, **changes}

    def compose(
        self, project: str, *arguments: str, files: Sequence[str] = ("platform.yml",), **changes: str
    ) -> subprocess.CompletedProcess[str]:
        """Run docker compose on files of compose/ as the host script does; `changes` are settings of the .env."""
        slot = {"SLOT": changes.pop("SLOT")} if "SLOT" in changes else {}
        env_file = self.directory / ".env"
        env_file.write_text("".join(f"{key}='{value}'\n" for key, value in self.environment(**changes).items()))
        named = [word for file in files for word in ("-f", str(ROOT / "compose" / file))]
        command = ("docker", "compose", "-p", project, "--env-file", str(env_file), *named, *arguments)
        return run(*command, cwd=self.directory, env={**_plain_environment(), **slot})

    def platform(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return checked(self.compose(self.app, *arguments, **changes))

    def slot(self, slot: str, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return checked(self.compose(f"{self.app}-{slot}", *arguments, files=("slot.yml",), SLOT=slot, **changes))

    def make_cluster(self, **changes: str) -> None:
        """Make the database's cluster where there is none, as the host script does on a first deployment."""
        self.platform("--profile", "cluster", "run", "--rm", "--no-deps", "-T", "cluster", **changes)

    def up(self) -> None:
        """Bring everything up as a first deployment does: cluster, database, migrations, blue, the link, the edge."""
        for slot in ("blue", "green"):
            (self.directory / "slots" / slot).mkdir(parents=True, exist_ok=True)
            (self.directory / "slots" / slot).chmod(0o777)
        for volume in ("data", "socket", "assets", "certs"):
            self.client.volumes.create(f"{self.app}_{volume}", labels={"app": self.app})
        self.make_cluster()
        self.platform("up", "-d")
        self.wait_for("database", "ready")
        self.slot("blue", "run", "--rm", "--no-deps", "migrate")
        self.slot("blue", "up", "-d")
        self.wait_for("frontend", "probe", "/health")
        self.activate("blue")

    def activate(self, slot: str) -> None:
        """Switch: a relative link, renamed into place."""
        new = self.directory / "slots" / ".active"
        new.unlink(missing_ok=True)
        new.symlink_to(slot)
        new.replace(self.directory / "slots" / "active")

    def container(self, service: str) -> Container:
        [found] = self.client.containers.list(filters={"label": [f"app={self.app}", f"service={service}"]})
        return found

    def query(self, sql: str, database: str = "") -> str:
        """Ask the database as its superuser, inside its container."""
        words = [
            "psql",
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "postgres",
            "-d",
            database or self.settings.postgres_db,
        ]
        code, output = execute(self.container("database"), [*words, "-c", sql])
        assert code == 0, output
        return output.strip()

    def wait_for(self, service: str, *probe: str, seconds: float = 60) -> None:
        """Wait until a probe inside a container succeeds."""
        deadline = time.monotonic() + seconds
        output = "no container runs"
        while time.monotonic() < deadline:
            for container in self.client.containers.list(
                filters={"label": [f"app={self.app}", f"service={service}"], "status": "running"}
            ):
                code, output = execute(container, probe)
                if code == 0:
                    return
            time.sleep(0.1)
        raise AssertionError(f"{service}: {' '.join(probe)} failed for {seconds} s: {output}")

    def down(self) -> None:
        """Leave nothing behind but the images, which the next run reuses."""
        for container in self.client.containers.list(all=True, filters={"label": f"app={self.app}"}):
            container.remove(force=True)
        for network in self.client.networks.list(names=[f"{self.app}_edge", f"{self.app}-blue_slot"]):
            network.remove()
        for volume in ("data", "socket", "assets", "certs"):
            try:
                self.client.volumes.get(f"{self.app}_{volume}").remove(force=True)
            except NotFound:
                continue
        shutil.rmtree(self.directory, ignore_errors=True)
        self.client.close()


def execute(container: Container, words: Sequence[str], **options: object) -> tuple[int, str]:
    """Run a program inside a container; its exit code and all that it printed."""
    code, output = container.exec_run(list(words), **options)  # type: ignore[arg-type]
    assert isinstance(code, int)
    assert isinstance(output, bytes)
    return code, output.decode(errors="replace")


def checked(result: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    assert result.returncode == 0, f"{result.args}\n{result.stdout}\n{result.stderr}"
    return result


def rendered(result: subprocess.CompletedProcess[str]) -> dict[str, dict[str, object]]:
    """Read the services out of what `docker compose config --format json` printed."""
    services: dict[str, dict[str, object]] = json.loads(checked(result).stdout)["services"]
    return services


def _plain_environment() -> dict[str, str]:
    """The environment without anything that Compose would take for a setting of ours."""
    return {key: value for key, value in os.environ.items() if key in ("PATH", "HOME") or key.startswith("DOCKER_")}
