"""Quoting, through the shells that will read it."""

import shutil
import subprocess

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tasks.core.commands import parameters, quote

SHELLS = [
    pytest.param(command, id=command[0])
    for command in (["dash"], ["bash", "--posix"], ["busybox", "sh"])
    if shutil.which(command[0])
]

ANY_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=200)
HOSTILE = [
    "",
    "'",
    "''",
    "\\",
    "\\'",
    "a\nb\n",
    "\r\n",
    "$(id)",
    "`id`",
    "${HOME}",
    "; id",
    "-n",
    "--",
    "!!",
    "*",
    "~",
    "\x81\x88",
    "é🙂",
    "\x7f\x01",
    "x" * 65536,
]


def echoed(shell: list[str], values: list[str]) -> list[str]:
    names = [f"V{index}" for index in range(len(values))]
    script = parameters(dict(zip(names, values, strict=True)))
    script += "".join(f"printf '%s\\0' \"${name}\"\n" for name in names)
    script += "".join(f"printf '%s\\0' {quote(value)}\n" for value in values)
    output = subprocess.run([*shell, "-s"], input=script.encode(), capture_output=True, check=True).stdout
    return output.decode().split("\0")[:-1]


def test_at_least_one_shell_is_here() -> None:
    assert SHELLS


@pytest.mark.parametrize("shell", SHELLS)
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(values=st.lists(ANY_TEXT, max_size=10))
@example(values=HOSTILE)
def test_any_text_arrives_unchanged(shell: list[str], values: list[str]) -> None:
    assert echoed(shell, values) == values * 2


@given(before=st.text(max_size=5), after=st.text(max_size=5))
def test_nul_is_refused(before: str, after: str) -> None:
    with pytest.raises(ValueError, match="NUL"):
        quote(f"{before}\0{after}")


@pytest.mark.parametrize("name", ["", "a", "1A", "A-B", "A B", "A=B", "A\n", "$A", "Ä"])
def test_strange_parameter_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a parameter name"):
        parameters({name: "x"})


def test_parameters_are_one_assignment_a_line() -> None:
    assert parameters({"APP_NAME": "shop", "TASK": "it's"}) == "APP_NAME='shop'\nTASK='it'\\''s'\n"
