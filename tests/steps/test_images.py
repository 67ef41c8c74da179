"""`ship-images`: only what the host lacks, verified there, sent whole when it does not verify."""

import gzip
import os
import re

import pytest
import zstandard

from tasks.core.errors import DeployError, HostFailed, HostNotReady, ShipFailed, UnsupportedHost, UsageError
from tasks.core.protocols import Answer
from tasks.core.releases import Build
from tasks.images import ship_images
from tests.steps.conftest import World, loads, told
from tests.steps.fakes import Call, files_in
from tests.steps.samples import APP, HostState, image_line

SERVICES = ["database", "edge", "backend", "frontend"]


def ordered(call: Call) -> list[str]:
    return [order.split()[0] for order in call.parameters["IMAGES"].splitlines()]


def unpacked(data: bytes) -> dict[str, bytes]:
    with zstandard.ZstdDecompressor().stream_reader(data) as reader:
        return files_in(reader.read())


def blobs(data: bytes) -> set[str]:
    return {name.rpartition("/")[2] for name in unpacked(data) if name.startswith("blobs/")}


def layers(build: Build, *services: str) -> set[str]:
    return {layer.removeprefix("sha256:") for name in services for layer in build.images[name].layers}


def test_all_that_a_new_host_lacks_goes_in_one_archive(world: World) -> None:
    build = world.built()
    world.answers(hold=told(HostState()), load=loads())
    outcome = ship_images(world.host, world.work)
    assert world.host.transcript == ["hold ship-images", "load"]
    assert world.host.lock_given_back == 1
    (load,) = world.host.sent("load")
    assert ordered(load) == SERVICES
    assert layers(build, *SERVICES) <= blobs(load.data)
    saves = [words for words in world.docker.transcript if words[1] == "save"]
    assert saves == [("docker", "save", *(build.images[name].incoming(f"{os.getpid():x}") for name in SERVICES))]
    assert re.fullmatch(r"web1: sent database, edge, backend, frontend \([0-9.]+ k?B\)", outcome.summary)
    assert outcome.data == {"sent": SERVICES, "bytes": len(load.data)}
    assert world.console.shown[-1].done == len(load.data)
    assert [name for name in world.docker.images if "incoming" in name] == []
    assert world.is_secret_kept(outcome)


def test_what_the_host_has_is_left_out(world: World) -> None:
    build = world.built()
    there = [
        image_line(image, image.release_tag(build.release))
        for name, image in build.images.items()
        if name != "frontend"
    ]
    world.answers(hold=told(HostState().having(*there)), load=loads())
    outcome = ship_images(world.host, world.work)
    (load,) = world.host.sent("load")
    assert ordered(load) == ["frontend"]
    base, own = build.images["frontend"].layers
    sent = blobs(load.data)
    assert own.removeprefix("sha256:") in sent
    assert base.removeprefix("sha256:") not in sent, "the host has this layer in another image"
    assert "manifest.json" in unpacked(load.data)
    assert outcome.data is not None
    assert outcome.data["sent"] == ["frontend"]


def test_on_the_containerd_store_images_go_whole(world: World) -> None:
    build = world.built()
    there = image_line(build.images["backend"], build.images["backend"].release_tag(build.release))
    world.answers(hold=told(HostState().but(docker_store="containerd").having(there)), load=loads())
    ship_images(world.host, world.work)
    (load,) = world.host.sent("load")
    assert ordered(load) == ["database", "edge", "frontend"]
    assert layers(build, "database", "edge", "frontend") <= blobs(load.data)


def test_a_mismatch_is_sent_once_more_and_whole(world: World) -> None:
    build = world.built()
    there = image_line(build.images["backend"], build.images["backend"].release_tag(build.release))
    world.answers(hold=told(HostState().having(there)), load=[loads("frontend"), loads()])
    outcome = ship_images(world.host, world.work)
    assert world.host.transcript == ["hold ship-images", "load", "load"]
    first, second = world.host.sent("load")
    assert ordered(first) == ["database", "edge", "frontend"]
    assert ordered(second) == ["frontend"]
    assert not layers(build, "frontend") <= blobs(first.data)
    assert layers(build, "frontend") <= blobs(second.data)
    assert world.console.warned == [f"{APP}/frontend did not verify on web1: sending whole"]
    assert outcome.data is not None
    assert outcome.data["bytes"] == len(first.data) + len(second.data)


