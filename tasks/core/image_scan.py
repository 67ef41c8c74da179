"""Looking for secrets in an image archive (`docker save`, `nerdctl save`): one pass, no layer in memory.

Both layouts, and plain, gzip and zstd layers, are read (see archive.py). A layer is searched as the stream that it is,
file names and all; where something is found, the tar's own table says in which file. Line breaks are left out of what
is searched and of what is looked for.

A secret of the settings is refused in every layer. Private keys and .env files are refused in the layers that were
built here: what a base image brings is public, and so are the packages in node_modules, some of which have keys for
their tests.
"""

from __future__ import annotations

import gzip
import json
import posixpath
import re
import sys
import tarfile
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, product
from typing import IO, Any, cast

import zstandard

from tasks.core.archive import BLOCK, SMALL, BlockReader
from tasks.core.faults import one_line
from tasks.core.secret_forms import LINE_BREAKS, VALUE_OF, Form

VERSION = 1
"""To be counted up when more is looked for, so that images are looked at again."""

PRIVATE_KEY = Form("a private key", "PEM", b"")
"""What any private key is reported as."""

# Line breaks are gone here; in source code and JSON they are still there, as \n. A key without a body is none.
_KEY = re.compile(
    rb"-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY-----"
    rb"(?:\\{1,4}[rn]|[\s\"'+]|Proc-Type: 4,ENCRYPTED|DEK-Info: [A-Z0-9-]{1,24},[0-9A-F]{0,64}){0,24}[A-Za-z0-9+/]{40}"
)
_KEY_MARK = b"PRIVATE KEY-----"
_KEY_LONGEST = 2800
_WORD = 8
_LONG = 2 * _WORD - 1
_ENV_FILE = re.compile(r"\.env(?:\.(?!(?:example|sample|template|dist|defaults)$).+)?")
_PACKAGES = "node_modules"
_SHELL = re.compile(r"^RUN (?:\|\d+ .*? )?/bin/sh -c ")
_WIDTH = 60
_UNREADABLE = (tarfile.TarError, zlib.error, zstandard.ZstdError, EOFError, OSError, KeyError, TypeError, ValueError)


@dataclass(frozen=True)
class Finding:
    """Say what was found where: a secret's name and never its value; `place` is a file in a layer, a label, …"""

    image: str
    place: str
    secret: str
    encoding: str = field(default="", compare=False)
    is_file: bool = False

    @property
    def setting(self) -> str:
        """The application's variable whose value it is, or nothing."""
        return self.secret.removeprefix(VALUE_OF) if self.secret.startswith(VALUE_OF) else ""

    def __str__(self) -> str:
        """Give the line of the message."""
        return f"{self.image}: {self.place}: {self.secret}{f' ({self.encoding})' if self.encoding else ''}"


