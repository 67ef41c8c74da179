"""Secrets in an image archive: found wherever they are and however they are written, and nothing else is."""

import base64
import gzip
import io
import json
import posixpath
import secrets
import tarfile
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from unittest.mock import patch
from urllib.parse import quote_plus

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tasks.core import image_scan
from tasks.core.image_scan import Finding, Searcher, scan_archive
from tasks.core.secret_forms import Form, forms_of, is_ordinary
from tests.unit.test_archive import sha256, tar

IMAGE = "app/backend:0123456789ab"
TOKEN = "q7-Zk/92+mX4 wTé§"
BODY = base64.b64encode(bytes(range(90))).decode()
KEY = f"-----BEGIN PRIVATE KEY-----\n{BODY[:64]}\n{BODY[64:]}\n-----END PRIVATE KEY-----\n"

SECRETS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=8, max_size=200).filter(
    lambda value: not is_ordinary(value)
)
ENCODINGS: Mapping[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "base64": lambda value: base64.encodebytes(b"user:" + value.encode() + b"\n"),
    "base64, for URLs": lambda value: base64.urlsafe_b64encode(b"x" + value.encode()).rstrip(b"="),
    "URL-encoded": lambda value: quote_plus(value).encode(),
    "JSON": lambda value: json.dumps([value]).encode(),
}
PACKINGS: Mapping[str, Callable[[bytes], bytes]] = {
    "plain": lambda layer: layer,
    "gzip": lambda layer: gzip.compress(layer[:700], 1) + gzip.compress(layer[700:], 1),
    "zstd": lambda layer: zstandard.compress(layer[:700]) + zstandard.compress(layer[700:]),
}


def diff_ids(layers: Sequence[bytes]) -> list[str]:
    return [f"sha256:{sha256(layer)}" for layer in layers]


def saved(
    *layers: bytes,
    packing: str = "plain",
    layout: str = "new",
    history: Sequence[object] = (),
    config: Mapping[str, object] | None = None,
) -> bytes:
    """An image as `docker save` writes it; the old layout has the second layer as a link when it is the first again."""
    raw = json.dumps(
        {"rootfs": {"type": "layers", "diff_ids": diff_ids(layers)}, "history": list(history), "config": config or {}}
    ).encode()
    packed = [PACKINGS[packing](layer) for layer in layers]
    if layout == "new":
        files = {f"blobs/sha256/{sha256(layer)}": layer for layer in packed}
        names, place = [f"blobs/sha256/{sha256(layer)}" for layer in packed], f"blobs/sha256/{sha256(raw)}"
    else:
        files = {f"{number}/layer.tar": layer for number, layer in enumerate(packed)}
        names, place = list(files), f"{sha256(raw)}.json"
    manifest = json.dumps([{"Config": place, "RepoTags": [IMAGE], "Layers": names}]).encode()
    return tar({**dict(sorted({**files, place: raw}.items())), "manifest.json": manifest})


def blocks(data: bytes, length: int = 4096) -> Iterator[bytes]:
    return (data[start : start + length] for start in range(0, len(data), length))


def forms(**values: str) -> list[Form]:
    return [form for name, value in values.items() for form in forms_of(f"the value of {name}", value)]


def scan(archive: bytes, *, bases: Sequence[bytes] = (), **values: str) -> list[Finding]:
    return scan_archive(blocks(archive), forms(**values), frozenset(diff_ids(bases)))


def places(found: Sequence[Finding]) -> list[str]:
    return [finding.place for finding in found]


@given(SECRETS, st.sampled_from([*ENCODINGS]), st.sampled_from([*PACKINGS]), st.sampled_from(["old", "new"]), st.data())
def test_a_secret_is_found_at_every_place_in_every_encoding(
    value: str, encoding: str, packing: str, layout: str, data: st.DataObject
) -> None:
    """Turned red by: an overlap of 0, no `_bare(block)` in _Stream."""
    offset, number = data.draw(st.integers(0, 9000)), data.draw(st.integers(0, 2))
    noise = data.draw(st.binary(max_size=99))
    written = noise + b"\n" * (offset % 60) + bytes(offset) + b"\r\n" + ENCODINGS[encoding](value) + noise
    layers = [tar({f"etc/{each}": noise, f"app/{each}/" + "long-" * 30: noise + bytes(each)}) for each in range(3)]
    layers[number] = tar({"bin/one": noise, "srv/planted": written, "srv/other": bytes(600)})
    with patch.object(image_scan, "BLOCK", data.draw(st.integers(200, 5000))):
        found = scan(saved(*layers, packing=packing, layout=layout), TOKEN=value, OTHER=TOKEN * 2)
    assert [(each.secret, each.place) for each in found] == [
        ("the value of TOKEN", f"layer {number + 1} of 3 (no history), /srv/planted")
    ]
    assert found[0].encoding != ""


