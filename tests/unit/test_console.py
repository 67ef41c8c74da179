"""What the person at the terminal, a log, and a program reading stdout see."""

import io
import re
import time

import pytest

from tasks import console
from tasks.console import Meter, TerminalConsole


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_results_on_stdout_and_talk_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    out = TerminalConsole()
    out.say("result")
    out.warn("careful")
    out.detail("not seen")
    seen = capsys.readouterr()
    assert (seen.out, seen.err) == ("result\n", "warning: careful\n")


def test_verbose_shows_details(capsys: pytest.CaptureFixture[str]) -> None:
    out = TerminalConsole(verbose=True)
    out.detail("seen")
    out.be_verbose(False)
    out.detail("not seen")
    assert capsys.readouterr().err == "seen\n"


def test_stdout_can_be_kept_for_json(capsys: pytest.CaptureFixture[str]) -> None:
    out = TerminalConsole()
    out.keep_stdout_clean()
    out.say("result")
    seen = capsys.readouterr()
    assert (seen.out, seen.err) == ("", "result\n")


@pytest.mark.parametrize("no_color", [True, False])
def test_colours_are_a_terminal_s_and_can_be_refused(monkeypatch: pytest.MonkeyPatch, no_color: bool) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    else:
        monkeypatch.delenv("NO_COLOR", raising=False)
    TerminalConsole().warn("careful")
    assert ("\033[" in terminal.getvalue()) != no_color
    assert "careful" in terminal.getvalue()


def test_a_log_gets_a_line_every_so_often(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert console._IN_LOG <= 5, "output at least every 5 s"
    monkeypatch.setattr(console, "_IN_LOG", 0.05)
    with TerminalConsole().progress("sending") as progress:
        progress.advance(1_000_000)
        progress.note("frontend")
        time.sleep(0.3)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= 3
    assert lines[-1].startswith("sending … 0 s, 1.0 MB, ")
    assert lines[-1].endswith("/s, frontend")


def test_what_ends_at_once_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with TerminalConsole().progress("asking") as progress:
        progress.advance(1)
    assert capsys.readouterr().err == ""


def test_progress_ends_with_what_it_is_for(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "_IN_LOG", 0.02)

    def fail() -> None:
        with TerminalConsole().progress("asking"):
            raise ValueError("it failed")

    with pytest.raises(ValueError, match="it failed"):
        fail()
    capsys.readouterr()
    time.sleep(0.1)
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_live_line(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr(console, "_ON_TERMINAL", 0.01)
    monkeypatch.setenv("TERM", "xterm")
    with TerminalConsole().progress("sending") as progress:
        progress.note("frontend")
        for _ in range(300):  # a thread draws it
            if re.search(r"sending … \d+ s, frontend", terminal.getvalue()):
                return
            time.sleep(0.1)
    raise AssertionError(terminal.getvalue())


def test_a_meter_says_what_how_long_how_much_and_how_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("tasks.console.time.monotonic", lambda: now)
    meter = Meter("sending")
    now = 110.0
    assert meter.line() == "sending … 10 s"
    meter.advance(20_000_000)
    assert meter.line() == "sending … 10 s, 20.0 MB, 2.0 MB/s"
    meter.advance(80_000_000)
    assert meter.line() == "sending … 10 s, 100.0 MB, 10.0 MB/s"
    meter.note("x" * 300)
    assert len(meter.line()) < 200