class Searcher:
    """Find every form of every secret, and private keys, in a text without line breaks.

    A text of 23 bytes covers, wherever it begins, a whole word of 8 bytes at a multiple of 16; one of 15 bytes, at a
    multiple of 8. So one look at the text's words against those of all forms finds the few forms that may be there, at
    a speed that does not depend on how many are looked for. [Measured in MB/s for 20 and for 400 forms: this 350 and
    490, Python's `in` 360 and 11, `re` 50 and less than 5, pyahocorasick 70 and 36, ahocorasick-rs, which has no wheels
    for Alpine, 290 and 200.] Shorter forms are few, and looked for by `in`.
    """

    def __init__(self, forms: Iterable[Form]) -> None:
        """Prepare the search."""
        every = list(forms)
        self._short = [form for form in every if len(form.pattern) < _LONG]
        long = [form for form in every if len(form.pattern) >= _LONG]
        self._step = 2 if all(len(form.pattern) >= _LONG + _WORD for form in long) else 1
        self._words: dict[int, list[Form]] = {}
        for form, start in product(long, range(_WORD * self._step)):
            word = int.from_bytes(form.pattern[start : start + _WORD], sys.byteorder)
            self._words.setdefault(word, []).append(form)
        self._known = frozenset(self._words)
        self.overlap = max([_KEY_LONGEST, *(len(form.pattern) for form in every)]) - 1
        """Bytes of a stream that have to be looked at again together with those that follow."""

    def search(self, text: bytes) -> list[tuple[Form, int]]:
        """Give what is there, each with the place of its last byte."""
        words = memoryview(text)[: len(text) // _WORD * _WORD].cast("Q")[:: self._step]
        maybe = dict.fromkeys(form for word in self._known.intersection(words) for form in self._words[word])
        found = [(form, end) for form in (*self._short, *maybe) for end in _ends(form.pattern, text)]
        if _KEY_MARK in text:
            found += [(PRIVATE_KEY, key.end() - 1) for key in _KEY.finditer(text)]
        return found

    def masked(self, text: str) -> str:
        """Give a text for a message, unless the text itself has a secret in it."""
        return "***" if self.search(_bare(text.encode())) else one_line(text)


def _ends(pattern: bytes, text: bytes) -> Iterator[int]:
    start = text.find(pattern)
    while start >= 0:
        yield start + len(pattern) - 1
        start = text.find(pattern, start + 1)


def scan_archive(blocks: Iterable[bytes], forms: Sequence[Form], bases: frozenset[str]) -> list[Finding]:
    """Look through every image of an archive; `bases` are the diff ids of layers that were not built here.

    Raises ValueError when the archive is cut short, or no such archive.
    """
    searcher = Searcher(forms)
    blobs: dict[str, _Blob] = {}
    links: dict[str, str] = {}
    source = BlockReader(blocks)
    try:
        with tarfile.open(fileobj=cast("IO[bytes]", source), mode="r|", bufsize=BLOCK) as archive:
            for member in archive:
                if member.issym() or member.islnk():
                    place = posixpath.dirname(member.name) if member.issym() else ""
                    links[member.name] = posixpath.normpath(posixpath.join(place, member.linkname))
                elif content := archive.extractfile(member):
                    blobs[member.name] = _read_blob(content, searcher)
        _drain(source)
        blobs |= {name: blobs[target] for name, target in links.items() if target in blobs}
        entries = json.loads(blobs["manifest.json"].content)
        found = [each for entry in entries for each in _Image(entry, blobs, searcher).findings(bases)]
    except _UNREADABLE as error:
        raise ValueError(f"not a whole image archive: {error}") from error
    return list(dict.fromkeys(found))


@dataclass
class _Blob:
    """A file of the archive: its content if it is small and no layer; what is in it, by path; its .env files."""

    content: bytes = b""
    found: list[tuple[str, Form]] = field(default_factory=list)
    env_files: list[str] = field(default_factory=list)


def _read_blob(content: IO[bytes], searcher: Searcher) -> _Blob:
    head, whole = _peeked(_unpacked(content), tarfile.BLOCKSIZE)
    stream = _Stream(whole, searcher)
    is_tar = head[257:262] == b"ustar" or head == bytes(tarfile.BLOCKSIZE)
    blob = _read_layer(stream) if is_tar else _Blob(stream.read(SMALL))
    _drain(stream)
    if not is_tar:
        blob.found = [("", form) for _, form in stream.hits]
    return blob


def _read_layer(stream: _Stream) -> _Blob:
    blob, starts, names = _Blob(), [0], [""]
    with tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|", bufsize=BLOCK) as layer:
        for member in layer:
            cast("Any", layer).members.clear()  # the library would keep them all
            starts.append(member.offset)
            names.append(member.name)
            if (member.isreg() or member.islnk()) and _ENV_FILE.fullmatch(posixpath.basename(member.name)):
                blob.env_files.append(member.name)
    _drain(stream)
    blob.found = [(names[bisect_right(starts, place) - 1], form) for place, form in stream.hits]
    return blob


class _Stream:
    """A stream that is searched as somebody reads it; `hits` are offsets in it, with what is there."""

    def __init__(self, source: BlockReader, searcher: Searcher) -> None:
        self._source, self._searcher = source, searcher
        self._tail, self._offset = b"", 0
        self.hits: list[tuple[int, Form]] = []

    def read(self, size: int) -> bytes:
        block = self._source.read(size)
        kept = len(self._tail)
        text = self._tail + _bare(block)
        new = [(form, end - kept) for form, end in self._searcher.search(text) if end >= kept]
        if new:
            breaks = [found.start() - count for count, found in enumerate(re.finditer(rb"[\r\n]", block))]
            self.hits += [(self._offset + end + bisect_right(breaks, end), form) for form, end in new]
        self._offset += len(block)
        self._tail = text[-self._searcher.overlap :]
        return block


def _bare(text: bytes) -> bytes:
    return text.translate(None, LINE_BREAKS)


def _peeked(source: IO[bytes], size: int) -> tuple[bytes, BlockReader]:
    head = source.read(size)
    return head, BlockReader(chain([head], iter(lambda: source.read(BLOCK), b"")))


def _unpacked(content: IO[bytes]) -> IO[bytes]:
    head, whole = _peeked(content, 4)
    packed = cast("IO[bytes]", whole)
    if head[:2] == b"\x1f\x8b":
        return cast("IO[bytes]", gzip.GzipFile(fileobj=packed))
    if head == b"\x28\xb5\x2f\xfd":
        return cast("IO[bytes]", zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True))
    return packed