@given(st.lists(st.binary(max_size=3000), min_size=1, max_size=4), SECRETS, st.integers(200, 5000))
def test_noise_is_no_secret(contents: list[bytes], value: str, block: int) -> None:
    layers = [tar({"a": content, "b/c": value[1:].encode() + content + value[:-1].encode()}) for content in contents]
    if any(form.pattern in image_scan._bare(layer) for layer in layers for form in forms(TOKEN=value)):
        return  # "aaaaaaaaa" stands in what is left of it
    with patch.object(image_scan, "BLOCK", block):
        assert scan(saved(*layers), TOKEN=value) == []


def test_line_breaks_in_other_files_do_not_move_the_place() -> None:
    """Turned red by: no `bisect_right(breaks, end)` in _Stream."""
    text = b"line\r\n" * 2000
    layer = tar({"a": text, "b": text + TOKEN.encode(), "c": text, "d": TOKEN.encode() + text, "e": text})
    assert [place.rpartition("/")[2] for place in places(scan(saved(layer), TOKEN=TOKEN))] == ["b", "d"]


@pytest.mark.parametrize("lengths", [range(8, 23), range(15, 23), range(22, 30), range(23, 48)])
def test_a_form_of_any_length_is_found_at_any_offset(lengths: range) -> None:
    """Turned red by: `_step` 3, `_LONG` 14, `_LONG + _WORD - 1`."""
    every = [Form(f"{length}", "plain", secrets.token_bytes(length)) for length in lengths]
    searcher = Searcher(every)
    for form in every:
        for offset in range(33):
            text = b"\xaa" * offset + form.pattern + b"\xbb" * (offset % 5)
            assert searcher.search(text) == [(form, offset + len(form.pattern) - 1)]


def test_short_and_long_forms_are_found_together() -> None:
    values = {"SHORT": "a1-b2-c3", "MIDDLE": "a1-b2-c3-d4-e5-f", "LONG": "a1-b2-c3-d4-e5-f6-g7-h8-i9"}
    layer = tar({name: value.encode() for name, value in values.items()})
    found = scan_archive([saved(layer)], forms(**values), frozenset())
    assert {(each.place.rpartition("/")[2], each.setting) for each in found} == {
        ("SHORT", "SHORT"), ("MIDDLE", "SHORT"), ("MIDDLE", "MIDDLE"),
        ("LONG", "SHORT"), ("LONG", "MIDDLE"), ("LONG", "LONG"),
    }  # fmt: skip


def test_a_layer_that_two_images_share_as_a_link_is_looked_at_for_both() -> None:
    layer = tar({"secret": TOKEN.encode()})
    config = json.dumps({"rootfs": {"diff_ids": diff_ids([layer])}}).encode()
    manifest = json.dumps([{"Config": "c.json", "RepoTags": [tag], "Layers": [name]}
                           for tag, name in (("one:1", "a/layer.tar"), ("two:1", "b/layer.tar"))]).encode()  # fmt: skip
    target = io.BytesIO(tar({"a/layer.tar": layer, "c.json": config, "manifest.json": manifest}))
    with tarfile.open(fileobj=target, mode="a") as archive:
        link = tarfile.TarInfo("b/layer.tar")
        link.type, link.linkname = tarfile.SYMTYPE, "../a/layer.tar"
        archive.addfile(link)
    assert [each.image for each in scan(target.getvalue(), TOKEN=TOKEN)] == ["one:1", "two:1"]


HISTORY = [
    {"created_by": "ADD rootfs.tar / # buildkit"},
    {"created_by": "ENV A=b", "empty_layer": True},
    {"created_by": "RUN |2 A=1 B=2 /bin/sh -c npm ci   && echo done # buildkit"},
    {"created_by": "/bin/sh -c #(nop) COPY dir:0 in /app "},
]


def test_the_line_of_the_dockerfile_is_named() -> None:
    layers = [tar({name: TOKEN.encode()}) for name in "abc"]
    assert places(scan(saved(*layers, history=HISTORY), bases=layers[:1], TOKEN=TOKEN)) == [
        "layer 1 of 3 (of a base image), /a",
        "layer 2 of 3 (RUN npm ci && echo done), /b",
        "layer 3 of 3 (COPY dir:0 in /app), /c",
    ]


@pytest.mark.parametrize(
    ("where", "config", "history"),
    [
        ("ENV API", {"Env": ["PATH=/bin", f"API={TOKEN}"]}, []),
        ("label note", {"Labels": {"app": "x", "note": base64.b64encode(TOKEN.encode()).decode()}}, []),
        ("label ***", {"Labels": {TOKEN: ""}}, []),
        ("configuration, Cmd", {"Cmd": ["serve", f"--token={TOKEN}"]}, []),
        ("configuration, Healthcheck", {"Healthcheck": {"Test": ["CMD", quote_plus(TOKEN)]}}, []),
        ("history, step 1: RUN ***", {}, [{"created_by": f"RUN /bin/sh -c echo {TOKEN}", "empty_layer": True}]),
        ("history, step 1: ENV A", {}, [{"created_by": "ENV A", "comment": TOKEN, "empty_layer": True}]),
    ],
)
def test_every_part_of_the_configuration_is_looked_at(
    where: str, config: dict[str, object], history: list[object]
) -> None:
    assert places(scan(saved(history=history, config=config), TOKEN=TOKEN)) == [where]


