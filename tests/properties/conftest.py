"""The stack for the property tests: images built once, brought up once a session, and a counter of examples."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.properties.stack import Stack, build_images, lab_settings


class Examples:
    """Counts what a test has tried; the table prints it."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, number: int = 1) -> None:
        self.count += number


@pytest.fixture
def examples(request: pytest.FixtureRequest, record_property: pytest.FixtureRequest) -> Iterator[Examples]:
    """Count examples: call it once for each; the number goes into the report and the property table."""
    counter = Examples()
    yield counter
    record_property("examples", counter.count)  # type: ignore[operator]
    print(f"{request.node.name}: {counter.count} examples")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The sample application, deployed in slot blue on this machine's engine by the compose files."""
    place: Path = tmp_path_factory.mktemp("stack")
    directory = place / "deployment"
    directory.mkdir()
    name = f"properties-{os.getpid()}"
    port = str(free_port())
    settings = lab_settings(place, {"APP_NAME": name, "HTTP_PORT": port})
    running = Stack(directory, settings, build_images(settings, place / "context"))
    try:
        running.up()
        yield running
    finally:
        running.down()
