"""Lines of logs: stamped once, and given back as they were."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tasks.core.log_lines import message, stamped

TEXT = st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]))


@given(TEXT)
def test_a_stamp_is_time_with_zone_step_and_host_and_comes_off_again(text: str) -> None:
    line = stamped(text, step="push-config", host="web1")
    assert datetime.fromisoformat(line.split(" ", 1)[0]).utcoffset() == timedelta(0)
    assert line.split("Z ", 1)[1].startswith("[push-config] web1: ")
    assert stamped(line, step="other", host="other") == line
    assert message(line) == text.removeprefix("web1: ")


def test_lines_of_a_release_of_before_have_only_the_time() -> None:
    assert message("2026-11-29T15:49:09Z put back") == "put back"
    assert message("2026-11-29T15:49:09Z [switch] web1: serving: release one") == "serving: release one"


def test_a_time_in_the_middle_of_a_line_is_the_line_s_own() -> None:
    """Turned red by: no ^ in _STAMP; a lock's line lost its `since`."""
    line = "locked by: task=deploy since=2026-11-29T15:49:09Z log=/var/log/x"
    assert message(line) == line
    assert message(f"2026-11-29T15:49:10Z [status] web1: {line}") == line


def test_each_line_of_a_text_is_stamped() -> None:
    assert (
        len([line for line in stamped("a\nb", step="s", host="h").split("\n") if line.endswith((" h: a", " h: b"))])
        == 2
    )