def _drain(stream: BlockReader | _Stream) -> None:
    while stream.read(BLOCK):
        pass


class _Image:
    """One image of an archive, by its entry in the manifest."""

    def __init__(self, entry: Mapping[str, Any], blobs: Mapping[str, _Blob], searcher: Searcher) -> None:
        self._searcher = searcher
        self._config = json.loads(blobs[entry["Config"]].content)
        self._layers = [blobs[name] for name in entry["Layers"]]
        self._name = str((entry.get("RepoTags") or [entry["Config"]])[0])

    def findings(self, bases: frozenset[str]) -> Iterator[Finding]:
        """Give all that is in its layers and its configuration."""
        ids = self._config["rootfs"]["diff_ids"]
        for number, (layer, diff_id) in enumerate(zip(self._layers, ids, strict=True), 1):
            is_ours = diff_id not in bases
            where = f"layer {number} of {len(ids)} ({self._instruction(number) if is_ours else 'of a base image'})"
            for path, form in layer.found:
                if form is not PRIVATE_KEY or (is_ours and not _is_package(path)):
                    yield Finding(self._name, f"{where}, {self._path(path)}", form.secret, form.encoding, is_file=True)
            for path in layer.env_files:
                if is_ours and not _is_package(path):
                    yield Finding(self._name, f"{where}, {self._path(path)}", "a file of settings", is_file=True)
        for place, text in self._texts():
            for form, _ in self._searcher.search(_bare(text.encode())):
                yield Finding(self._name, place, form.secret, form.encoding)

    def _path(self, path: str) -> str:
        return self._searcher.masked("/" + path.removeprefix("./").lstrip("/"))

    def _instruction(self, number: int) -> str:
        """Give the line of the Dockerfile that made a layer."""
        made = [step for step in self._config.get("history") or [] if not step.get("empty_layer")]
        return self._shown(str(made[number - 1].get("created_by", ""))) if number <= len(made) else "no history"

    def _shown(self, command: str) -> str:
        text = " ".join(command.removesuffix("# buildkit").removeprefix("/bin/sh -c #(nop)").split())
        text = _SHELL.sub("RUN ", text)
        if self._searcher.masked(text) == "***":
            return f"{text.split()[0]} ***" if self._searcher.masked(text.split()[0]) != "***" else "***"
        return one_line(text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…")

    def _texts(self) -> Iterator[tuple[str, str]]:
        """Give every text of the configuration, with a name for where it stands."""
        shown = self._searcher.masked
        config = self._config.get("config") or {}
        for setting in config.get("Env") or []:
            yield f"ENV {shown(setting.partition('=')[0])}", setting
        for label, value in (config.get("Labels") or {}).items():
            yield f"label {shown(label)}", f"{label}={value}"
        for number, step in enumerate(self._config.get("history") or [], 1):
            yield f"history, step {number}: {self._shown(str(step.get('created_by', '')))}", " ".join(_strings(step))
        rest = {key: value for key, value in config.items() if key not in ("Env", "Labels")}
        others = {key: value for key, value in self._config.items() if key not in ("config", "history")}
        for key, value in {**others, **rest}.items():
            for text in _strings(value):
                yield f"configuration, {shown(key)}", text


def _is_package(path: str) -> bool:
    return _PACKAGES in path.split("/")


def _strings(data: object) -> Iterator[str]:
    """Give every text in JSON data, the names too."""
    match data:
        case str():
            yield data
        case dict():
            yield from (text for pair in data.items() for each in pair for text in _strings(each))
        case list():
            yield from (text for each in data for text in _strings(each))
