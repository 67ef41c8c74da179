"""What an operator does by hand on a host that serves: maintenance, a command in a container.

Turned red by: leaving `include maintenance.conf` out of one location of the edge; asking without the checks' name in
public_release; running docker exec without --interactive; joining the words after -- with spaces.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.checkout import PYTHON_ENVIRONMENT, Checkout
from tests.labhost import LabHost
from tests.live.test_reboot import power_cut

pytestmark = pytest.mark.timeout(1800)


def ask(url: str, *, data: bytes | None = None) -> tuple[int, dict[str, str], str]:
    """One request, never repeated: status, headers, body."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data), timeout=10) as answer:  # noqa: S310
            return answer.status, dict(answer.headers), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read().decode()


@contextmanager
def asking(url: str) -> Iterator[Counter[str]]:
    """Ask again and again meanwhile; what came of it is counted by status, or by the error."""
    stop, seen = threading.Event(), Counter[str]()

    def work() -> None:
        while not stop.wait(0.02):
            try:
                seen[str(ask(url)[0])] += 1
            except OSError as error:
                seen[repr(error)] += 1

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def test_maintenance_closes_for_everybody_and_only_the_switch_opens_again(
    deployed: LabHost, checkout: Checkout
) -> None:
    url = deployed.url
    with asking(f"{url}/") as seen:
        done = checkout.fab("maintenance", "--on", "--message", "Back at <noon> & 'soon'")
        assert "maintenance is on since 20" in done.stdout
        for path in ("/", "/api/anything", "/assets/index-abcdefgh.js"):
            for data in (None, b"x" * 200_000):
                status, headers, body = ask(url + path, data=data)
                assert (status, headers["Retry-After"], headers["Cache-Control"]) == (503, "60", "no-store"), path
                assert "<p>Back at &lt;noon&gt; &amp; 'soon'</p>" in body
        assert ask(f"{url}/.checks/{'0' * 32}/health")[0] == 404
        assert "already so, maintenance is on since" in checkout.fab("maintenance", "--on").stdout
        assert "port healthy" in checkout.fab("verify").stdout
        assert "under maintenance since 20" in checkout.fab("status").stdout
        for task in ("restart", "deploy", "rollback"):
            if task == "deploy":
                checkout.change_page("under maintenance")
            checkout.fab(task)
            assert ask(f"{url}/")[0] == 503, task
        assert "maintenance is off" in checkout.fab("maintenance", "--off").stdout
        assert ask(f"{url}/")[0] == 200
    assert set(seen) == {"200", "503"}, seen
    assert "already so" in checkout.fab("maintenance", "--off").stdout


def test_maintenance_outlives_a_power_cut(deployed: LabHost, checkout: Checkout) -> None:
    """Nobody sees the application meanwhile, and it serves behind the page: our own checks pass."""
    checkout.fab("maintenance", "--on", "--message", "Back at noon")
    with asking(deployed.url) as seen:
        power_cut(deployed)
        deadline = time.monotonic() + 120
        while checkout.fab("verify", check=False).returncode:
            assert time.monotonic() < deadline, checkout.fab("verify", check=False).stderr
        status, _, page = ask(deployed.url)
    assert (status, "Back at noon" in page) == (503, True), page
    assert "200" not in seen, seen
    checkout.fab("maintenance", "--off")
    assert ask(deployed.url)[0] == 200


def test_an_edge_without_the_page_is_refused(deployed: LabHost, checkout: Checkout) -> None:
    """The edge is asked, and not believed: where its page does not come, nothing is closed."""
    edge = deployed.service("edge")
    root = deployed.run(f"docker inspect --format '{{{{.GraphDriver.Data.MergedDir}}}}' {edge}").strip()
    deployed.run(f"cp {root}/etc/nginx/maintenance.conf /root/maintenance.conf && : >{root}/etc/nginx/maintenance.conf")
    deployed.run(f"docker kill -s HUP {edge}")
    try:
        for _ in range(20):  # until no worker of before the reload answers
            done = checkout.fab("maintenance", "--on", check=False)
            if done.returncode:
                break
            checkout.fab("maintenance", "--off")
        assert done.returncode == 1
        assert "has no maintenance page yet: the application stays open" in done.stderr
        assert ask(f"{deployed.url}/")[0] == 200
        assert "already so, maintenance is off" in checkout.fab("maintenance", "--off").stdout
    finally:
        deployed.run(f"mv /root/maintenance.conf {root}/etc/nginx/maintenance.conf && docker kill -s HUP {edge}")


def execute(
    checkout: Checkout, *words: str, stdin: bytes = b"", target: str = ""
) -> "subprocess.CompletedProcess[bytes]":
    command = [str(PYTHON_ENVIRONMENT / "bin" / "fab"), "-H", target or checkout.host.name, "exec", *words]
    return subprocess.run(
        command, cwd=checkout.path, env=checkout.environment(), input=stdin, capture_output=True, timeout=120,
        check=False,
    )  # fmt: skip


