"""What a builder makes of a staged context: BuildKit compares with the last one by path, size and time only."""

import io
import tarfile
from pathlib import Path

import docker

from tasks.core import builders
from tasks.core.builders import ImageBuild
from tasks.core.context import ContextFile, stage
from tests.properties.stack import run

TAG = "test-build-context:1"


def built_from(place: Path, source: Path) -> bytes:
    """Build an image that holds the source, and read it from there."""
    stage([ContextFile("app/file", source)], place)
    (place.parent / "Dockerfile").write_text("FROM scratch\nCOPY app/file /file\n")
    image = ImageBuild("backend", place.parent / "Dockerfile", place, TAG, {}, {}, "linux/amd64", None)
    made = run(*builders.build("docker", image))
    assert made.returncode == 0, made.stderr
    client = docker.from_env()
    try:
        container = client.containers.create(TAG, command="none")
        try:
            blocks, _ = container.get_archive("/file")
            with tarfile.open(fileobj=io.BytesIO(b"".join(blocks))) as archive:
                content = archive.extractfile("file")
                assert content is not None
                return content.read()
        finally:
            container.remove()
            client.images.remove(TAG)
    finally:
        client.close()


def test_a_change_of_the_same_length_is_built(tmp_path: Path) -> None:
    for content in (b"true ", b"false", b"true "):
        (tmp_path / "source").write_bytes(content)
        assert built_from(tmp_path / "context" / "backend-same-name", tmp_path / "source") == content
