"""The command lines of a container runtime: the same for docker and finch, and nothing that one of them lacks."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core import builders
from tasks.core.builders import Argv, ImageBuild

IMAGE = ImageBuild(
    service="backend",
    dockerfile=Path("/w/containers/backend/Dockerfile"),
    context=Path("/w/.deploy/context/backend"),
    tag="app/backend:build-0123",
    labels={"service": "backend", "app": "app", "input": "0123"},
    arguments={"NODE_IMAGE": "node:lts-alpine", "API_USER_UID": "1001"},
    platform="linux/amd64",
    ca_file=None,
)
# what nerdctl or Docker lacks, or means differently
NEVER = {"-q", "--quiet", "--pull", "--load", "--metadata-file", "--filter", "--iidfile", "--push"}


def commands(name: str) -> list[Argv]:
    return [
        builders.build(name, IMAGE), builders.probe(name), builders.inspect(name, "a:1"), builders.pull(name, "a:1"),
        builders.tag(name, "a:1", "a:2"), builders.save(name, "a:1", "b:1"), builders.remove(name, "a:1"),
        builders.images(name),
    ]  # fmt: skip


def test_a_build_in_full() -> None:
    assert builders.build("docker", IMAGE) == (
        "docker", "build", "--progress", "plain", "--provenance=false", "-f", "/w/containers/backend/Dockerfile",
        "-t", "app/backend:build-0123", "--label", "app=app", "--label", "input=0123", "--label", "service=backend",
        "--build-arg", "API_USER_UID=1001", "--build-arg", "NODE_IMAGE=node:lts-alpine", "--platform", "linux/amd64",
        "/w/.deploy/context/backend",
    )  # fmt: skip


def test_a_certificate_goes_in_as_a_secret_only() -> None:
    line = builders.build("docker", replace(IMAGE, ca_file=Path("/etc/ssl/ca.crt")))
    place = line.index("--secret")
    assert line[place + 1] == "id=ca,src=/etc/ssl/ca.crt"
    assert sum("ca.crt" in word for word in line) == 1


@pytest.mark.parametrize("name", ["docker", "finch"])
def test_both_runtimes_get_the_same_words(name: str) -> None:
    assert [command[0] for command in commands(name)] == [name] * len(commands(name))
    assert [command[1:] for command in commands(name)] == [command[1:] for command in commands("docker")]
    words = {word for command in commands(name) for word in command}
    assert not words & NEVER
    assert not any("buildx" in word for word in words)


@given(st.text(min_size=1), st.text(min_size=1))
def test_hostile_arguments_stay_one_word(key: str, value: str) -> None:
    line = builders.build("docker", replace(IMAGE, arguments={key: value}))
    assert line[line.index("--build-arg") + 1] == f"{key}={value}"
    assert line[-1] == os.fspath(IMAGE.context)


DOCKER = {
    "RepoTags": ["node:lts-alpine"], "Architecture": "amd64", "Created": "2026-11-01T00:00:00Z", "Size": 42,
    "RootFS": {"Type": "layers", "Layers": ["sha256:1", "sha256:2"]},
    "Config": {"Labels": {"a": "b"}, "Env": ["PATH=/bin"], "Entrypoint": ["entry"], "Cmd": ["node"]},
}  # fmt: skip


def test_inspect_is_read() -> None:
    image = builders.parse_inspect(json.dumps(DOCKER))
    assert image.tags == ("node:lts-alpine",)
    assert image.layers == ("sha256:1", "sha256:2")
    assert (image.labels, image.environment, image.command) == ({"a": "b"}, ("PATH=/bin",), ("entry", "node"))
    assert (image.architecture, image.size) == ("amd64", 42)
    assert builders.parse_inspect(json.dumps([DOCKER])) == image, "nerdctl gives a list"


@pytest.mark.parametrize("config", [None, {}, {"Labels": None, "Env": None, "Entrypoint": None, "Cmd": None}])
def test_an_image_that_says_little(config: object) -> None:
    image = builders.parse_inspect(json.dumps({"RepoTags": None, "RootFS": None, "Config": config}))
    assert (image.tags, image.layers, dict(image.labels), image.command, image.size) == ((), (), {}, (), 0)


def test_identity_is_files_and_how_it_runs_and_nothing_of_this_store() -> None:
    image = builders.parse_inspect(json.dumps(DOCKER))
    same = replace(image, tags=("other:1",), created="later", size=1, labels={})
    assert same.identity == image.identity
    for change in ({"layers": ("sha256:3",)}, {"environment": ()}, {"command": ("sh",)}):
        assert replace(image, **change).identity != image.identity


@pytest.mark.parametrize(
    ("machine", "platform"), [("x86_64", "linux/amd64"), ("aarch64", "linux/arm64"), ("arm64", "linux/arm64")]
)
def test_platforms(machine: str, platform: str) -> None:
    assert builders.platform(machine) == platform


def test_an_unknown_machine_is_named_with_the_known() -> None:
    with pytest.raises(ValueError, match=r"riscv64.*aarch64"):
        builders.platform("riscv64")


def test_runtime() -> None:
    found = builders.runtime("finch", "1.2.3")
    assert (found.name, found.build_command, found.compose_command) == ("finch", "finch", "finch compose")
    assert (found.available, found.version) == (True, "1.2.3")
    assert not builders.runtime("docker").available
