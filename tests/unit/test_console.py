"""What the person at the terminal, a log, and a program reading stdout see."""

import io
import re
import time
from datetime import datetime

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
    err = capsys.readouterr().err
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \[begin\] workstation: seen\n", err)


HOST_LINE = "2026-11-29T15:49:09Z [switch] web1: serving: release one"


@pytest.mark.parametrize("verbose", [True, False])
def test_each_line_of_verbose_mode_has_its_time_step_and_host(
    capsys: pytest.CaptureFixture[str], verbose: bool
) -> None:
    """Turned red by: `written` left out of _write or of say; a stamp put before the host's own."""
    out = TerminalConsole(verbose=verbose)
    out.begin("status", "web1", is_change=False)
    out.step("push config")
    out.say("web1: first\n  second")
    out.warn("careful")
    out.say(HOST_LINE)
    seen = capsys.readouterr()
    lines = (seen.out + seen.err).splitlines()
    if not verbose:
        assert lines == ["web1: first", "  second", "serving: release one", "warning: careful"]
        return
    assert [line.split("Z ", 1)[1] for line in lines] == [
        "[push-config] web1: first", "[push-config] web1:   second", "[switch] web1: serving: release one",
        "[push-config] web1: warning: careful",
    ]  # fmt: skip
    assert all(datetime.fromisoformat(line.split(" ", 1)[0]).tzinfo for line in lines)
    assert lines[2] == HOST_LINE


@pytest.mark.parametrize("terminal", [True, False])
def test_what_changes_a_host_is_stamped_in_a_file_and_plain_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], terminal: bool
) -> None:
    """Turned red by: `written` that never stamps, or always; say that prints nothing."""
    if terminal:
        monkeypatch.setattr("sys.stderr", Terminal())
    out = TerminalConsole()
    out.begin("deploy", "web1", is_change=True)
    out.say("done")
    wanted = r"done\n" if terminal else r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \[deploy\] web1: done\n"
    assert re.fullmatch(wanted, capsys.readouterr().out)


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
