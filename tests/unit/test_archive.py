"""Archives of `docker save`, in the layouts of Docker 20.10 and of Docker 25 and newer."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.archive import BlockReader, read_archive, without_layers

LAYERS = st.lists(st.binary(max_size=3000), min_size=1, max_size=4, unique=True)
LAYOUTS = st.sampled_from(["old", "new"])
TAG = "app/backend:20261123T154500Z-1a2b3c4"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def tar(files: dict[str, bytes], *, links: dict[str, str] | None = None) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(content), 1_763_912_700.5
            archive.addfile(member, io.BytesIO(content))
        for name, place in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, place
            archive.addfile(member)
    return target.getvalue()


def config(layers: list[bytes]) -> bytes:
    diff_ids = [f"sha256:{sha256(layer)}" for layer in layers]
    data = {"created": "2026-11-23T15:45:00Z", "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    return json.dumps(data).encode()


def saved_files(layers: list[bytes], layout: str) -> dict[str, bytes]:
    """The files of an archive of one image, in the order in which the engine writes them."""
    raw = config(layers)
    if layout == "old":
        names = [f"{sha256(b'id' + layer)}/layer.tar" for layer in layers]
        place = f"{sha256(raw)}.json"
    else:
        names = [f"blobs/sha256/{sha256(layer)}" for layer in layers]
        place = f"blobs/sha256/{sha256(raw)}"
    manifest = [{"Config": place, "RepoTags": [TAG], "Layers": names}]
    files = dict(sorted({**dict(zip(names, layers, strict=True)), place: raw}.items()))
    return {**files, "manifest.json": json.dumps(manifest).encode(), "repositories": b"{}"}


def save(layers: list[bytes], layout: str) -> bytes:
    return tar(saved_files(layers, layout))


def blocks(data: bytes, length: int = 4096) -> Iterator[bytes]:
    return (data[start : start + length] for start in range(0, len(data), length))


def contents(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        return {member.name: file.read() for member in opened if (file := opened.extractfile(member))}


@given(LAYERS, LAYOUTS, st.integers(1, 9000))
def test_an_image_is_read_whatever_the_layout_and_the_blocks(layers: list[bytes], layout: str, length: int) -> None:
    (image,) = read_archive(blocks(save(layers, layout), length))
    assert image.tags == (TAG,)
    assert image.digest == sha256(config(layers))
    assert image.layers == tuple(f"sha256:{sha256(layer)}" for layer in layers)
    assert image.created == "2026-11-23T15:45:00Z"


@given(LAYERS, LAYOUTS, st.data())
def test_a_truncated_archive_is_refused(layers: list[bytes], layout: str, data: st.DataObject) -> None:
    files = saved_files(layers, layout)
    whole = tar(files)
    end_of_manifest = whole.index(files["manifest.json"]) + len(files["manifest.json"])
    cut = data.draw(st.integers(0, end_of_manifest - 1))
    with pytest.raises(ValueError, match="archive"):
        read_archive(blocks(whole[:cut]))


@given(LAYERS, LAYOUTS)
def test_a_layer_that_the_manifest_names_must_be_there(layers: list[bytes], layout: str) -> None:
    files = saved_files(layers, layout)
    for gone in [name for name in files if name not in ("manifest.json", "repositories")]:
        rest = {name: content for name, content in files.items() if name != gone}
        with pytest.raises(ValueError, match="archive"):
            read_archive([tar(rest)])


@pytest.mark.parametrize(
    "data",
    [
        b"", b"no archive at all", b"\0" * 10240, tar({"hello.txt": b"hello"}), tar({"manifest.json": b"{"}),
        tar({"manifest.json": b'{"a": 1}'}), tar({"manifest.json": b'[{"Config": "c"}]'}),
        tar({"c": b"{}", "manifest.json": b'[{"Config": "c", "Layers": []}]'}),
    ],
)  # fmt: skip
def test_what_is_no_image_archive_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="archive"):
        read_archive([data] if data else [])


def test_links_to_shared_layers_are_no_obstacle() -> None:
    """Docker 20.10 writes a layer that two images share as a link to the other's."""
    files = saved_files([b"one", b"two"], "old")
    manifest = json.loads(files["manifest.json"])
    linked, target = manifest[0]["Layers"]
    del files[linked]
    files["manifest.json"] = json.dumps(manifest).encode()
    (image,) = read_archive([tar(files, links={linked: f"../{target}"})])
    assert len(image.layers) == 2


@given(LAYERS, st.data())
def test_exactly_the_named_layers_are_left_out(layers: list[bytes], data: st.DataObject) -> None:
    whole = save(layers, "new")
    gone = data.draw(st.sets(st.sampled_from(layers)))
    present = frozenset(f"sha256:{sha256(layer)}" for layer in gone) | {f"sha256:{'0' * 64}"}
    smaller = b"".join(without_layers(blocks(whole), present))
    left = {name: content for name, content in contents(whole).items() if content not in gone}
    assert contents(smaller) == left
    assert list(contents(smaller)) == list(left)
    assert len(smaller) % tarfile.BLOCKSIZE == 0


@given(LAYERS)
def test_an_old_archive_goes_through_whole(layers: list[bytes]) -> None:
    whole = save(layers, "old")
    present = frozenset(f"sha256:{sha256(layer)}" for layer in layers)
    assert contents(b"".join(without_layers(blocks(whole), present))) == contents(whole)


def test_links_go_through_whole() -> None:
    whole = tar({"a/layer.tar": b"one"}, links={"b/layer.tar": "../a/layer.tar"})
    smaller = b"".join(without_layers([whole], frozenset({"sha256:0"})))
    with tarfile.open(fileobj=io.BytesIO(smaller)) as opened:
        assert opened.getmember("b/layer.tar").linkname == "../a/layer.tar"


@given(st.lists(st.binary(max_size=50)), st.lists(st.integers(0, 60), min_size=1))
def test_blocks_read_as_a_file(parts: list[bytes], sizes: list[int]) -> None:
    whole, reader, place = b"".join(parts), BlockReader(parts), 0
    for length in sizes:
        assert reader.read(length) == whole[place : place + length]
        place += length
    assert reader.read() == whole[place:]