@given(SECRETS, st.sampled_from([*ENCODINGS]))
def test_no_message_has_the_value(value: str, encoding: str) -> None:
    written = ENCODINGS[encoding](value).decode().replace("\0", "")
    name = posixpath.normpath(f"srv/{written}")
    history = [{"created_by": f"COPY {written} /"}]
    found = scan(saved(tar({name: b""}), history=history, config={"Env": [f"{written}={written}"]}), TOKEN=value)
    assert found
    said = "\n".join(map(str, found)).encode()
    assert not any(form.pattern in image_scan._bare(said) for form in forms(TOKEN=value))


PEMS = {
    "PKCS #8": KEY,
    "CRLF": KEY.replace("\n", "\r\n"),
    "RSA": KEY.replace("PRIVATE", "RSA PRIVATE"),
    "OpenSSH": KEY.replace("PRIVATE", "OPENSSH PRIVATE"),
    "encrypted": KEY.replace("KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00FF\n\n", 1),
    "in JSON": json.dumps({"key": KEY}),
    "in code": "const key = '-----BEGIN EC PRIVATE KEY-----\\n' +\n  '" + BODY + "\\n' +\n",
}
NO_PEMS = {
    "no body": "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n",
    "a certificate": KEY.replace("PRIVATE KEY", "CERTIFICATE"),
    "a public key": KEY.replace("PRIVATE", "PUBLIC"),
    "in code": "'-----BEGIN PRIVATE KEY-----\\n' + body.match(/.{1,64}/g).join('\\n')",
}


@pytest.mark.parametrize("text", PEMS.values(), ids=PEMS)
@pytest.mark.parametrize("length", [100, 4096])
def test_private_keys_are_refused_in_what_was_built_here(text: str, length: int) -> None:
    key = tar({"srv/app.txt": b"\n" + text.encode()})
    with patch.object(image_scan, "BLOCK", length):
        assert [str(each) for each in scan(saved(key))] == [
            f"{IMAGE}: layer 1 of 1 (no history), /srv/app.txt: a private key (PEM)"
        ]
    assert scan(saved(key), bases=[key]) == []
    assert scan(saved(tar({"app/node_modules/x/test/key.pem": text.encode()}))) == []
    assert places(scan(saved(config={"Env": [f"KEY={text}"]}))) == ["ENV KEY"]


@pytest.mark.parametrize("text", NO_PEMS.values(), ids=NO_PEMS)
def test_what_only_looks_like_a_private_key_is_none(text: str) -> None:
    assert scan(saved(tar({"srv/app.txt": text.encode()}))) == []


@pytest.mark.parametrize(
    ("path", "is_refused"),
    [
        ("app/.env", True), ("./.env", True), ("app/config/.env.production", True), ("app/.env.local", True),
        ("app/.env.example", False), ("app/.env.sample", False), ("app/env.example", False), ("app/.envrc", False),
        ("app/node_modules/dotenv/.env", False), ("app/x.env", False), ("app/.env.example.real", True),
    ],
)  # fmt: skip
def test_env_files_are_refused_in_what_was_built_here(path: str, is_refused: bool) -> None:
    layer = tar({path: b"A=b\n"})
    expected = [f"layer 1 of 1 (no history), /{path.removeprefix('./')}"] if is_refused else []
    assert places(scan(saved(layer))) == expected
    assert scan(saved(layer), bases=[layer]) == []


def test_a_secret_in_a_base_image_s_layer_is_refused() -> None:
    base = tar({"app/node_modules/x": TOKEN.encode()})
    assert places(scan(saved(base), bases=[base], TOKEN=TOKEN)) == [
        "layer 1 of 1 (of a base image), /app/node_modules/x"
    ]


@given(st.data(), st.sampled_from([*PACKINGS]))
def test_an_archive_that_is_cut_short_is_refused(data: st.DataObject, packing: str) -> None:
    whole = saved(tar({"a": bytes(range(256)) * 4}), tar({"b": b"b"}), packing=packing)
    cut = data.draw(st.integers(0, whole.index(b'"RepoTags"')))
    with pytest.raises(ValueError, match="archive"):
        scan(whole[:cut])


@pytest.mark.parametrize("broken", [b"\x1f\x8b broken", b"\x28\xb5\x2f\xfd broken"])
def test_a_layer_that_cannot_be_unpacked_is_refused(broken: bytes) -> None:
    with pytest.raises(ValueError, match="archive"):
        scan(saved(broken))


def test_no_layer_is_held_in_memory() -> None:
    """Turned red by: `source.read()` without a size in _peeked."""
    layer = tar({"large": bytes(48 << 20)})
    archive = saved(layer)
    tracemalloc.start()
    try:
        assert scan_archive(blocks(archive, 1 << 20), forms(TOKEN=TOKEN), frozenset()) == []
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
