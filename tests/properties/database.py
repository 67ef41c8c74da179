"""One database server, run by the platform's compose file on its own volumes, and a client in any user's name."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from docker.errors import APIError
from docker.models.containers import Container

from tests.properties.stack import Stack, build_images, checked, execute, lab_settings

DATA = "/var/lib/postgresql/data"
SOCKET = "/var/run/postgresql"
APPLICATION, SERVER = "1001:1001", "999:999"

_numbers = count(1)


@dataclass
class Database:
    """The server's container, its two volumes, and a container for clients and for a look at the files."""

    stack: Stack
    client: Container

    @property
    def server(self) -> Container:
        """Give the server's container, running or not."""
        [found] = self.stack.client.containers.list(
            all=True, filters={"label": [f"app={self.stack.app}", "service=database"]}
        )
        return found

    @property
    def maker(self) -> Container:
        """Give the container of the one-shot that makes the cluster."""
        [found] = self.stack.client.containers.list(
            all=True, filters={"label": [f"app={self.stack.app}", "service=cluster"]}
        )
        return found

    def make(self) -> float:
        """Make the cluster as the first deployment does; the seconds that took."""
        maker, began = self.maker, time.monotonic()
        maker.start()
        assert maker.wait(timeout=90)["StatusCode"] == 0, self.log(maker)
        return time.monotonic() - began

    def start(self, *, seconds: float = 90) -> float:
        """Start the server and wait until it is ready; the seconds that took."""
        server = self.server
        server.start()
        return self.wait_ready(server, seconds=seconds)

    def wait_ready(self, server: Container, *, seconds: float = 90) -> float:
        """Wait for `ready`; fails with the server's log."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            with suppress(APIError):  # it is not running at this moment
                if execute(server, ["ready"])[0] == 0:
                    return time.monotonic() - began
            time.sleep(0.05)
        raise AssertionError(f"not ready within {seconds} s:\n{self.log(server)}")

    def log(self, server: Container | None = None) -> str:
        """Give all that the server has written."""
        return (server or self.server).logs().decode(errors="replace")

    def empty(self) -> None:
        """Make the data volume as a first start finds it; the server must not run."""
        self.files("find . -mindepth 1 -delete")

    def files(self, line: str, *, user: str = SERVER) -> str:
        """Run a line of shell in the data volume."""
        code, output = execute(self.client, ["sh", "-c", line], user=user, workdir=DATA)
        assert code == 0, output
        return output

    def checksums(self) -> dict[str, str]:
        """Give the SHA-256 of every file in the data volume, and type, mode, owner and time of everything in it."""
        sums = self.files("find . -type f -exec sha256sum {} +", user="0")
        found = {name: digest for digest, name in (line.split(maxsplit=1) for line in sums.splitlines())}
        listing = self.files("find . -exec stat -c '%n %F %a %u:%g %s %Y' {} +", user="0")
        return found | {f"stat {line}": "" for line in listing.splitlines()}

    def ask(self, sql: str, *, user: str = APPLICATION, role: str = "", database: str = "") -> str:
        """Ask through the socket, as the application unless told otherwise."""
        settings = self.stack.settings
        role, database = role or settings.postgres_user, database or settings.postgres_db
        words = ["psql", "-XAtqw", "-v", "ON_ERROR_STOP=1", "-h", SOCKET, "-U", role, "-d", database, "-c", sql]
        code, output = execute(self.client, words, user=user)
        assert code == 0, output
        return output.strip()

    def ask_as_server(self, sql: str) -> str:
        """Ask as the superuser."""
        return self.ask(sql, user=SERVER, role="postgres")


@contextmanager
def one_database(
    place: Path, *, image: str = "", files: Sequence[str] = ("platform.yml",), **overrides: str
) -> Iterator[Database]:
    """Make empty volumes, containers of server and one-shot (not started) and the client, and remove them again.

    `image` is a base to build on; `files` are compose files; `overrides` are settings.
    """
    name = f"database-{os.getpid()}-{next(_numbers)}"
    directory = place / name
    directory.mkdir(parents=True)
    base = {"POSTGRES_IMAGE": image} if image else {}
    settings = lab_settings(directory, {"APP_NAME": name, **base, **overrides})
    images = dict.fromkeys(("edge", "frontend", "backend"), "none")
    images |= build_images(settings, directory / "context", ("database",))
    stack = Stack(directory, settings, images)
    try:
        for volume in ("data", "socket", "assets"):
            stack.client.volumes.create(f"{name}_{volume}", labels={"app": name})
        checked(stack.compose(name, "--profile", "cluster", "create", "database", "cluster", files=files))
        yield Database(stack, _client(stack))
    finally:
        stack.down()


def _client(stack: Stack) -> Container:
    return stack.client.containers.run(
        stack.images["database"],
        entrypoint=["sleep", "7200"],
        detach=True,
        init=True,
        labels={"app": stack.app, "service": "client"},
        network_mode="none",
        volumes={
            f"{stack.app}_data": {"bind": DATA, "mode": "rw"},
            f"{stack.app}_socket": {"bind": SOCKET, "mode": "ro"},
        },
    )
