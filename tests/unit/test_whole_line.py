"""No task takes a word that it could not work with: every task with every kind of bad word, as `fab` reads them.

One process reads all lines, as starting `fab` for each would take minutes.
"""

import inspect
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

import pytest

import tasks
from tasks.binding.values import NAMES, is_name
from tasks.core.protocols import Host

ROOT = Path(__file__).resolve().parents[2]
STEPS = {step.__name__.replace("_", "-"): step for step in tasks.STEPS}
HOSTS = [
    "", "@", "user@", "brk:notaport", "web1:", ":22", "web1:0", "web1:99999", "web1:22;id", "a b", " web1", "web1,",
    "a,,b", "b\nk", "root@[::1", "root@[::1]:22", "a/b", "..", "-oProxyCommand=id", "$(id)", "a;id", "'", "a b@web1",
    "-l@web1",
]  # fmt: skip
NUMBERS = ["abc", "1;id", "-1", "", "1.5", "1e3", "$(id)", "9" * 20, "9" * 5000, "\n"]
RELEASES = ["", "../x", "$(id)", "a b", "-x", ".x", "a/b", "a\nb", "é", "a:b"]
TEXTS = {
    **dict.fromkeys(NAMES, RELEASES),
    "service": ["", "nonsense", "$(id)"],
    "tail": ["-1", "ten", "1 2", "$(id)"],
    "since": ["yesterday", "10", "-5m", "$(id)"],
    "message": ["two\nlines", "\x1b", "x" * 501],
}
"""Bad words for options whose value is text, by the option's name."""

Told = list[tuple[list[str], int, str, str]]
"""Command lines, each with its exit code, its stdout and its stderr."""

READER = """
import contextlib, io, json, sys
from fabric.main import program

def run(words):
    for name in ("parse_tasks", "parse_cleanup", "update_config", "execute"):
        vars(program).pop(name, None)  # what the last reading of fabfile.py has wrapped
    out, err = io.StringIO(), io.StringIO()
    sys.argv = ["fab", *words]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            program.run(sys.argv)
            code = 0
        except SystemExit as ended:
            code = ended.code
        except BaseException as error:
            code = repr(error)
    return code, out.getvalue(), err.getvalue()

json.dump([run(words) for words in json.load(sys.stdin)], sys.stdout)
"""


def options(name: str) -> dict[str, tuple[object, bool]]:
    """A task's options: the type of the value, and whether it stands without its name, right after the task."""
    parameters = inspect.signature(STEPS[name]).parameters.values()
    kinds = get_type_hints(STEPS[name])
    return {
        each.name: (kinds[each.name], each.default is each.empty)
        for each in parameters
        if each.kind is each.KEYWORD_ONLY
    }


def bad_lines(name: str, target: str) -> Iterator[list[str]]:
    whole = [name, *("20260101" for _, is_bare in options(name).values() if is_bare)]
    yield from ([f"--hosts={host}", *whole] for host in HOSTS)
    start = ["-H", target, *whole]
    for option, (kind, is_bare) in options(name).items():
        words = NUMBERS if kind is int else TEXTS.get(option, [])
        before = ["-H", target, name] if is_bare else start
        yield from ([*before, word if is_bare else f"--{option}={word}"] for word in words)
    yield [*start, "--set=HTTP_PORT"]
    yield [*start, "--set"]
    yield [*start, "--no\nsuch"]
    yield [*start, "no\nsuch"]
    yield [*start, "--", "id"]
    yield [*start, "--connect-timeout=abc"]
    yield [*start, "--connect-timeout=-1"]
    yield [*start, "--ssh-config=/nowhere/config"]
    if Host in get_type_hints(STEPS[name]).values():
        yield whole
        yield ["check-config", *whole]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout whose settings are right, so that only the words can be refused."""
    place = tmp_path_factory.mktemp("checkout")
    for name in ("tasks", "scripts"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "fabfile.py", place)
    (place / ".env").write_text("HTTP_PORT=8080\n")
    (place / ".env").chmod(0o600)
    return place


@pytest.fixture(scope="module")
def told(checkout: Path) -> Iterator[dict[str, Told]]:
    """What came of every bad line, by its task; the host they name saw no connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        lines = {name: list(bad_lines(name, f"127.0.0.1:{listener.getsockname()[1]}")) for name in STEPS}
        done = subprocess.run(
            [sys.executable, "-c", READER],
            cwd=checkout,
            env={**os.environ, "HOME": str(checkout), "PATH": "/nowhere", "NO_COLOR": "1"},
            input=json.dumps([line for each in lines.values() for line in each]),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answers = iter(json.loads(done.stdout))
        yield {name: [(line, *next(answers)) for line in each] for name, each in lines.items()}
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize("name", STEPS)
def test_a_bad_word_is_refused_in_one_message(told: dict[str, Told], name: str) -> None:
    assert len(told[name]) > len(HOSTS)
    for line, code, out, err in told[name]:
        assert code == 2, (line, code, err)
        assert out == "", line
        assert err.startswith("error: "), (line, err)
        assert err.count("\n") == 2, (line, err)
        assert "\n  next: " in err, (line, err)
        assert "internal error" not in err, (line, err)


@pytest.mark.parametrize("name", STEPS)
def test_every_option_has_bad_words(name: str) -> None:
    for option, (kind, _) in options(name).items():
        assert kind in (bool, int) or option in TEXTS, (
            f"{name} --{option} takes text: give it a rule in tasks/binding/values.py or in the step before a contact, "
            "and bad words in TEXTS here"
        )


def test_a_release_name_is_what_a_host_takes() -> None:
    names = [*RELEASES, "20260101-120000-abcdef", "v1", "1", "a.b_c-d", "A", "a--", "a..b", "x" * 100]
    script = 'while IFS= read -r -d "" name; do is_release_name "$name" && echo yes || echo no; done'
    done = subprocess.run(
        ["bash", "-c", f". scripts/host/release.sh; {script}"],
        cwd=ROOT,
        env={**os.environ, "LC_ALL": "C"},
        input="".join(f"{name}\0" for name in names),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["yes" if is_name(name) else "no" for name in names]
