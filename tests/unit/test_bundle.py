"""The bundle: every host script, in the order given, all of it functions but for its last line."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tasks.core.bundle import ENTRY, host_bundle

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts" / "host"


def test_order_names_every_script_once() -> None:
    order = (SCRIPTS / "ORDER").read_text().split()
    assert sorted(order) == sorted(path.name for path in SCRIPTS.glob("*.sh"))
    assert order[-1] == "main.sh"


def test_it_is_the_scripts_in_order() -> None:
    bundle = host_bundle(ROOT)
    order = (SCRIPTS / "ORDER").read_text().split()
    assert bundle == "".join((SCRIPTS / name).read_text() for name in order)
    assert all((SCRIPTS / name).read_text().endswith("\n") for name in order)
    assert bundle.startswith("#!/bin/sh\n")
    assert bundle.rstrip().splitlines()[-1] == 'main "$@"'


@pytest.mark.parametrize("shell", [["dash"], ["busybox", "sh"], ["bash", "--posix"]], ids=lambda words: words[0])
def test_shells_can_read_it(shell: list[str]) -> None:
    assert shutil.which(shell[0]), f"no {shell[0]} here: scripts/test installs it"
    done = subprocess.run([*shell, "-n"], input=host_bundle(ROOT), text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_entry_hands_its_arguments_on_unchanged() -> None:
    """As the user is, where there is neither root nor sudo; the same words otherwise."""
    words = ["one", "two words", "$(id)", "'", ""]
    script = 'for word in "$@"; do printf "<%s>" "$word"; done\n'
    done = subprocess.run(["sh", "-c", ENTRY, "sh", *words], input=script, text=True, capture_output=True, check=True)
    assert done.stdout == "".join(f"<{word}>" for word in words)
