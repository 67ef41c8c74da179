"""`fab` as a person types it, in a checkout of its own; nothing here reaches a host."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_type_hints

import pytest

import tasks
from tasks.core.protocols import Host
from tests.checkout import copy_checkout

FAB = Path(sys.executable).parent / "fab"
NAMES = [step.__name__.replace("_", "-") for step in tasks.STEPS]
WITH_VALUES = [step.__name__.replace("_", "-") for step in tasks.FROM_SOURCES]
ON_HOST = [
    step.__name__.replace("_", "-") for step in tasks.STEPS if Host in get_type_hints(step).values()
]  # what takes a host


@dataclass(frozen=True)
class Trial:
    """A checkout with a HOME and a PATH that have nothing of this machine's user."""

    root: Path
    home: Path

    def fab(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("DEPLOY_", "SSH_"))}
        return subprocess.run(
            [FAB, *words],
            cwd=self.root,
            env=kept | {"HOME": str(self.home), "COLUMNS": "200", "NO_COLOR": "1"} | environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def write(self, text: str, name: str = ".env") -> None:
        (self.root / name).write_text(text)
        (self.root / name).chmod(0o600)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_checkout(tmp_path_factory.mktemp("checkout"))


@pytest.fixture
def trial(checkout: Path, tmp_path: Path) -> Iterator[Trial]:
    trial = Trial(checkout, tmp_path)
    trial.write("HTTP_PORT=8080\n")
    yield trial
    for left in checkout.glob(".env*"):
        left.unlink()


@pytest.fixture
def silent_host() -> Iterator[tuple[str, socket.socket]]:
    """A target that listens, and must see no connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        yield f"127.0.0.1:{listener.getsockname()[1]}", listener


def was_contacted(listener: socket.socket) -> bool:
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


# --- what there is ---


def test_the_list_has_every_task_with_its_first_line_and_nothing_else(trial: Trial) -> None:
    done = trial.fab("--list")
    assert done.returncode == 0, done.stderr
    listed: dict[str, str] = {}
    for line in done.stdout.splitlines():
        if found := re.match(r"  ([a-z-]+) +(\S.*)", line):
            listed[found.group(1)] = found.group(2)
        elif listed and line.startswith("   "):  # it is as wide as a terminal of 80 columns
            listed[list(listed)[-1]] += " " + line.strip()
    assert sorted(listed) == sorted(NAMES)
    for step in tasks.STEPS:
        first = (step.__doc__ or "").splitlines()[0]
        assert listed[step.__name__.replace("_", "-")] == first
        assert len(first) <= 72, first


def test_what_reads_or_changes_a_host_takes_one() -> None:
    assert set(NAMES) - set(ON_HOST) == {"init", "check-config", "detect-runtime", "build"}


def test_the_list_needs_no_settings_and_no_slow_library(trial: Trial) -> None:
    (trial.root / ".env").unlink()
    done = trial.fab("--list", PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0
    assert "rich.live" not in done.stderr, "it is imported for a terminal's progress only"


@pytest.mark.parametrize("name", ["deploy", "check-config", "down"])
def test_help_explains_every_option(trial: Trial, name: str) -> None:
    done = trial.fab("--help", name)
    assert done.returncode == 0, done.stderr
    assert "--json" in done.stdout
    assert "print the result as JSON on stdout" in done.stdout
    assert "--set" in done.stdout
    assert "Undo" in done.stdout or name != "deploy"


# --- usage ---


REQUIRED = {"resolve-migration": ("20260101_init",), "exec": ("backend",)}
"""What a task cannot do without, after its name."""


@pytest.mark.parametrize("name", ON_HOST)
def test_a_host_task_without_a_host_shows_the_command_to_type(trial: Trial, name: str) -> None:
    done = trial.fab(name, *REQUIRED.get(name, ()))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == f"error: {name} works on a host, and none was named\n  next: type: fab -H HOST {name}\n"


def test_a_host_task_without_a_host_needs_no_settings_to_say_so(trial: Trial) -> None:
    (trial.root / ".env").unlink()
    assert "fab -H HOST deploy" in trial.fab("deploy").stderr


def test_a_chain_stops_at_the_first_refusal(trial: Trial) -> None:
    done = trial.fab("status", "check-config")
    assert done.returncode == 2
    assert done.stdout == ""


@pytest.mark.parametrize("text", ["HTTP_PORT", "", "HTTP_PORT:80"])
def test_a_malformed_set(trial: Trial, silent_host: tuple[str, socket.socket], text: str) -> None:
    target, listener = silent_host
    done = trial.fab("-H", target, "status", "--set", text)
    assert done.returncode == 2
    assert f"--set {text} has no =" in done.stderr
    assert "--set KEY=VALUE" in done.stderr
    assert not was_contacted(listener)


def test_set_comes_before_every_file(trial: Trial) -> None:
    done = trial.fab(
        "check-config", "--json", "--set", "HTTP_PORT=9090", "--set", "KEEP_RELEASES=7", DEPLOY_HTTP_PORT="7"
    )
    assert done.returncode == 0, done.stderr
    settings = json.loads(done.stdout)["settings"]
    assert settings["network"]["HTTP_PORT"] == {"value": "9090", "source": "command line"}
    values = {key: each["value"] for group in settings.values() for key, each in group.items()}
    assert values["KEEP_RELEASES"] == "7"


def test_a_set_that_is_no_setting(trial: Trial) -> None:
    done = trial.fab("check-config", "--set", "HTTP_PROT=9090")
    assert done.returncode == 2
    assert "HTTP_PORT" in done.stderr


@pytest.mark.parametrize(
    ("words", "said", "remedy"),
    [
        (["deplyo"], "there is no task deplyo", "did you mean deploy? fab --list shows every task"),
        (["-H", "web1", "zzz"], "there is no task zzz", "fab --list shows every task"),
        (["--help", "stauts"], "there is no task stauts", "did you mean status? fab --list shows every task"),
        (["deploy", "--wiat", "3"], "deploy has no option --wiat", "did you mean --wait? fab --help deploy shows"),
        (["--jsn", "status"], "fab has no option --jsn", "fab --list shows every task"),
        (["logs", "--service"], "--service of logs needs a value", "fab --help logs shows its options"),
        (["deploy", "--wait", "long"], '--wait: "long" cannot be used; accepted: a whole number', "fab --help"),
        (
            ["up", "--release", "../x"],
            '--release of up: "../x" cannot be used; accepted: letters',
            "fab --help up shows",
        ),
        (["-H", "web1:ssh", "status"], "-H web1:ssh: 'ssh' is not a port", "type: fab -H user@host:port"),
        (["-H", "root@[::1]", "status"], "-H root@[::1]: an IPv6 address is written without brackets", "~/.ssh/config"),
        (["-H", "a\nb", "status"], "-H 'a\\nb': not the name of a host", "type: fab -H user@host:port"),
        (["-H", "deployer@", "status"], "-H deployer@ names no host", "type: fab -H user@host:port"),
    ],
)
def test_what_cannot_be_read_is_a_refusal_with_the_nearest_name(
    trial: Trial, words: list[str], said: str, remedy: str
) -> None:
    done = trial.fab(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {said}")
    assert remedy in done.stderr
    assert len(done.stderr.splitlines()) == 2, done.stderr


def test_an_unknown_task_is_json_too(trial: Trial) -> None:
    done = trial.fab("deplyo", "--json")
    assert done.returncode == 2
    told = json.loads(done.stdout)
    assert (told["error"], told["exit_code"]) == ("there is no task deplyo", 2)
    assert "did you mean deploy?" in told["next"]


# --- settings ---


@pytest.mark.parametrize("name", ["deploy", "doctor", "down"])
def test_a_missing_settings_file_is_refused_before_a_connection(
    trial: Trial, silent_host: tuple[str, socket.socket], name: str
) -> None:
    target, listener = silent_host
    (trial.root / ".env").unlink()
    done = trial.fab("-H", target, name)
    assert done.returncode == 2
    assert done.stdout == ""
    assert ".env.127.0.0.1" in done.stderr
    assert "fab init" in done.stderr
    assert "Traceback" not in done.stderr
    assert not was_contacted(listener)


@pytest.mark.parametrize("name", ["deploy", "status"])
def test_every_fault_is_in_one_message_and_nothing_is_contacted(
    trial: Trial, silent_host: tuple[str, socket.socket], name: str
) -> None:
    target, listener = silent_host
    trial.write("HTTP_PORT=99999\nENABLE_HTTPS=perhaps\nno equals sign\nDEPLOYMNT_PATH=/opt/x\nSECRET='not closed\n")
    trial.write("KEEP_RELEASES=many\n", ".env.127.0.0.1")
    done = trial.fab("-H", target, name, DEPLOY_DRAIN_SECONDS="long")
    assert done.returncode == 2
    assert done.stdout == ""
    for part in (
        "HTTP_PORT (.env:1)", '"99999"', "ENABLE_HTTPS (.env:2)", '"perhaps"', ".env:3", "DEPLOYMNT_PATH",
        "DEPLOYMENT_PATH", ".env:5", "KEEP_RELEASES (.env.127.0.0.1:1)", "DRAIN_SECONDS", "accepted:",
        "nothing was contacted",
    ):  # fmt: skip
        assert part in done.stderr, part
    assert "Traceback" not in done.stderr
    assert not was_contacted(listener)


def test_a_secret_is_in_no_message(trial: Trial, silent_host: tuple[str, socket.socket]) -> None:
    target, listener = silent_host
    trial.write("TOKEN=hunter2-hunter2\nHTTP_PORT=x\nTOKEN=hunter2-again\n")
    for words in (("check-config",), ("-H", target, "deploy"), ("check-config", "--json")):
        done = trial.fab(*words)
        assert done.returncode == 2
        assert "hunter2" not in done.stdout + done.stderr
    assert not was_contacted(listener)


def test_a_host_s_own_file_counts_for_that_host(trial: Trial) -> None:
    trial.write("HTTP_PORT=81\n", ".env.web1")
    for target, port in (("web1", "81"), ("deployer@web1:2222", "81"), ("web2", "8080")):
        done = trial.fab("-H", target, "check-config", "--json")
        assert json.loads(done.stdout)["settings"]["network"]["HTTP_PORT"]["value"] == port


def test_all_hosts_settings_are_read_before_the_first_contact(
    trial: Trial, silent_host: tuple[str, socket.socket]
) -> None:
    target, listener = silent_host
    trial.write("KEEP_RELEASES=many\n", ".env.127.0.0.1")
    trial.write("HTTP_PORT=abc\n", ".env.web2")
    done = trial.fab("-H", f"{target},deployer@web2:2222,web3", "status", "deploy", "--set", "DRAIN_SECONDS=long")
    assert (done.returncode, done.stdout) == (2, "")
    for part in (
        "KEEP_RELEASES (.env.127.0.0.1:1)", "HTTP_PORT (.env.web2:1)", "DRAIN_SECONDS (command line)",
        "3 faults in the settings; nothing was contacted",
    ):  # fmt: skip
        assert done.stderr.count(part) == 1, done.stderr
    assert "not touched" not in done.stderr
    assert not was_contacted(listener)


def test_a_fault_that_only_one_host_has_is_said_to_be_its_own(trial: Trial) -> None:
    trial.write("HTTP_PORT=8080\nHTTPS_PORT=9090\n")
    trial.write("HTTP_PORT=9090\n", ".env.web2")
    done = trial.fab("-H", "127.0.0.1:1,web2", "status")
    assert done.returncode == 2
    assert "HTTPS_PORT (.env:2, for web2): is the same port" in done.stderr


def test_a_host_without_settings_among_others_is_one_of_the_faults(
    trial: Trial, silent_host: tuple[str, socket.socket]
) -> None:
    target, listener = silent_host
    (trial.root / ".env").unlink()
    trial.write("HTTP_PORT=abc\n", ".env.127.0.0.1")
    done = trial.fab("-H", f"{target},web2", "deploy")
    assert done.returncode == 2
    assert "HTTP_PORT (.env.127.0.0.1:1)" in done.stderr
    assert "-H web2: there is no settings file: no .env and no .env.web2" in done.stderr
    assert not was_contacted(listener)


def test_a_line_may_make_the_settings_that_it_goes_on_with(trial: Trial) -> None:
    (trial.root / ".env").unlink()
    done = trial.fab("init", "detect-runtime", PATH="/nowhere")
    assert "docker or finch is not in PATH" in done.stderr, "the settings that init wrote were read"


@pytest.mark.parametrize("name", [step.__name__.replace("_", "-") for step in tasks.FROM_SOURCES])
def test_what_carries_the_sources_on_checks_what_check_config_does(
    trial: Trial, tmp_path: Path, silent_host: tuple[str, socket.socket], name: str
) -> None:
    target, listener = silent_host
    for settings, parts in {
        "HTTP_PORT=x\nAPP_SOURCE=nowhere\nBUILD_CA_FILE=no.pem\nBUILD_MODE=remote\n": (
            "HTTP_PORT (.env:1)", "APP_SOURCE (.env)", "BUILD_CA_FILE (.env)", "BUILD_MODE (.env)", "4 faults",
        ),
        f"HTTP_PORT=x\nAPP_SOURCE={tmp_path}\n": (
            "HTTP_PORT (.env:1)", f"application ({tmp_path}): web-frontend/", f"application ({tmp_path}): backend-api/",
            "in the settings and the application's sources; nothing was contacted", "docs/application.md",
        ),
    }.items():  # fmt: skip
        trial.write(settings)
        done = trial.fab("-H", target, name)
        assert (done.returncode, done.stdout) == (2, "")
        for part in parts:
            assert part in done.stderr, part
        assert done.stderr == trial.fab("-H", target, "check-config").stderr
    assert not was_contacted(listener)


@pytest.mark.parametrize("name", ["check-config", "up", "status", *WITH_VALUES])
def test_a_command_that_gives_a_value_is_run_once_and_for_who_needs_it_alone(
    trial: Trial, silent_host: tuple[str, socket.socket], name: str
) -> None:
    """Turned red by: with_sources=True for every step in WholeLine._wanted; no _kept in ShellLines."""
    target, listener = silent_host
    trial.write(f"TOKEN=echo x >>{trial.home}/ran; echo hunter2; exit 3\nAPP_COMMANDS=TOKEN\n")
    if name in WITH_VALUES:
        done = trial.fab("-H", target, name, name)
        assert done.returncode == 2
        assert "TOKEN (.env:1): its command (APP_COMMANDS) ended with exit code 3" in done.stderr
        assert "hunter2" not in done.stdout + done.stderr
        assert (trial.home / "ran").read_text() == "x\n"
        assert not was_contacted(listener)
        return
    trial.fab("-H", "127.0.0.1:1", name)
    assert not (trial.home / "ran").exists()


def test_looking_at_a_host_needs_no_sources(trial: Trial) -> None:
    trial.write("APP_SOURCE=nowhere\n")
    assert "cannot connect" in trial.fab("-H", "127.0.0.1:1", "status").stderr


def test_a_settings_file_that_is_a_fifo_is_refused_and_not_waited_for(trial: Trial) -> None:
    (trial.root / ".env").unlink()
    os.mkfifo(trial.root / ".env")
    done = trial.fab("check-config")
    assert done.returncode == 2
    assert ".env: is a FIFO; accepted: a file" in done.stderr


# --- what nobody foresaw ---

BROKEN = """
from tasks.binding import namespace
from tasks.core.protocols import Console, Outcome

def crash(console: Console) -> Outcome:
    \"\"\"Crash.\"\"\"
    console.say("x" * 100)
    return namespace({"hunter2": 1})

ns = namespace((crash,))
"""


def test_an_error_that_nobody_foresaw_is_no_traceback(trial: Trial) -> None:
    trial.write(BROKEN, "broken.py")
    done = trial.fab("-c", "broken", "crash")
    assert done.returncode == 1
    assert re.match(
        r"error: internal error: AttributeError at tasks/binding/\w+\.py:\d+ in .*\n  now: .*\n  next: .*report it",
        done.stderr,
    ), done.stderr
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr
    shown = trial.fab("-c", "broken", "crash", "--verbose", "--json")
    assert "Traceback (most recent call last)" in shown.stderr
    assert json.loads(shown.stdout)["exit_code"] == 1


def test_a_reader_that_has_ended_is_no_fault_of_ours(trial: Trial) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [FAB, "check-config"], cwd=trial.root, env=os.environ | {"HOME": str(trial.home)}, stdout=writing,
        stderr=subprocess.PIPE, text=True, timeout=60, check=False,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


# --- output ---


def test_json_is_all_there_is_on_stdout(trial: Trial) -> None:
    trial.write("HTTP_PORT=8080\nTOKEN=hunter2\n")
    (trial.root / ".env").chmod(0o644)
    done = trial.fab("check-config", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["schema"] == 1
    assert "HTTP_PORT" in done.stderr, "people read along on stderr"
    assert "hunter2" not in done.stdout + done.stderr


def test_a_refusal_is_json_too(trial: Trial) -> None:
    done = trial.fab("status", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout) == {
        "error": "status works on a host, and none was named", "detail": "", "next": "type: fab -H HOST status",
        "exit_code": 2,
    }  # fmt: skip


def test_an_unreachable_host_is_json_too(trial: Trial) -> None:
    done = trial.fab("-H", "deployer@127.0.0.1:1,web2", "status", "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert set(told) == {"error", "detail", "next", "exit_code", "not_touched"}
    assert "refused" in told["error"]
    assert (told["exit_code"], told["not_touched"]) == (1, ["web2"])


def test_a_workstation_task_runs_once_however_many_hosts(trial: Trial) -> None:
    (trial.root / ".env").unlink()
    done = trial.fab("init")
    assert (done.returncode, done.stdout.count("next: fab check-config")) == (0, 1)
    again = trial.fab("init")
    assert again.returncode == 2
    assert "is there already" in again.stderr
    done = trial.fab("-H", "web1,web2", "detect-runtime")
    assert len(done.stdout.splitlines() + done.stderr.splitlines()) <= 4


def test_hosts_after_a_failure_are_named(trial: Trial) -> None:
    done = trial.fab("-H", "127.0.0.1:1,web2,deployer@web3:2222", "status")
    assert done.returncode == 1
    assert "cannot connect to 127.0.0.1" in done.stderr
    assert "not touched: web2, deployer@web3:2222" in done.stderr


def test_nothing_is_begun_on_several_hosts_while_one_cannot_be_reached(trial: Trial) -> None:
    """Each that fails is named, also behind one that does not. Turned red by: no _reach_all in _carry_out."""
    done = trial.fab("-H", "127.0.0.1:1,no.such.invalid", "down")
    assert done.returncode == 1
    assert done.stderr.startswith("error: 2 of 2 hosts cannot be worked with\n")
    assert "cannot connect to 127.0.0.1" in done.stderr
    assert "cannot connect to no.such.invalid" in done.stderr
    assert done.stderr.rstrip().endswith("not touched: 127.0.0.1:1, no.such.invalid")


def test_commands_to_type_have_the_name_and_the_options_that_were_typed(trial: Trial) -> None:
    """An alias leads to user, port and jump host, which its address does not.

    Turned red by: typed_options that gives nothing; an address in _refused (tasks/binding/ssh.py).
    """
    (trial.root / "lab.conf").write_text("Host web1\n  HostName 127.0.0.1\n  Port 1\n  User anna\n")
    done = trial.fab("-S", "lab.conf", "-i", "key", "-H", "web1", "status")
    assert "cannot connect to web1 (anna@127.0.0.1:1)" in done.stderr
    assert "`ssh -v -F lab.conf -i key web1` shows more" in done.stderr


@pytest.mark.parametrize("option", [["-H"], ["--hosts"]])
def test_one_host_under_two_users_is_two_hosts(trial: Trial, option: list[str]) -> None:
    done = trial.fab(*option, "anna@127.0.0.1:1,ben@127.0.0.1:1", "status")
    assert "(anna@127.0.0.1:1)" in done.stderr
    assert done.stderr.rstrip().endswith("not touched: ben@127.0.0.1:1")


def test_a_host_that_refuses_is_an_error_with_the_reason(trial: Trial) -> None:
    done = trial.fab("-H", "nobody@127.0.0.1:1", "status")
    assert done.returncode == 1
    assert "cannot connect to 127.0.0.1 (nobody@127.0.0.1:1): the connection was refused" in done.stderr
    assert "ssh -v -p 1 nobody@127.0.0.1" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_runtime_is_an_error_with_the_way_out(trial: Trial, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    done = trial.fab("detect-runtime", PATH=str(tmp_path / "bin"))
    assert done.returncode == 2
    assert "docker or finch is not in PATH" in done.stderr
    assert "next: install Docker" in done.stderr


@pytest.mark.parametrize(("name", "gone"), [("missing", ""), ("lock", "backend-api/package-lock.json")])
def test_sources_that_cannot_be_built(trial: Trial, tmp_path: Path, name: str, gone: str) -> None:
    source = tmp_path / "application"
    if name == "lock":
        shutil.copytree(trial.root / "examples" / "community-tracker", source)
        (source / gone).unlink()
    done = trial.fab("build", "--set", f"APP_SOURCE={source}")
    assert done.returncode == 2
    assert ("APP_SOURCE" if name == "missing" else "lock") in done.stderr
    assert "next: " in done.stderr
    assert not (trial.root / ".deploy").exists()
