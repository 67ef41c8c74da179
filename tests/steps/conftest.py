"""One small checkout for all step tests, and a world of stand-ins for each."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tasks.builds import make_build
from tasks.core.protocols import Answer, Outcome
from tasks.core.releases import Build, ReleaseFiles, release_files
from tasks.core.settings import Settings
from tasks.core.workspace import Workspace
from tasks.last_build import write_build
from tests.steps.fakes import Call, FakeConsole, FakeDocker, FakeHost, Script
from tests.steps.samples import RELEASE, SECRET, HostState, make_settings

ROOT = Path(__file__).resolve().parents[2]


def copy_tree(source: Path, target: Path) -> None:
    """Copy a directory without what npm and builds left in it."""
    for path in sorted(source.rglob("*")):
        if path.is_file() and not {"node_modules", "dist"} & set(path.relative_to(source).parts):
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(path.read_bytes())
            place.chmod(path.stat().st_mode)


@pytest.fixture(scope="session")
def application(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("application")
    copy_tree(ROOT / "examples" / "community-tracker", place)
    return place


@dataclass
class World:
    """A workstation with docker, a console, and a host that says what it is told to say."""

    root: Path
    settings: Settings
    docker: FakeDocker
    console: FakeConsole
    host: FakeHost

    @property
    def work(self) -> Workspace:
        return Workspace(self.root, self.settings, self.docker, self.console)

    def built(self) -> Build:
        """Have the four images built, as `fab build` does some time before, and forget how."""
        build = replace(make_build(self.work).build, release=RELEASE)
        write_build(self.root, build)
        self.docker.transcript.clear()
        self.console.said.clear()
        return build

    def files(self) -> ReleaseFiles:
        return release_files(self.root, self.settings, self.built())

    def set(self, **overrides: str) -> None:
        source = str(self.settings.app_source)
        self.settings = make_settings(self.root, **{"APP_SOURCE": source, **overrides})

    def answers(self, **scripts: Script | Sequence[Script]) -> None:
        """Script the host; `hold_activate` is what an activation under the lock ends with."""
        for name, script in scripts.items():
            answers = script if isinstance(script, Sequence) else [script]
            self.host.scripts = {**self.host.scripts, name.replace("_", " "): answers}

    def is_secret_kept(self, outcome: Outcome | None = None) -> bool:
        """Whether the application's secret was in nothing that a person, a process list or a log could show."""
        seen = [self.console.everything, repr(self.docker.transcript), repr(self.host.transcript), repr(self.settings)]
        seen += [repr((call.words, dict(call.parameters))) for call in self.host.calls]
        seen += [outcome.summary, json.dumps(outcome.data, default=str)] if outcome else []
        seen += [path.read_text(errors="replace") for path in (self.root / ".deploy").rglob("*") if path.is_file()]
        return SECRET not in "\n".join(seen)


@pytest.fixture
def world(tmp_path: Path, application: Path) -> World:
    for name in ("containers", "compose", "scripts"):
        (tmp_path / name).symlink_to(ROOT / name)
    settings = make_settings(tmp_path, APP_SOURCE=str(application))
    return World(tmp_path, settings, FakeDocker(), FakeConsole(), FakeHost())


def told(state: HostState, *, recovered: str = "") -> Answer:
    """What `facts` or `hold` answers."""
    return Answer(0, ("locked=yes", *([f"recovered={recovered}"] if recovered else []), *state.lines()))


def activated(release: str, slot: str = "blue", previous: str = "") -> Answer:
    lines = (
        "result=active", f"release={release}", f"previous={previous}", f"slot={slot}", "seq=1",
        "serving=2026-11-23T15:46:00Z",
        "step=start 1200", "step=health 2500", "step=switch 30", "log=/var/log/community-tracker/x.log",
    )  # fmt: skip
    return Answer(0, lines, ("release serving",))


def failed(release: str, previous: str = "") -> Answer:
    """An activation whose backend never became healthy, and that was undone."""
    lines = (
        "result=failed", f"release={release}", f"previous={previous}", f"slot={'blue' if previous else 'none'}",
        "seq=2", "serving=", "step=start 1200", "failed.step=health", "failed.service=backend",
        "failed.reason=its container ended with exit code 1", "failed.next=look into backend-api",
        "failed.tried=/health through slot green, 3 times in 2 s", "failed.answer=HTTP 503", "task=up",
        "time=2026-11-23T15:46:02Z", f"active={previous}", "answers=yes", "put_back=put back: as before",
        "container=backend ended with exit code 1 (restarts: 2)", "container=edge ended with exit code 9",
        "line=edge bye", "line=backend Error: cannot find module", "line=backend at main.js",
        "log=/var/log/community-tracker/y.log",
    )  # fmt: skip
    talk = (
        "2026-11-23T15:45:59Z starting",
        "2026-11-23T15:46:00Z FAILED in step health, service backend: its container ended with exit code 1",
        "2026-11-23T15:46:00Z   next: look into backend-api",
        "2026-11-23T15:46:00Z last lines of backend:", "2026-11-23T15:46:00Z   | Error: cannot find module",
        "2026-11-23T15:46:02Z put back",
    )  # fmt: skip
    return Answer(1, lines, talk)


def loads(*mismatched: str) -> Script:
    """What `load` answers: each image verified, but for those named."""

    def answer(call: Call) -> Answer:
        orders = call.parameters["IMAGES"].splitlines()
        services = [order.split()[0] for order in orders]
        lines = [f"{'mismatch' if each in mismatched else 'verified'}={each}" for each in services]
        return Answer(1 if mismatched else 0, tuple(lines))

    return answer