def test_an_image_that_does_not_verify_whole_is_refused(world: World) -> None:
    world.built()
    world.answers(hold=told(HostState()), load=loads("edge", "backend"))
    with pytest.raises(ShipFailed, match=f"{APP}/edge, {APP}/backend: other layers on web1 than here") as caught:
        ship_images(world.host, world.work)
    assert caught.value.exit_code == 1
    assert "nothing that serves was touched" in caught.value.remedy
    assert world.host.transcript == ["hold ship-images", "load", "load"]
    assert world.host.lock_given_back == 1
    assert [name for name in world.docker.images if "incoming" in name] == []


def test_a_load_that_failed_says_what_the_engine_said(world: World) -> None:
    world.built()
    world.answers(hold=told(HostState()), load=Answer(1, (), ("docker: no space left on device",)))
    with pytest.raises(ShipFailed) as caught:
        ship_images(world.host, world.work)
    assert "no space left on device" in str(caught.value)


def test_a_load_that_ends_in_another_way_is_an_error(world: World) -> None:
    world.built()
    world.answers(hold=told(HostState()), load=Answer(127, (), ("sh: docker: not found",)))
    with pytest.raises(HostFailed, match="load failed on web1 with exit code 127"):
        ship_images(world.host, world.work)


def test_already_so(world: World) -> None:
    build = world.built()
    there = [image_line(image, image.release_tag(build.release)) for image in build.images.values()]
    world.answers(hold=told(HostState().having(*there)))
    outcome = ship_images(world.host, world.work)
    assert world.host.transcript == ["hold ship-images"]
    assert (outcome.changed, outcome.summary) == (False, "web1: already so, all images are there")
    assert world.docker.transcript == [], "nothing is asked here"


def test_a_missing_release_tag_is_added(world: World) -> None:
    build = world.built()
    there = [
        image_line(image, *([image.release_tag(build.release)] if name != "edge" else []))
        for name, image in build.images.items()
    ]
    world.answers(hold=told(HostState().having(*there)), tag=Answer(0))
    assert ship_images(world.host, world.work).changed
    assert world.host.transcript == ["hold ship-images", "tag"]
    assert ordered(world.host.sent("tag")[0]) == ["edge"]


def test_release_names_the_tags(world: World) -> None:
    world.built()
    world.answers(hold=told(HostState()), load=loads())
    ship_images(world.host, world.work, release="another")
    (load,) = world.host.sent("load")
    assert {order.split()[2].rpartition(":")[2] for order in load.parameters["IMAGES"].splitlines()} == {"another"}


def test_without_a_build(world: World) -> None:
    with pytest.raises(UsageError, match="nothing has been built yet") as caught:
        ship_images(world.host, world.work)
    assert (caught.value.exit_code, caught.value.remedy) == (2, "run: fab build")
    assert world.host.transcript == []


def test_too_little_disk_is_refused_before_anything_is_sent(world: World) -> None:
    world.built()
    world.answers(
        hold=told(HostState().having("disk=log / 90000000 1", "disk=docker /var/lib/docker 100000 90000")), load=loads()
    )
    with pytest.raises(
        HostNotReady, match=r"web1: /var/lib/docker needs 176\.0 MB \(images\), 102\.4 MB are free; nothing was sent"
    ):
        ship_images(world.host, world.work)
    assert world.host.transcript == ["hold ship-images"]


def test_an_unfit_host_gets_nothing(world: World) -> None:
    world.built()
    world.answers(hold=told(HostState().but(docker_version="19.3.0")))
    with pytest.raises(UnsupportedHost):
        ship_images(world.host, world.work)
    assert world.host.transcript == ["hold ship-images"]


def test_a_save_that_breaks_off_is_reported_and_cleaned_up(world: World) -> None:
    world.built()
    world.docker.failing = {"save": Answer(1, (), ("Error: unexpected EOF",))}
    world.answers(hold=told(HostState()), load=loads())
    with pytest.raises(DeployError, match="docker save"):
        ship_images(world.host, world.work)
    assert [name for name in world.docker.images if "incoming" in name] == []


@pytest.mark.parametrize(
    ("version", "magic"),
    [
        ("20.10.24", b"\x1f\x8b"),
        ("22.06.0-beta", b"\x1f\x8b"),
        ("23.0.0", b"\x28\xb5\x2f\xfd"),
        ("28.1", b"\x28\xb5\x2f\xfd"),
    ],
)
def test_it_is_compressed_as_the_host_s_engine_reads_it(world: World, version: str, magic: bytes) -> None:
    world.built()
    world.answers(hold=told(HostState().but(docker_version=version)), load=loads())
    ship_images(world.host, world.work)
    (load,) = world.host.sent("load")
    assert load.data.startswith(magic)
    if magic == b"\x1f\x8b":
        assert "manifest.json" in files_in(gzip.decompress(load.data))
