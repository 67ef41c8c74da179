"""What a settings file says, in every way of writing it."""

import errno
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.core.env_files import parse_env_text, read_env_file

ANY_VALUE = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=80)


def values(text: str) -> dict[str, str]:
    file = parse_env_text(text, name=".env")
    assert file.faults == ()
    return {key: entry.value for key, entry in file.entries.items()}


@given(ANY_VALUE)
@example("$HOME ${HOME} $(id) `id` $$")
@example("a\\nb\\'c\"d")
@example("#x # y")
@example(" spaces ")
def test_any_value_in_single_quotes_arrives(value: str) -> None:
    written = value.replace("\\", "\\\\").replace("'", "\\'")
    assert values(f"A=1\nKEY='{written}'\nB=2\n") == {"A": "1", "KEY": value.replace("\r\n", "\n"), "B": "2"}


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("KEY=a", "a"),
        ("export KEY=a", "a"),
        ("  KEY = a  ", "a"),
        ("KEY=a b", "a b"),
        ("KEY=a # comment", "a"),
        ("KEY=a#b", "a#b"),
        ("KEY=", ""),
        ("KEY=''", ""),
        ("KEY='a' # comment", "a"),
        ('KEY="a\\nb"', "a\nb"),
        ("KEY='a\\nb'", "a\\nb"),
        ('KEY="a\nb"', "a\nb"),
        ("KEY=${HOME}", "${HOME}"),
        ('KEY="${HOME}"', "${HOME}"),
        ("KEY=$$a", "$$a"),
        ("KEY=a=b==", "a=b=="),
        ("KEY=é🙂", "é🙂"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_ways_of_writing(line: str, value: str, end: str) -> None:
    assert values(line.replace("\n", end or "\n") + end) == {"KEY": value}


@given(st.lists(st.sampled_from(["\n", "\r\n", "# comment\n", "   \n", "A='x\ny'\n"]), max_size=6))
def test_faults_have_the_line_they_stand_on(before: list[str]) -> None:
    unique = [line.replace("A=", f"A{index}=") for index, line in enumerate(before)]
    file = parse_env_text("".join(unique) + "junk\n", name=".env")
    line = sum(text.count("\n") for text in unique) + 1
    assert [fault.where for fault in file.faults] == [f".env:{line}"]


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    file = parse_env_text(text, name=".env")
    assert all("\0" not in entry.value for entry in file.entries.values())


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("\ufeffKEY=a\r\n".encode())
    file = read_env_file(tmp_path / ".env")
    assert file is not None
    assert file.entries["KEY"].value == "a"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [(b"A=1\nB=\xff\n", "(.env:2): is not UTF-8"), ("A=1\n".encode("utf-16"), "(.env:1): is not UTF-8")],
)
def test_an_undecodable_file_is_a_fault(tmp_path: Path, raw: bytes, reason: str) -> None:
    (tmp_path / ".env").write_bytes(raw)
    file = read_env_file(tmp_path / ".env")
    assert file is not None
    assert reason in str(file.faults[0])


def test_a_directory_and_a_dangling_link_are_faults(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("directory", "link"):
        file = read_env_file(tmp_path / name)
        assert file is not None
        assert file.faults
    assert read_env_file(tmp_path / "absent") is None


def test_an_unreadable_file_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    file = read_env_file(tmp_path / ".env")
    assert file is not None
    assert "permission" in str(file.faults[0])
