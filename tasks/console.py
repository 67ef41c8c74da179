"""What the person at the terminal sees: plain lines, and progress that suits a terminal or a log."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import colorama

from tasks.core.log_lines import message, stamped
from tasks.core.protocols import Progress
from tasks.core.units import size

_ON_TERMINAL = 1.0
_IN_LOG = 5.0
"""Seconds between two signs of life of a long operation."""


class TerminalConsole:
    """Write results to stdout, talk about progress and warnings to stderr; colours on a terminal without NO_COLOR.

    In verbose mode every line has its time, step and host; so has what a task that changes a host says into a file.
    """

    def __init__(self, *, verbose: bool = False) -> None:
        """Look at the two streams once."""
        self._verbose, self._is_change = verbose, False
        self._step, self._host = "begin", "workstation"
        self._lock = threading.Lock()
        self._results = sys.stdout
        self._is_terminal = sys.stderr.isatty()
        self._colours = self._is_terminal and "NO_COLOR" not in os.environ
        colorama.just_fix_windows_console()

    def be_verbose(self, verbose: bool) -> None:  # noqa: FBT001
        """Show diagnostics from now on, or no longer."""
        self._verbose = verbose

    def begin(self, task: str, host: str, *, is_change: bool) -> None:
        """Say which task works from now on, and on which host."""
        self._step, self._host, self._is_change = task, host, is_change

    def step(self, name: str) -> None:
        """Say which step of the task begins."""
        self._step = name.replace(" ", "-")

    def written(self, text: str) -> str:
        """Give a text as it is shown: with time, step and host, or without those that the host has put before it."""
        if self._verbose or (self._is_change and not self._is_terminal):
            return stamped(text, step=self._step, host=self._host)
        return "\n".join(map(message, text.split("\n")))

    @property
    def is_verbose(self) -> bool:
        """Whether diagnostics are shown."""
        return self._verbose

    def keep_stdout_clean(self) -> None:
        """Print results on stderr from now on: stdout is for JSON."""
        self._results = sys.stderr

    def say(self, text: str) -> None:
        """Print a line of the result."""
        with self._lock:
            print(self.written(text), file=self._results, flush=True)

    def detail(self, text: str) -> None:
        """Print a line of diagnostics, in verbose mode only."""
        if self._verbose:
            self._write(text, colorama.Style.DIM)

    def warn(self, text: str) -> None:
        """Print a warning on stderr."""
        self._write("warning: " + text, colorama.Fore.YELLOW)

    def _write(self, text: str, colour: str = "") -> None:
        with self._lock:
            start, end = (colour, colorama.Style.RESET_ALL) if self._colours and colour else ("", "")
            print(f"{start}{self.written(text)}{end}", file=sys.stderr, flush=True)

    @contextmanager
    def progress(self, what: str) -> Iterator[Progress]:
        """Show that something goes on; nothing is shown of what ends within two seconds, but for its result."""
        meter = Meter(what)
        stop = threading.Event()
        ticker = threading.Thread(target=self._tick, args=(meter, stop), daemon=True)
        ticker.start()
        try:
            yield meter
        finally:
            stop.set()
            ticker.join()

    def _tick(self, meter: Meter, stop: threading.Event) -> None:
        period = _ON_TERMINAL if self._is_terminal else _IN_LOG
        if self._is_terminal and not stop.wait(period):
            # late, so that `fab --list` stays fast
            from rich.console import Console as RichConsole  # noqa: PLC0415
            from rich.live import Live  # noqa: PLC0415
            from rich.spinner import Spinner  # noqa: PLC0415

            with Live(console=RichConsole(stderr=True), refresh_per_second=8, transient=True) as live:
                while not stop.wait(0.25):
                    live.update(Spinner("dots", text=meter.line()))
            return
        while not stop.wait(period):
            self._write(meter.line())


class Meter:
    """Count what has gone through, and say so with the rate."""

    def __init__(self, what: str) -> None:
        """Start the clock."""
        self._what, self._done, self._note = what, 0, ""
        self._start = time.monotonic()

    def advance(self, amount: int) -> None:
        """Count bytes that have gone through."""
        self._done += amount

    def note(self, text: str) -> None:
        """Say what it is doing now."""
        self._note = text

    def line(self) -> str:
        """Write the line for now: what, how long, how much, how fast."""
        seconds = time.monotonic() - self._start
        parts = [f"{self._what} … {seconds:.0f} s"]
        if self._done:
            parts.append(f"{size(self._done)}, {size(self._done / max(seconds, 0.001))}/s")
        if self._note:
            parts.append(self._note[:100])
        return ", ".join(parts)
