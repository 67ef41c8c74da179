"""Which variables of a text Compose would miss; tests/properties/test_compose_agrees.py asks Compose itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.interpolation import missing_variables

KNOWN = {"SET": "1", "EMPTY": ""}


def missing(text: str) -> list[str]:
    return [found.name for found in missing_variables(text, KNOWN)]


@pytest.mark.parametrize("form", ["$SET", "${SET}", "${SET:?}", "${SET?why}", "${SET:-$SET}", "${SET-${NONE-x}}"])
def test_what_is_defined_misses_nothing(form: str) -> None:
    assert missing(f"a {form} b") == []


@pytest.mark.parametrize("form", ["$NONE", "${NONE}", "${NONE:?}", "${NONE?why $SET}", "$none_1", "${NONE:?a}b}"])
def test_what_is_not_defined_is_named(form: str) -> None:
    assert [name.upper().removesuffix("_1") for name in missing(f"a {form} b")] == ["NONE"]


@pytest.mark.parametrize(
    "form", ["${NONE:-}", "${NONE-x}", "${NONE:-a$$b}", "${NONE:+$SET}", "${NONE+x}", "$$NONE", "$${NONE}"]
)
def test_a_default_and_a_dollar_need_nothing(form: str) -> None:
    assert missing(form) == []


@pytest.mark.parametrize(
    "form",
    [
        "${NONE:-$OTHER}",
        "${NONE-a ${OTHER} b}",
        "${SET:+$OTHER}",
        "${EMPTY+${OTHER}}",
        "${EMPTY:-$OTHER}",
        "${SET:-$OTHER}",
        "${NONE+a$OTHER}",
    ],
)
def test_a_word_counts_also_where_it_is_not_used(form: str) -> None:
    assert missing(form) == ["OTHER"]


def test_an_empty_value_is_none_for_a_colon() -> None:
    assert missing("${EMPTY:?}") == ["EMPTY"]
    assert missing("${EMPTY?} ${EMPTY-a} ${EMPTY:+a} $EMPTY") == []


@pytest.mark.parametrize("form", ["${", "${}", "${1}", "${SET", "${SET:x}", "${-x}", "${SET :-a}"])
def test_what_cannot_be_read_is_said(form: str) -> None:
    (found,) = missing_variables("ab" + form, KNOWN)
    assert (found.name, found.at) == ("", 2)
    assert "cannot read" in found.what


@pytest.mark.parametrize("form", ["$", "a$", "$1", "$ {SET}", "$-", "$$", "$$$$", "100 $ a"])
def test_a_dollar_before_anything_else_is_a_dollar(form: str) -> None:
    assert missing(form) == []


def test_each_is_found_where_it_stands() -> None:
    text = "$ONE ${TWO:-${THREE}} $$FOUR ${FIVE?}"
    found = list(missing_variables(text, KNOWN))
    assert [each.name for each in found] == ["ONE", "THREE", "FIVE"]
    assert all(each.name in text[each.at : each.at + len(each.name) + 2] for each in found)


@given(st.text("$ {}:-+?AB_1", max_size=30))
def test_no_text_breaks_it(text: str) -> None:
    for found in missing_variables(text, {"A": ""}):
        assert text[found.at] == "$"


def test_a_long_row_of_braces_is_read_in_no_time() -> None:
    assert missing("${A:-" * 300 + "}" * 300) == []
    assert len(missing("${" * 5000)) == 5000
