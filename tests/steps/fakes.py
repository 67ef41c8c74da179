"""Stand-ins for a host, the workstation and the console: they give scripted answers and write down what was asked."""

import io
import json
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tasks.core.errors import DeployError
from tasks.core.protocols import Answer, Listener, Progress
from tasks.core.reasons import script_failure
from tests.steps.samples import sha256

Script = Answer | Callable[["Call"], Answer]


@dataclass(frozen=True)
class Call:
    """One command that a host was sent: its words, its parameters, its data."""

    words: tuple[str, ...]
    parameters: Mapping[str, str]
    data: bytes = b""


@dataclass
class FakeHost:
    """A host that answers each command from a list; the last answer of a list is given again.

    An activation or `down`, ordered under the lock, is answered by the script `hold activate` or `hold down`.
    """

    scripts: Mapping[str, Sequence[Script]] = field(default_factory=dict)
    name: str = "web1"
    target: str = "deployer@web1:2222"
    address: str = "192.0.2.1"
    round_trips: int = 0
    calls: list[Call] = field(default_factory=list)
    transcript: list[str] = field(default_factory=list)
    lock_given_back: int = 0
    pongs: int = 0
    released: int = 0

    def run(
        self,
        command: str,
        *arguments: str,
        parameters: Mapping[str, str],
        accept: Sequence[int] = (0,),
        source: Iterable[bytes] | None = None,
        listen: Listener | None = None,
    ) -> Answer:
        words = (command, *arguments)
        self.transcript.append(" ".join(words))
        self.round_trips += 1
        call = Call(words, dict(parameters), b"".join(source or ()))
        self.calls.append(call)
        answer = self.answer(command, call, listen)
        if answer.exit_code not in accept:
            raise script_failure(self, command, answer)
        return answer

    @contextmanager
    def converse(
        self, command: str, *arguments: str, parameters: Mapping[str, str], listen: Listener | None = None
    ) -> Iterator["FakeConversation"]:
        words = (command, *arguments)
        self.transcript.append(" ".join(words))
        self.round_trips += 1
        call = Call(words, dict(parameters))
        self.calls.append(call)
        try:
            yield FakeConversation(self, call, listen)
        finally:
            self.lock_given_back += 1

    def attach(self, words: Sequence[str], *, is_terminal: bool) -> int:
        self.transcript.append(f"docker {' '.join(words)}")
        return 7

    def answer(self, script: str, call: Call, listen: Listener | None) -> Answer:
        scripts = self.scripts.get(script)
        assert scripts, f"the host was not expected to be asked: {' '.join(call.words)}"
        before = sum(1 for each in self.calls[:-1] if each.words[0] == script)
        chosen = scripts[min(before, len(scripts) - 1)]
        answer = chosen(call) if callable(chosen) else chosen
        for line in answer.talk if listen else ():
            assert listen is not None
            listen(line)
        return answer

    def sent(self, command: str) -> list[Call]:
        return [call for call in self.calls if call.words[0] == command]


@dataclass
class FakeConversation:
    host: FakeHost
    call: Call
    listen: Listener | None
    order: str = ""

    def lines_until(self, end: str) -> tuple[str, ...]:
        if end == "pong":
            self.host.pongs += 1
            return ()
        answer = self.host.answer("hold", self.call, self.listen)
        if answer.exit_code:
            raise script_failure(self.host, "hold", answer)
        assert end == "ready"
        return answer.lines

    def send(self, line: str) -> None:
        self.order = line
        if line != "release":
            self.host.transcript.append(f"hold: {line}")

    def lines(self) -> Iterator[str]:
        yield from self.host.answer(self.call.words[0], self.call, self.listen).lines

    def finish(self) -> Answer:
        if self.order == "release":
            self.host.released += 1
            return Answer(0)
        if not self.order:
            return self.host.answer(self.call.words[0], self.call, self.listen)
        return self.host.answer(f"hold {self.order.split()[0]}", Call((self.order,), {}), self.listen)


