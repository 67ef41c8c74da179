"""Programs of this machine: by argument list, with everything they said when they fail."""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from tasks.core.errors import DeployError
from tasks.core.settings import CommandResult
from tasks.core.settings.commands import LONGEST_LINE
from tasks.workstation import LocalPrograms, ShellLines

HERE = LocalPrograms()


def python(script: str, *words: str) -> tuple[str, ...]:
    return (sys.executable, "-c", script, *words)


def test_lines_and_talk() -> None:
    answer = HERE.run(python("import sys; print('a=1\\nb'); print('talk', file=sys.stderr)"))
    assert (answer.exit_code, answer.lines, answer.talk) == (0, ("a=1", "b"), ("talk",))
    assert answer.value("a") == "1"


@pytest.mark.parametrize("word", ["", "two words", "$(id)", "'; id; '", "a\nb", "*", "ü→"])
def test_words_arrive_unchanged(word: str) -> None:
    answer = HERE.run(python("import sys; sys.stdout.write(ascii(sys.argv[1]))", word))
    assert answer.lines == (ascii(word),)


def test_another_exit_code_raises_with_what_was_said() -> None:
    with pytest.raises(DeployError, match="ended with exit code 3") as caught:
        HERE.run(python("import sys; print('why', file=sys.stderr); sys.exit(3)"))
    assert caught.value.detail == "why"


def test_an_accepted_exit_code_is_an_answer() -> None:
    assert HERE.run(python("raise SystemExit(3)"), accept=(0, 3)).exit_code == 3


def test_a_failure_without_a_word() -> None:
    with pytest.raises(DeployError) as caught:
        HERE.run(python("raise SystemExit(1)"))
    assert caught.value.detail == "(it said nothing)"


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(DeployError, match="cannot run no-such-program: No such file"):
        HERE.run(("no-such-program",))
    assert not HERE.has("no-such-program")
    assert HERE.has("sh")


def test_it_listens_while_the_program_runs() -> None:
    heard: list[float] = []
    say = "print('x', flush=True)\n print('y', file=sys.stderr, flush=True)"
    script = f"import sys, time\nfor _ in range(2):\n {say}\n time.sleep(0.3)"
    HERE.run(python(script), listen=lambda _line: heard.append(time.monotonic()))
    assert len(heard) == 4
    assert max(heard) - min(heard) > 0.2


def test_much_on_both_outputs_does_not_block() -> None:
    script = "import sys\nfor i in range(20000):\n print('o' * 50)\n print('e' * 50, file=sys.stderr)"
    answer = HERE.run(python(script))
    assert len(answer.lines) == 20000
    assert 0 < len(answer.talk) < 100, "the end of the talk is kept, no more"


def test_it_reads_no_input() -> None:
    assert HERE.run(python("import sys; print(repr(sys.stdin.read()))")).lines == ("''",)


def test_a_namespace_of_containerd_is_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTAINERD_NAMESPACE", "elsewhere")
    assert HERE.run(python("import os; print('CONTAINERD_NAMESPACE' in os.environ)")).lines == ("False",)


def test_what_is_no_text_is_survived() -> None:
    answer = HERE.run(python("import sys; sys.stdout.buffer.write(b'a\\xff\\nb\\n')"))
    assert answer.lines == ("a\ufffd", "b")


def test_a_pipe_gives_every_byte() -> None:
    script = "import sys; sys.stdout.buffer.write(bytes(range(256)) * 20000)"
    assert b"".join(HERE.pipe(python(script))) == bytes(range(256)) * 20000


def test_a_pipe_that_fails_says_so_after_its_last_block() -> None:
    script = "import sys; print('half'); print('disk full', file=sys.stderr); sys.exit(1)"
    blocks = HERE.pipe(python(script))
    assert next(blocks) == b"half\n"
    with pytest.raises(DeployError, match="exit code 1") as caught:
        next(blocks)
    assert caught.value.detail == "disk full"


def test_a_pipe_that_is_left_ends_its_program() -> None:
    script = "import os, time\nos.write(1, b'x' * (1 << 20))\nos.write(1, b'x' * (1 << 20))\ntime.sleep(60)"
    blocks = HERE.pipe(python(script))
    began = time.monotonic()
    next(blocks)
    del blocks
    assert time.monotonic() - began < 10


def test_stop_ends_what_another_thread_waits_for() -> None:
    begun = Event()
    with ThreadPoolExecutor(1) as pool:
        script = python("import time; print('begun', flush=True); time.sleep(600)")
        job = pool.submit(HERE.run, script, listen=lambda _line: begun.set())
        assert begun.wait(60)
        HERE.stop()
        with pytest.raises(DeployError, match="ended with exit code -15"):
            job.result(60)


# --- command lines of the settings ---


def test_a_line_is_the_shells_and_is_run_once(tmp_path: Path) -> None:
    lines = ShellLines(10, Path())
    line = f"echo x >>{tmp_path}/ran; printf 'a\\n%s' \"$HOME\" | tr a b"
    results = {lines.run(line) for _ in range(3)}
    assert results == {CommandResult(0, b"b\n" + os.environ["HOME"].replace("a", "b").encode())}
    assert (tmp_path / "ran").read_text() == "x\n"


def test_a_line_is_in_no_argument_and_no_environment() -> None:
    """Turned red by: ["sh", "-c", line]."""
    look = "tr '\\0' '\\n' </proc/$$/cmdline; tr '\\0' '\\n' </proc/$$/environ; ps -eo args # hunter2"
    result = ShellLines(10, Path()).run(look)
    assert result.exit_code == 0
    assert b"sh" in result.output
    assert b"hunter2" not in result.output


def test_a_line_gets_no_input_and_its_errors_are_not_shown(capfd: pytest.CaptureFixture[str]) -> None:
    assert ShellLines(10, Path()).run("echo hunter2 >&2; cat; exit 3") == CommandResult(3, b"")
    assert ShellLines(10, Path()).run("kill -9 $$").exit_code == -9
    assert ShellLines(10, Path()).run("if then").exit_code == 2
    assert capfd.readouterr() == ("", "")


def test_a_line_that_does_not_end_is_ended_with_all_it_has_started(tmp_path: Path) -> None:
    began = time.monotonic()
    assert ShellLines(0.3, Path()).run(f"sleep 60 & echo $! >{tmp_path}/pid; sleep 60; echo hunter2") == CommandResult(
        None, b""
    )
    assert time.monotonic() - began < 5
    state = Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}/stat")
    deadline = time.monotonic() + 5
    while state.exists() and state.read_text().split(")")[-1].split()[0] != "Z" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert time.monotonic() < deadline, "what it had started goes on"


def test_a_line_may_be_as_long_as_the_longest() -> None:
    line = "printf " + "x" * (LONGEST_LINE - 7)
    assert len(line) == LONGEST_LINE
    assert ShellLines(10, Path()).run(line).output == b"x" * (LONGEST_LINE - 7)
