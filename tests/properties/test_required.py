"""What a deployment cannot do without: all that is missing is named, and nothing has begun."""

import os
import random
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.core.errors import SettingsError
from tasks.core.settings import SETTINGS, refuse_all_faults
from tasks.core.settings.before import Wanted
from tests.checkout import copy_checkout
from tests.properties.conftest import Examples
from tests.properties.release import seeded

FAB = Path(sys.executable).parent / "fab"
REQUIRED = [key for key, item in SETTINGS.items() if "empty" not in item.form]
SETS, DEPLOYMENTS = 200, 6

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_checkout(tmp_path_factory.mktemp("checkout"))


def some_missing(chance: random.Random) -> dict[str, str]:
    """Choose what is missing: settings emptied, variables that a list or a compose file names, each with its line."""
    missing = {key: f"{key}=" for key in chance.sample(REQUIRED, chance.randint(0, 8))}
    if chance.random() < 0.3:
        missing["APP_FILES"] = "APP_FILES=IS_THERE,NOT_THERE"
    if chance.random() < 0.3 or not missing:
        missing["APP_COMMANDS"] = "APP_COMMANDS=NOT_THERE_EITHER"
    return missing


def write(checkout: Path, missing: dict[str, str]) -> None:
    (checkout / ".env").write_text("IS_THERE=x\n" + "".join(f"{line}\n" for line in missing.values()))
    (checkout / ".env").chmod(0o600)


def test_all_that_is_missing_is_named(checkout: Path, examples: Examples) -> None:
    """200 random sets, each found whole by what every task of the line goes through first; and no file at all.

    Feature: production-deployment-system, Property 25: Required configuration

    Turned red by: `refuse(reading.faults[:1])`, in effect: `[:1]` behind reading.faults in before.py.
    """
    chance = seeded()
    for _ in range(SETS):
        missing = some_missing(chance)
        write(checkout, missing)
        with pytest.raises(SettingsError) as caught:
            refuse_all_faults(checkout, [Wanted("web1", {}, with_sources=True)], {})
        named = set(re.findall(r"^ *([A-Z_]+) \(\.env:\d+\): (?:is empty|lists)", str(caught.value), re.MULTILINE))
        assert named == set(missing), str(caught.value)
        examples()
    (checkout / ".env").unlink()
    with pytest.raises(SettingsError, match=r"no \.env and no \.env\.web1"):
        refuse_all_faults(checkout, [Wanted("web1", {}, with_sources=True)], {})
    examples()
    assert examples.count >= 100


def test_a_deployment_without_them_starts_nothing(checkout: Path, examples: Examples, tmp_path: Path) -> None:
    """`fab deploy` and `fab build deploy`: exit code 2, all named; no program was run, and no host contacted.

    Feature: production-deployment-system, Property 25: Required configuration

    Turned red by: `error.errors(…)[:1]` in _validate (tasks/core/settings/reading.py).
    """
    chance = seeded()
    for name in ("docker", "finch", "git", "ssh", "sh"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho {name} >>{tmp_path}/ran\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        target = f"127.0.0.1:{listener.getsockname()[1]}"
        for number in range(DEPLOYMENTS):
            missing = some_missing(chance)
            write(checkout, missing)
            done = subprocess.run(
                [FAB, "-H", target, *(("build",) if number % 2 else ()), "deploy"],
                cwd=checkout,
                env={"HOME": str(tmp_path), "PATH": str(tmp_path), "LANG": os.environ.get("LANG", "C.UTF-8")},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert (done.returncode, done.stdout) == (2, "")
            assert set(missing) <= set(re.findall(r"[A-Z_]+", done.stderr)), done.stderr
            assert not (tmp_path / "ran").exists()
            with pytest.raises(BlockingIOError):
                listener.accept()
            assert not (checkout / ".deploy").exists()
            examples()