def files_in(archive: bytes) -> dict[str, bytes]:
    """The files of a tar, by name."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {member.name: content.read() for member in tar if (content := tar.extractfile(member))}


@dataclass
class FakeProgress:
    what: str
    done: int = 0
    notes: list[str] = field(default_factory=list)

    def advance(self, amount: int) -> None:
        self.done += amount

    def note(self, text: str) -> None:
        self.notes.append(text)


@dataclass
class FakeConsole:
    """A console that remembers; `everything` is all that a person, or their log, could have seen."""

    said: list[str] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)
    shown: list[FakeProgress] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.said.append(text)

    def detail(self, text: str) -> None:
        self.details.append(text)

    def step(self, name: str) -> None:
        self.steps.append(name)

    def warn(self, text: str) -> None:
        self.warned.append(text)

    @contextmanager
    def progress(self, what: str) -> Iterator[Progress]:
        self.shown.append(FakeProgress(what))
        yield self.shown[-1]

    @property
    def everything(self) -> str:
        progress = [text for each in self.shown for text in (each.what, *each.notes)]
        return "\n".join([*self.said, *self.details, *self.warned, *progress])


@dataclass
class FakeDocker:
    """A workstation whose only program is docker, with an image store in memory.

    What is built has two layers: one of the base images, one of the staged context.
    """

    images: dict[str, dict[str, object]] = field(default_factory=dict)
    transcript: list[tuple[str, ...]] = field(default_factory=list)
    programs: tuple[str, ...] = ("docker",)
    version: str = "26.1.5"
    failing: Mapping[str, Answer] = field(default_factory=dict)
    """An answer for a verb (`build`, `save`) in the place of the real one."""
    pull: Callable[[tuple[str, ...]], Answer] | None = None
    stopped: bool = False
    server: tuple[str, ...] = ("postgres (PostgreSQL) 15.18", "ld-musl-x86_64.so.1")
    """What a database image says of itself."""
    planted: str = ""
    """What every image that is built gets in its layer besides."""

    def __post_init__(self) -> None:
        for base in ("node:lts-alpine", "nginx:alpine", "postgres:15-alpine"):
            self.images.setdefault(base, _image(base, {}))

    def has(self, program: str) -> bool:
        return program in self.programs

    def stop(self) -> None:
        self.stopped = True

    def run(
        self,
        command: Sequence[str],
        *,
        accept: Sequence[int] = (0,),
        listen: Listener | None = None,
    ) -> Answer:
        words = tuple(command)
        self.transcript.append(words)
        assert words[0] in self.programs
        answer = self.failing.get(words[1]) or self._answer(words)
        for line in (*answer.lines, *answer.talk) if listen else ():
            assert listen is not None
            listen(line)
        if answer.exit_code not in accept:
            raise DeployError(
                f"`{' '.join(words[:3])} …` ended with exit code {answer.exit_code}", detail="\n".join(answer.talk)
            )
        return answer

    def _answer(self, words: tuple[str, ...]) -> Answer:  # noqa: C901, PLR0911 - one a verb
        match words[1:]:
            case ("info", *_):
                return Answer(0, (self.version,))
            case ("image", "inspect", "--format", "{{json .}}", *tags):
                found = [self._shown(tag) for tag in tags if tag in self.images]
                return Answer(0 if len(found) == len(tags) else 1, tuple(json.dumps(each) for each in found))
            case ("images", "--format", "json"):
                names = (tag.rpartition(":")[::2] for tag in list(self.images))
                return Answer(0, tuple(json.dumps({"Repository": name, "Tag": tag}) for name, tag in names))
            case ("run", "--rm", "--network", "none", "--entrypoint", "/bin/sh", tag, *_):
                return Answer(0, self.server) if tag in self.images else Answer(125)
            case ("pull", _) if self.pull:
                return self.pull(words)
            case ("build", *_):
                return self._build(words)
            case ("tag", source, target):
                if source not in self.images:
                    return Answer(1, (), (f"Error response from daemon: No such image: {source}",))
                self.images[target] = self.images[source]
                return Answer(0)
            case ("rmi", *tags):
                for tag in tags:
                    self.images.pop(tag, None)
                return Answer(0)
        raise AssertionError(f"docker was not expected to be asked: {' '.join(words)}")

    def _shown(self, tag: str) -> dict[str, object]:
        image = self.images[tag]
        return image | {"RepoTags": [name for name, each in list(self.images.items()) if each is image]}

    def _build(self, words: tuple[str, ...]) -> Answer:
        context, tag = Path(words[-1]), words[words.index("-t") + 1]
        files = sorted(path for path in context.rglob("*") if path.is_file())
        content = "".join(f"{path.relative_to(context)} {sha256(path.read_bytes())}\n" for path in files)
        given = [words[place + 1] for place, word in enumerate(words) if word == "--label"]
        labels = dict(label.split("=", 1) for label in given)
        self.images[tag] = _image(content + self.planted, labels)
        return Answer(0, (), ("#1 building", "#2 done"))

    def pipe(self, command: Sequence[str]) -> Iterator[bytes]:
        words = tuple(command)
        self.transcript.append(words)
        assert words[1] == "save"
        yield saved({tag: self.images[tag] for tag in words[2:]})
        if failed := self.failing.get("save"):
            raise DeployError(f"`docker save …` ended with exit code {failed.exit_code}", detail="\n".join(failed.talk))

    @property
    def verbs(self) -> list[str]:
        """What docker was asked to do, without its options."""
        return [" ".join(words[1:3] if words[1] == "image" else words[1:2]) for words in self.transcript]


def _image(content: str, labels: Mapping[str, str]) -> dict[str, object]:
    layers = [f"sha256:{sha256(layer)}" for layer in _layers(content)]
    return {
        "Architecture": "amd64", "Created": "2026-11-23T15:45:00Z", "Size": 40_000_000, "RootFS": {"Layers": layers},
        "Config": {"Labels": dict(labels), "Env": ["PATH=/bin"], "Cmd": ["run"]}, "Content": content,
    }  # fmt: skip


def _layers(content: str) -> tuple[bytes, bytes]:
    return b"the base's files", content.encode()


def saved(images: Mapping[str, Mapping[str, object]]) -> bytes:
    """What `docker save` writes, in the layout of Docker 25 and newer; layers that images share are in it once."""
    blobs: dict[str, bytes] = {}
    manifest = []
    for tag, image in images.items():
        layers = {f"blobs/sha256/{sha256(layer)}": layer for layer in _layers(str(image["Content"]))}
        root = {"type": "layers", "diff_ids": [f"sha256:{name.rpartition('/')[2]}" for name in layers]}
        config = json.dumps({"created": image["Created"], "rootfs": root, "config": image["Config"]})
        blobs |= layers | {f"blobs/sha256/{sha256(config)}": config.encode()}
        manifest.append({"Config": f"blobs/sha256/{sha256(config)}", "RepoTags": [tag], "Layers": list(layers)})
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, content in {**blobs, "manifest.json": json.dumps(manifest).encode()}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return target.getvalue()