def test_exec_passes_words_bytes_and_exit_codes_on(deployed: LabHost, checkout: Checkout) -> None:
    words = ["two  words", "$(id)", "'", '"', "", "é", "a\nb", "-R", "--dry", "--json", "--", "*", "\\"]
    script = 'printf "<%s>" "$@"; echo talk >&2; exit 42'
    done = execute(checkout, "backend", "--", "sh", "-c", script, "sh", *words)
    assert done.stdout.decode() == "".join(f"<{word}>" for word in words)
    assert (done.returncode, done.stderr) == (42, b"talk\n")
    blob = os.urandom(2_000_000)
    done = execute(checkout, "backend", "--", "cat", stdin=blob)
    assert (done.returncode, done.stdout == blob) == (0, True)
    slot = deployed.run("readlink /opt/community-tracker/slots/active").strip()
    done = execute(checkout, "backend", "--", "node", "-e", "console.log(process.env.SLOT)")
    assert done.stdout.decode() == f"{slot}\n"
    assert words[1] not in deployed.run("cat /var/log/community-tracker/*.log")


def test_exec_database_is_psql_as_the_application(deployed: LabHost, checkout: Checkout) -> None:
    done = execute(
        checkout, "database", stdin=b"\\pset format unaligned\n\\t\nselect current_user, current_database();"
    )
    assert done.stdout.decode().splitlines()[-1] == "apiuser|community_tracker"
    done = execute(checkout, "database", stdin=b"select nonsense;\n")
    assert done.returncode == 3
    done = execute(checkout, "database", "--", "id", "-un")
    assert done.stdout == b"postgres\n"


def test_exec_refuses_what_does_not_run(deployed: LabHost, checkout: Checkout) -> None:
    backend = deployed.service("backend")
    deployed.run("docker", "stop", backend)
    try:
        done = execute(checkout, "backend", "--", "id")
        assert done.returncode == 1
        assert b"backend does not run here" in done.stderr
        assert b"what runs: database edge frontend" in done.stderr
    finally:
        deployed.run("docker", "start", backend)
    for words in (["cache", "--", "id"], ["backend", "--json", "--", "id"], ["backend", "status", "--", "id"]):
        assert execute(checkout, *words).returncode == 2


def test_exec_on_a_terminal(deployed: LabHost, checkout: Checkout) -> None:
    """A prompt, the window's size when it starts and when it changes, and Ctrl-C for the command and not for us."""
    pid, screen = pty.fork()
    if pid == 0:
        os.chdir(checkout.path)
        fab = str(PYTHON_ENVIRONMENT / "bin" / "fab")
        # An environment with a size of its own, as readline leaves one behind: the window's counts.
        environment = {**checkout.environment(), "COLUMNS": "80", "LINES": "24"}
        os.execve(fab, ["fab", "-H", checkout.host.name, "exec", "database"], environment)  # noqa: S606
    seen = b""

    def until(text: bytes, typed: bytes = b"") -> None:
        """Wait for a text; what is typed is typed again each second: it may have come too early."""
        nonlocal seen
        deadline = time.monotonic() + 120
        while text not in seen:
            assert time.monotonic() < deadline, seen
            if select.select([screen], [], [], 1)[0]:
                seen += os.read(screen, 4096)
            elif typed:
                os.write(screen, typed)

    def resize(rows: int, columns: int) -> None:
        fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    try:
        resize(33, 99)
        until(b"=> ")
        until(b"33 99", b"\\! stty size\n")  # Docker tells the container its size after the command has begun
        resize(44, 77)
        until(b"44 77", b"\\! stty size\n")
        os.write(screen, b"select pg_sleep(600);\n")
        until(b"canceling statement", b"\x03")
        os.write(screen, b"\\q\n")
        assert os.waitpid(pid, 0)[1] == 0
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise


def test_logs_follow_into_the_next_slot(deployed: LabHost, checkout: Checkout) -> None:
    """What the API writes is shown as it comes, with its slot, across a restart; nothing stays on the host."""
    first = deployed.run("readlink /opt/community-tracker/slots/active").strip()
    command = [str(PYTHON_ENVIRONMENT / "bin" / "fab"), "-H", checkout.host.name]
    follower = subprocess.Popen(
        [*command, "logs", "--service", "backend", "--follow", "--since", "1s"], cwd=checkout.path,
        env=checkout.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert follower.stdout is not None
    try:
        checkout.fab("restart")
        shown = ""
        for line in follower.stdout:
            shown += line
            if line.startswith(f"{'green' if first == 'blue' else 'blue'}/backend | "):
                break
        assert re.search(r"^\w+/backend \| \d{4}-\d\d-\d\dT[\d:.]+Z ", shown, re.MULTILINE)
    finally:
        follower.terminate()  # as Ctrl-C, which may be ignored where the tests run in the background
        assert follower.wait(60) == 130
        follower.stdout.close()
    for _ in range(60):
        if not deployed.run("pgrep -f '[ ]logs backend' || true"):
            return
        time.sleep(1)
    raise AssertionError("the host's side of --follow is still there")
