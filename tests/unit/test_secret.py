"""A secret shows its mask however it is looked at."""

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.secret import Secret

VALUES = st.text("0123456789abcdef", min_size=8)


@given(VALUES, st.sampled_from(["", "s", "r", ">20", "%s", "020"]))
def test_only_the_mask_is_seen(value: str, spec: str) -> None:
    secret = Secret(value)
    seen = [str(secret), repr(secret), f"{secret!s}", f"{secret!r}", format(secret, spec), "%s %r" % (secret, secret)]  # noqa: UP031
    seen += [repr([secret]), repr({"KEY": secret}), str(ValueError(secret))]
    assert not any(value in text for text in seen)


def test_it_is_no_text() -> None:
    secret = Secret("value")
    assert str not in type(secret).__mro__
    with pytest.raises(TypeError):
        "".join([secret])  # type: ignore[list-item]  # noqa: FLY002
    with pytest.raises(TypeError):
        "a" + secret  # type: ignore[operator]
    with pytest.raises(TypeError):
        json.dumps(secret)
    with pytest.raises(TypeError):
        bytes(secret)  # type: ignore[call-overload]


def test_a_log_has_the_mask(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger().warning("the value is %s", Secret("hunter2"))
    assert "***" in caplog.text
    assert "hunter2" not in caplog.text


@given(VALUES, VALUES)
def test_equality_is_by_value(left: str, right: str) -> None:
    assert (Secret(left) == Secret(right)) == (left == right)
    assert Secret(left) != left
    assert hash(Secret(left)) == hash(Secret(left))


@given(st.text())
def test_reveal_gives_the_value(value: str) -> None:
    assert Secret(value).reveal() == value


def test_what_a_function_gives_is_asked_for_once_and_only_when_it_is_needed() -> None:
    asked: list[int] = []

    def give() -> str:
        asked.append(1)
        return "hunter2"

    secret = Secret(give)
    assert f"{secret} {secret!r}" == "*** ***"
    assert asked == []
    assert [secret.reveal(), secret.reveal()] == ["hunter2", "hunter2"]
    assert asked == [1]
    assert secret == Secret("hunter2")
