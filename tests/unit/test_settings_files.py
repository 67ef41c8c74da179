"""What a settings file says, in every way of writing it."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.core.settings import parse_env_text, read_env_file

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


def test_an_undecodable_line_hides_no_other(tmp_path: Path) -> None:
    lines = [b"A=1", b"B=\xff", b"junk", b"# caf\xe9", b"A=2", b"\xff=1", b'C="one', b'\xff two"', b"D=4"]
    (tmp_path / ".env").write_bytes(b"\n".join(lines))
    file = read_env_file(tmp_path / ".env")
    assert file is not None
    assert {key: entry.value for key, entry in file.entries.items()} == {"A": "1", "D": "4"}
    places = [(fault.key, fault.where, fault.what.partition(",")[0]) for fault in file.faults]
    assert places == [
        ("B", ".env:2", "is not UTF-8 text"),
        ("", ".env:3", "has no = in it"),
        ("", ".env:4", "is not UTF-8 text"),
        ("A", ".env:5", "stands twice"),
        ("", ".env:6", "is not UTF-8 text"),
        ("C", ".env:7", "is not UTF-8 text"),
    ]


@pytest.mark.parametrize(
    ("text", "faults", "kept"),
    [
        ('Q="open\nA=1\nB\n', {1: 'begins with a quote " that is not closed', 3: "has no = in it"}, {"A": "1"}),
        ("Q='open\nA=1\n", {1: "begins with a quote ' that is not closed"}, {"A": "1"}),
        ('Q="open\nA="1"\nB\n', {1: 'begins with a quote " that is not closed', 3: "has no = in it"}, {"A": "1"}),
        (
            '\nQ="open\nA="x\nB=1\nC="y\nD=4\n',
            dict.fromkeys((2, 3, 5), 'begins with a quote " that is not closed'),
            {"B": "1", "D": "4"},
        ),
        ('Q="a"b\nA=1\n', {1: 'has text after the closing quote "'}, {"A": "1"}),
        ('Q="a\nb c\nd"e\nA=1\n', {1: 'has text after the closing quote ", some lines below'}, {"A": "1"}),
    ],
)
def test_a_quote_that_is_wrong_is_named_and_the_other_lines_are_read(
    text: str, faults: dict[int, str], kept: dict[str, str]
) -> None:
    file = parse_env_text(text, name=".env")
    assert {fault.where: fault.what for fault in file.faults} == {f".env:{line}": what for line, what in faults.items()}
    assert {key: entry.value for key, entry in file.entries.items()} == kept
    assert file.warnings == ()


def test_a_value_that_swallows_settings_is_worth_a_warning() -> None:
    file = parse_env_text('Z=1\nQ="open\n\nHTTP_PORT=80\nB="\nC=1\n', name=".env")
    assert file.faults == ()
    assert file.entries.keys() == {"Z", "Q", "C"}
    (warning,) = file.warnings
    assert warning.startswith(".env:2: the value has lines that look like settings (line 4 first)")


@pytest.mark.parametrize(
    "value",
    [
        "'-----BEGIN KEY-----\nMIIEabc=\nMIIEabcdef==\n-----END KEY-----'",
        "'{\n  \"a\": 1\n}'",
        '"a\\nHTTP_PORT=1"',
    ],
)
def test_a_value_of_several_lines_is_no_cause_for_a_warning(value: str) -> None:
    file = parse_env_text(f"KEY={value}\nA=1\n", name=".env")
    assert (file.faults, file.warnings) == ((), ())
    assert file.entries.keys() == {"KEY", "A"}


def test_what_is_no_file_is_a_fault_and_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "device").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "fifo")
    for name, what in {
        "directory": "is a directory",
        "dangling": "is a link to a file that does not exist",
        "device": "is a device",
        "fifo": "is a FIFO",
    }.items():
        file = read_env_file(tmp_path / name)
        assert file is not None
        assert [fault.what for fault in file.faults] == [what]
    assert read_env_file(tmp_path / "absent") is None


def test_an_unreadable_file_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    (tmp_path / ".env").touch()
    monkeypatch.setattr(Path, "read_bytes", refuse)
    file = read_env_file(tmp_path / ".env")
    assert file is not None
    assert "permission" in str(file.faults[0])
