"""What a script ended with, and why a connection failed, in the user's words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.errors import DeployError, HostFailed, Locked
from tasks.core.protocols import Answer
from tasks.core.reasons import ConnectionReason, refusal, script_failure
from tests.steps.fakes import FakeHost


@pytest.mark.parametrize("reason", ConnectionReason)
def test_every_reason_says_why_and_what_to_do_in_one_line(reason: ConnectionReason) -> None:
    found = reason.value.of(key="ssh-ed25519 key SHA256:x", name="[web1]:2222")
    assert found.why
    assert found.remedy
    assert not set("{}\n") & set(found.why + found.remedy)


@pytest.mark.parametrize(
    ("name", "scanned"), [("web1", "ssh-keyscan web1 >>"), ("[web1]:22", "ssh-keyscan -p 22 web1")]
)
def test_an_unknown_key_is_scanned_where_it_is(name: str, scanned: str) -> None:
    assert scanned in ConnectionReason.KEY_UNKNOWN.value.of(key="key", name=name).remedy


@pytest.mark.parametrize(
    ("code", "kind", "exit_code"),
    [(1, HostFailed, 1), (2, HostFailed, 2), (3, HostFailed, 3), (4, Locked, 4), (5, HostFailed, 1),
     (127, HostFailed, 1), (255, HostFailed, 1)],
)  # fmt: skip
def test_exit_codes_of_scripts(code: int, kind: type[DeployError], exit_code: int) -> None:
    error = script_failure(FakeHost(), "receive", Answer(code, ("differs=.env",), ("talk one", "talk two")))
    assert type(error) is kind
    assert error.exit_code == exit_code
    assert "web1" in str(error)
    if kind is HostFailed:
        assert f"exit code {code}" in error.what
        assert "receive" in error.what
        assert "fab -H deployer@web1:2222 doctor" in error.remedy
        assert error.detail == "talk one\ntalk two"


def test_a_script_that_said_nothing_shows_its_lines() -> None:
    assert script_failure(FakeHost(), "load", Answer(1, ("mismatch=edge",))).detail == "mismatch=edge"


@pytest.mark.parametrize("lines", [("holder=anna@laptop deploy",), ("x=1", "holder=anna@laptop deploy")])
def test_a_lock_names_its_holder(lines: tuple[str, ...]) -> None:
    error = script_failure(FakeHost(), "hold", Answer(4, lines, ("locked",)))
    assert "anna@laptop deploy" in str(error)
    assert "somebody else" in str(script_failure(FakeHost(), "hold", Answer(4)))


def test_what_a_script_refuses_is_the_message_and_its_next_command_the_remedy() -> None:
    answer = Answer(1, (), ("first", "no release r1 is here", "  next: fab -H HOST push-config"))
    error = script_failure(FakeHost(), "hold", answer)
    assert str(error) == "web1: no release r1 is here\n  next: fab -H deployer@web1:2222 push-config"
    assert refusal(Answer(1, (), ("a fault", "  next: one", "  or: two"))) == ("a fault", "one; or: two")
    assert refusal(Answer(1, (), ("  next: of nothing",))) == ("", "")


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "ab"]), st.text(st.characters(exclude_characters="\n")))))
def test_answers_are_read_by_key(pairs: list[tuple[str, str]]) -> None:
    answer = Answer(0, tuple(f"{key}={value}" for key, value in pairs))
    for key in ("a", "b", "ab"):
        expected = tuple(value for name, value in pairs if name == key)
        assert answer.values(key) == expected
        assert answer.value(key, "none") == (expected[-1] if expected else "none")


def test_a_script_that_was_killed_can_be_run_again() -> None:
    """An exit code of -1 is SSH's for a program that a signal has ended."""
    error = script_failure(FakeHost(), "renew-certs", Answer(-1, (), ("certificate: installing",)))
    assert error.what.endswith("renew-certs was ended from outside")
    assert error.remedy.startswith("the same again")
    assert error.exit_code == 1
