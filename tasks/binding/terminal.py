"""A remote command on our own terminal: its screen, its keys, its size; or our pipes, byte for byte."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress

import paramiko

_BLOCK = 32768
_LOOK = 0.2
"""Seconds after which a wait looks whether it is still wanted."""


def attach(channel: paramiko.Channel, line: str, *, is_terminal: bool) -> int:
    """Run a command line on a channel, with our own input and outputs, and give its exit code.

    EOFError when the connection ends before it.
    """
    if is_terminal:
        size = _window()
        channel.get_pty(os.environ.get("TERM", "xterm"), size.columns, size.lines)
    channel.exec_command(line)
    with _raw_terminal(channel) if is_terminal else nullcontext(), _sending(channel):
        _receive(channel)
    if not channel.exit_status_ready() and not channel.get_transport().is_active():
        raise EOFError("the connection ended before the command did")
    code = channel.recv_exit_status()
    return code if 0 <= code <= 255 else 255


def _window() -> os.terminal_size:
    """The size of our own window, whatever COLUMNS and LINES say: readline leaves others in the environment."""
    return os.get_terminal_size(sys.stdin.fileno())


@contextmanager
def _raw_terminal(channel: paramiko.Channel) -> Iterator[None]:
    """Have every key go to the other side, Ctrl-C too, and tell it when the window changes its size."""

    def resize(*_: object) -> None:
        size = _window()
        with suppress(paramiko.SSHException, OSError):
            channel.resize_pty(size.columns, size.lines)

    before = termios.tcgetattr(sys.stdin)
    handler = signal.signal(signal.SIGWINCH, resize)
    try:
        tty.setraw(sys.stdin)
        resize()  # it may have changed since the command was started
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
        signal.signal(signal.SIGWINCH, handler)


@contextmanager
def _sending(channel: paramiko.Channel) -> Iterator[None]:
    """Pass our input on, in a thread: the other side may fill its output before it reads."""
    stop = threading.Event()
    sender = threading.Thread(target=_send, args=(channel, stop), daemon=True)
    sender.start()
    try:
        yield
    finally:
        stop.set()
        sender.join(timeout=1)


def _send(channel: paramiko.Channel, stop: threading.Event) -> None:
    with suppress(OSError, EOFError, ValueError):
        source = sys.stdin.fileno()
        while not stop.is_set():
            if not select.select([source], [], [], _LOOK)[0]:
                continue
            block = os.read(source, _BLOCK)
            if not block:
                channel.shutdown_write()
                return
            channel.sendall(block)


def _receive(channel: paramiko.Channel) -> None:
    """Write both outputs as they come, until both have ended."""
    sys.stdout.flush()
    while True:
        select.select([channel], [], [], _LOOK)
        is_over = channel.eof_received or channel.closed
        while channel.recv_ready():
            _write(1, channel.recv(_BLOCK))
        while channel.recv_stderr_ready():
            _write(2, channel.recv_stderr(_BLOCK))
        if is_over:
            return


def _write(descriptor: int, block: bytes) -> None:
    while block:
        block = block[os.write(descriptor, block) :]
