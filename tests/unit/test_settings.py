"""Where a setting comes from, and everything that can be wrong with one."""

import os
import traceback
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tasks.core.errors import SettingsError
from tasks.core.secret import Secret
from tasks.core.settings import (
    SETTINGS,
    CommandResult,
    Settings,
    load_settings,
    missing_paths,
    release_environment,
    value_faults,
)
from tasks.core.settings.names import DOUBTFUL, SET_BY_US, edit_distance, near_miss

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for a settings file; each test writes its own."""
    return tmp_path_factory.mktemp("checkout")


def load(
    root: Path,
    text: str | bytes = "",
    *,
    per_host: str | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, str] | None = None,
) -> Settings:
    raw = text.encode() if isinstance(text, str) else text
    (root / ".env").write_bytes(raw)
    (root / ".env").chmod(0o600)
    (root / ".env.web1").unlink(missing_ok=True)
    if per_host is not None:
        (root / ".env.web1").write_bytes(per_host.encode())
        (root / ".env.web1").chmod(0o600)
    return load_settings(root=root, host="web1", environ=environ or {}, overrides=overrides or {})


def refusal(root: Path, text: str | bytes = "", **where: object) -> str:
    with pytest.raises(SettingsError) as caught:
        load(root, text, **where)  # type: ignore[arg-type]
    assert caught.value.exit_code == 2
    assert "fab check-config" in caught.value.remedy
    return str(caught.value)


# --- precedence ---

SOURCES = {"command line": "8001", "environment": "8002", "file .env.web1": "8003", "file .env": "8004"}


@given(st.sets(st.sampled_from(list(SOURCES))))
@hypothesis_settings(max_examples=100)
def test_the_first_source_that_has_it_wins(root: Path, having: set[str]) -> None:
    def line(source: str) -> str:
        return f"HTTP_PORT={SOURCES[source]}\n" if source in having else ""

    settings = load(
        root,
        line("file .env"),
        per_host=line("file .env.web1"),
        environ={"DEPLOY_HTTP_PORT": "8002"} if "environment" in having else {},
        overrides={"HTTP_PORT": "8001"} if "command line" in having else {},
    )
    winner = next((source for source in SOURCES if source in having), "default")
    assert settings.sources["HTTP_PORT"] == winner
    assert settings.http_port == int(SOURCES.get(winner, "80"))


def test_a_laptops_own_environment_changes_nothing(root: Path) -> None:
    environ = dict.fromkeys(SETTINGS, "nonsense") | {"DATABASE_URL": "x", "PATH": "/bin", "DEPLOY_TOKEN": "unrelated"}
    assert load(root, environ=environ) == load(root)


def test_a_file_for_the_host_alone_is_enough(root: Path) -> None:
    load(root, per_host="APP_NAME=one\n")
    (root / ".env").unlink()
    assert load_settings(root=root, host="web1", environ={}).app_name == "one"


def test_the_hosts_file_is_read_for_that_host_only(root: Path) -> None:
    load(root, "APP_NAME=all\n", per_host="APP_NAME=one\nKEY=1\n")
    assert load_settings(root=root, environ={}).app_name == "all"
    assert load_settings(root=root, host="web2", environ={}).application == {}


@pytest.mark.parametrize("host", [None, "web1"])
def test_no_file_at_all_names_the_way_out(tmp_path: Path, host: str | None) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(root=tmp_path, host=host, environ={})
    assert caught.value.exit_code == 2
    assert "fab init" in caught.value.remedy
    assert str(tmp_path) in caught.value.what


@pytest.mark.parametrize("host", ["", "../x", "a/b", ".", "..", "a\0b"])
def test_a_host_name_cannot_lead_elsewhere(root: Path, host: str) -> None:
    with pytest.raises(SettingsError):
        load_settings(root=root, host=host, environ={})


def test_defaults(root: Path) -> None:
    settings = load(root)
    assert set(settings.sources.values()) == {"default"}
    assert (settings.http_port, settings.https_port, settings.enable_https) == (80, 443, False)
    assert (settings.app_name, settings.postgres_user, settings.postgres_db) == (
        "community-tracker",
        "apiuser",
        "community_tracker",
    )
    assert (settings.deployment_path, settings.log_path) == ("/opt/community-tracker", "/var/log/community-tracker")
    assert (settings.node_image, settings.nginx_image) == ("node:lts-alpine", "nginx:alpine")
    assert settings.app_source == root / "examples/community-tracker"
    assert (settings.keep_releases, settings.health_timeout, settings.health_retries, settings.drain_seconds) == (
        5,
        120,
        5,
        10,
    )
    assert settings.application == {}


def test_paths_on_the_host_follow_the_applications_name(root: Path) -> None:
    settings = load(root, "APP_NAME=shop\n")
    assert (settings.deployment_path, settings.log_path) == ("/opt/shop", "/var/log/shop")


# --- every fault ---

BAD = {
    "HTTP_PORT": ["0", "65536", "-1", "+80", "080", "80a", "8_0", "1e3", "٨٠", "9" * 30],
    "HTTPS_PORT": ["0", "65536"],
    "ENABLE_HTTPS": ["True", "yes", "1", "TRUE", "on"],
    "HTTPS_REDIRECT": ["yes"],
    "HSTS_SECONDS": ["-1", "63072001", "1y"],
    "SERVER_NAMES": [
        "a,,b",
        "a, b",
        "-a.org",
        "a_b.org",
        "*.a.org",
        "https://a.org",
        "a.org:443",
        "1.2.3",
        "bücher.de",
    ],
    "CLIENT_MAX_BODY_SIZE": ["10", "10M", "0m", "10mb", "1.5m", "65g"],
    "BACKEND_EGRESS": ["no"],
    "DATA_PATH": ["data", "/", "/srv", "/var/lib/docker/x", "/srv/../etc", "/srv/a:b", "/srv/a b", "/run/x"],
    "SOCKET_PATH": ["run", "/run", "/proc/x"],
    "CERT_PATH": ["host:certs", "host:", "host:/a/../b", "~/certs", "a,b"],
    "NODE_ENV": ["development", "Production"],
    "BACKEND_PORT": ["80", "1023", "65536"],
    "POSTGRES_USER": ["postgres", "root", "pg_read", "Api", "api-user", "1a", "a" * 32, "public"],
    "POSTGRES_DB": ["postgres", "template1", "a-b", "A", "a" * 64],
    "API_USER_UID": ["0", "70", "101", "999", "65534", "root"],
    "API_USER_GID": ["0", "101"],
    "SOCKET_PERMISSIONS": ["770", "0777", "0700", "0778", "0o770", "1770"],
    "SSH_HOST_KEYS": ["no", "yes"],
    "APP_NAME": ["Foo", "a_b", "-a", "a-", "a" * 40, "a.b", "shop-blue", "x-green", "localhost", "é"],
    "APP_SOURCE": ["~/app", "a,b", "$HOME"],
    "APP_KEYS": ["A B", "A,,B", "1A", "A, B", "A,B,A", "HTTP_PORT"],
    "APP_FILES": ["A B", "A,", "a-b", "A,A", "HTTP_PORT"],
    "APP_COMMANDS": ["A B", ",A", "A,A", "HTTP_PORT"],
    "IMAGES_MAY_HOLD": ["A B", ",A", "1A"],
    "DEPLOYMENT_PATH": [
        "opt/x",
        "/",
        "/opt",
        "/etc/app",
        "/usr/bin/x",
        "/opt/x/",
        "//opt/x",
        "/tmp/x",
        "/var",
        "/home",
    ],
    "LOG_PATH": ["log", "/var/log", "/dev/x", "/opt/" + "x" * 200],
    "BUILD_MODE": ["both"],
    "CONTAINER_RUNTIME": ["podman"],
    "NODE_IMAGE": ["node", "Node:1", "node:", "node:a b", "node@sha256:12", "a//b:1", ":1", "http://x/y:1", "-x:1"],
    "NGINX_IMAGE": ["nginx", "a" * 300 + ":1"],
    "POSTGRES_IMAGE": ["postgres"],
    "BUILD_CA_FILE": ["~/ca.pem"],
    "FRONTEND_MEMORY": ["64", "8m", "64M", "2000g", "-1m"],
    "BACKEND_MEMORY": ["32m"],
    "DATABASE_MEMORY": ["64m"],
    "EDGE_MEMORY": ["1k"],
    "KEEP_RELEASES": ["0", "1", "101"],
    "HEALTH_TIMEOUT": ["0", "3601", "2m"],
    "MIGRATE_TIMEOUT": ["0", "86401", "10m"],
    "HEALTH_RETRIES": ["0", "101"],
    "DRAIN_SECONDS": ["-1", "601"],
    "MIN_DOCKER_VERSION": ["20", "v20.10", "20.10.10.1", "20.x"],
    "MIN_COMPOSE_VERSION": ["2"],
    "VERBOSE": ["1"],
}

GOOD = {
    "HTTP_PORT": ["1", "80", "65535"],
    "DATA_PATH": ["", "/srv/data", "/data", "/mnt/disk-1/db"],
    "SOCKET_PATH": ["", "/run/shop"],
    "CERT_PATH": ["", "host:/etc/letsencrypt/live/example.org"],
    "SERVER_NAMES": ["", "localhost", "Example.org,192.0.2.1,::1", "xn--bcher-kva.de", "a" * 63 + ".org"],
    "APP_NAME": ["a", "0", "a--b", "a" * 39, "blue", "a-blues"],
    "DEPLOYMENT_PATH": ["/srv/x", "/app", "/home/deploy/app", "/opt/a_b@c+d.e"],
    "NODE_IMAGE": [
        "node:22",
        "lab/node:debian",
        "localhost:5000/a/b:1.2-x_y",
        "registry.example.org/team/node@sha256:" + "a" * 64,
        "node:22@sha256:" + "0" * 64,
    ],
    "SOCKET_PERMISSIONS": ["0770", "0660", "0760"],
    "FRONTEND_MEMORY": ["16m", "1g", "65536k"],
}

OPTIONAL = {
    "DATA_PATH", "SOCKET_PATH", "CERT_PATH", "APP_KEYS", "APP_FILES", "APP_COMMANDS", "IMAGES_MAY_HOLD",
    "BUILD_CA_FILE", "SERVER_NAMES",
}  # fmt: skip
LISTS = {"APP_FILES", "APP_COMMANDS"}
"""Those that name variables which a file has to set."""


def test_every_setting_has_bad_examples() -> None:
    assert BAD.keys() == SETTINGS.keys()


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in BAD.items() for value in values])
def test_a_bad_value_is_refused_with_line_reason_and_form(root: Path, key: str, value: str) -> None:
    message = refusal(root, f"# first line\n\n{key}='{value}'\n")
    assert message.startswith("a fault in the settings")
    assert f"{key} (.env:3): " in message
    form = "names of the application's own variables" if value == "HTTP_PORT" else SETTINGS[key].form
    assert f"accepted: {form}" in message


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in GOOD.items() for value in values])
def test_a_good_value_is_taken(root: Path, key: str, value: str) -> None:
    assert load(root, f"{key}={value}\n").sources[key] == "file .env"


def needed_by(key: str) -> str:
    """Lines without which the example of a setting is a fault."""
    lines = "".join(f"{name}=x\n" for name in SETTINGS[key].example.split(",")) if key in LISTS else ""
    return "CERT_PATH=certs\n" if key == "ENABLE_HTTPS" else lines


@pytest.mark.parametrize("key", SETTINGS)
def test_every_example_is_accepted(root: Path, key: str) -> None:
    more = needed_by(key)
    assert load(root, f"{key}={SETTINGS[key].example}\n{more}").sources[key] == "file .env"


@pytest.mark.parametrize("key", SETTINGS)
def test_empty_is_a_fault_unless_the_form_says_so(root: Path, key: str) -> None:
    if key in OPTIONAL:
        assert "empty" in SETTINGS[key].form
        load(root, f"{key}=\n")
    else:
        assert f"{key} (.env:1): is empty" in refusal(root, f"{key}=\n")


@pytest.mark.parametrize("key", SETTINGS)
def test_white_space_around_a_setting_is_a_fault(root: Path, key: str) -> None:
    good = SETTINGS[key].default or SETTINGS[key].example
    for line in (f"{key}= {good}", f"{key} ={good}", f"{key}={good} ", f"{key}={good}\t", f"{key}=' {good}'"):
        assert "white space" in refusal(root, line + "\n"), line
    load(root, f"  export {key}={good}   # why\n{needed_by(key)}")


@pytest.mark.parametrize("key", SETTINGS)
@given(value=st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
@example(value="$(touch /tmp/x)")
@example(value="`id`")
@example(value="a\nB=c")
@example(value="'; id; '")
@example(value="x" * 65536)
@example(value="/srv/" + "a-" * 30000)
@example(value="a" + "-a" * 30000)
@example(value="\u202e/srv/x")
@hypothesis_settings(max_examples=30)
def test_hostile_values_are_refused_or_need_no_quoting(root: Path, key: str, value: str) -> None:
    error = ""
    try:
        settings = load(root, overrides={"CERT_PATH": "certs"} | {key: value})
    except SettingsError as refused:
        error = str(refused)
    if error:
        assert key in error
        assert len(error) < 2000
        assert all(line.isprintable() for line in error.split("\n"))
        return
    for name, written in release_environment(settings).items():
        assert written.isascii(), name
        assert not set(written) & set("'\"`$\\#;|&<>*?!{}[]() \t\n\r"), name


def test_all_faults_come_at_once(root: Path) -> None:
    message = refusal(
        root,
        "HTTP_PORT=x\nAPP_NAME=Bad\nENABLE_HTTPS=true\nHTTP_PORTS=1\nKEY=1\nKEY=2\nno equals sign\nDATABASE_URL=x\n"
        "OPEN='never closed\n",
        per_host="LOG_PATH=logs\n",
        environ={"DEPLOY_KEEP_RELEASES": "0", "DEPLOY_VERBOS": "1"},
        overrides={"DRAIN_SECONDS": "x", "NO_SETTING": "1"},
    )
    for part in (
        "HTTP_PORT (.env:1)",
        "APP_NAME (.env:2)",
        "HTTP_PORTS (.env:4)",
        "KEY (.env:6): stands twice, first in .env:5",
        "(.env:7): cannot be read: no = after the name",
        "DATABASE_URL (.env:8)",
        "(.env:9): begins with a quote ' that is not closed",
        "LOG_PATH (.env.web1:1)",
        "KEEP_RELEASES (DEPLOY_KEEP_RELEASES in the environment)",
        "DEPLOY_VERBOS: in the environment",
        "DRAIN_SECONDS (command line)",
        "NO_SETTING (command line)",
    ):
        assert part in message, message
    assert message.startswith("12 faults")


@given(st.sets(st.sampled_from(sorted(BAD)), min_size=1))
@hypothesis_settings(max_examples=100)
def test_any_set_of_faults_is_named_whole(root: Path, keys: set[str]) -> None:
    message = refusal(root, "".join(f"{key}='{BAD[key][0]}'\n" for key in sorted(keys)))
    assert {key for key in SETTINGS if f" {key} (" in message} == keys


def test_ports_collide(root: Path) -> None:
    assert "same port" in refusal(root, "HTTP_PORT=8080\nHTTPS_PORT=8080\n")
    assert "same port" in refusal(root, "HTTP_PORT=443\nENABLE_HTTPS=true\nCERT_PATH=certs\n")
    assert load(root, "HTTP_PORT=443\n").http_port == 443  # nothing listens for HTTPS


@pytest.mark.parametrize(
    "pair",
    [
        "DATA_PATH=/opt/community-tracker",
        "DATA_PATH=/opt/community-tracker/data",
        "DATA_PATH=/srv/x\nSOCKET_PATH=/srv/x/y",
        "DEPLOYMENT_PATH=/srv/x\nLOG_PATH=/srv/x",
        "DEPLOYMENT_PATH=/srv/x/y\nLOG_PATH=/srv/x",
        "DATA_PATH=/srv/x\nLOG_PATH=/srv/x/log",
    ],
)
def test_directories_lie_apart(root: Path, pair: str) -> None:
    assert "a directory of its own" in refusal(root, pair + "\n")


def test_logs_may_lie_below_the_deployment(root: Path) -> None:
    assert load(root, "LOG_PATH=/opt/community-tracker/logs\n").log_path == "/opt/community-tracker/logs"


def test_certificates_lie_here_or_on_the_host(root: Path) -> None:
    settings = load(root, "ENABLE_HTTPS=true\nCERT_PATH=certs\n")
    assert (settings.cert_directory, settings.cert_on_host) == (root / "certs", None)
    settings = load(root, "ENABLE_HTTPS=true\nCERT_PATH=host:/etc/certs\n")
    assert (settings.cert_directory, settings.cert_on_host) == (None, "/etc/certs")


# --- names ---


@given(st.text("AB_", max_size=6), st.text("AB_", max_size=6))
def test_edit_distance_is_what_it_says(left: str, right: str) -> None:
    def plainly(a: str, b: str) -> int:
        if not a or not b:
            return len(a) + len(b)
        return min(plainly(a[1:], b) + 1, plainly(a, b[1:]) + 1, plainly(a[1:], b[1:]) + (a[0] != b[0]))

    assert edit_distance(left, right) == min(plainly(left, right), 3)


@given(st.sampled_from(sorted(SETTINGS)), st.data())
@hypothesis_settings(max_examples=200)
def test_a_misspelt_setting_is_refused_and_the_right_one_named(root: Path, key: str, data: st.DataObject) -> None:
    misspelt = key
    for _ in range(data.draw(st.integers(1, 2))):
        at = data.draw(st.integers(0, len(misspelt) - 1))
        letter = data.draw(st.sampled_from("ABCXYZ_"))
        kind = data.draw(st.sampled_from(["insert", "delete", "replace"]))
        middle = {"insert": letter + misspelt[at], "delete": "", "replace": letter}[kind]
        misspelt = misspelt[:at] + middle + misspelt[at + 1 :]
    if misspelt in SETTINGS:
        return
    message = refusal(root, f"{misspelt}=value-unseen\n")
    assert f"{misspelt} (.env:1): is not a setting, but looks like one; accepted: {near_miss(misspelt)}" in message
    assert "value-unseen" not in message
    assert misspelt in load(root, f"APP_KEYS={misspelt}\n{misspelt}=value\n").application


@pytest.mark.parametrize("key", ["http_port", "Http_Port"])
def test_case_is_a_near_miss(root: Path, key: str) -> None:
    assert "accepted: HTTP_PORT" in refusal(root, f"{key}=1\n")


@pytest.mark.parametrize("key", sorted(SET_BY_US))
def test_what_the_deployment_sets_is_refused(root: Path, key: str) -> None:
    assert f"{key} (.env:1): is set by the deployment" in refusal(root, f"{key}=hunter2\nAPP_KEYS={key}\n")


def test_the_composed_environment_is_what_is_refused(root: Path) -> None:
    compose = yaml.safe_load((ROOT / "compose/slot.yml").read_text(encoding="utf-8"))
    environment = compose["services"]["backend"]["environment"]
    assert environment.keys() == SET_BY_US.keys() | {"NODE_ENV"}
    url = environment["DATABASE_URL"].replace("${POSTGRES_USER:?}", "apiuser")
    assert url.replace("${POSTGRES_DB:?}", "community_tracker") == load(root).database_url


def test_the_environments_names_do_not_work_in_a_file(root: Path) -> None:
    assert "accepted: HTTP_PORT" in refusal(root, "DEPLOY_HTTP_PORT=80\n")


# --- the application's variables ---


def test_everything_else_is_the_applications(root: Path) -> None:
    settings = load(root, "SESSION_SECRET=a\nMAIL_URL=b\n", per_host="MAIL_URL=c\n")
    assert settings.application == {"SESSION_SECRET": Secret("a"), "MAIL_URL": Secret("c")}
    assert settings.application_sources == {"SESSION_SECRET": "file .env", "MAIL_URL": "file .env.web1"}


def test_limits_of_an_environment(root: Path) -> None:
    assert "128 KiB" in refusal(root, "BIG=" + "x" * 131072 + "\n")
    assert load(root, "BIG=" + "x" * 131000 + "\n").application
    assert "1 MiB" in refusal(root, "".join(f"BIG{n}={'x' * 130000}\n" for n in range(9)))


def test_a_variable_that_is_a_file_may_be_larger_than_an_environment_holds(root: Path) -> None:
    big = "BIG=" + "x" * 300_000 + "\n"
    assert "a file (APP_FILES) may be larger" in refusal(root, big)
    assert load(root, big + "APP_FILES=BIG\n").app_files == ("BIG",)
    assert "too large for files" in refusal(root, "APP_FILES=BIG\nBIG=" + "x" * 1_100_000 + "\n")


@pytest.mark.parametrize("setting", sorted(LISTS))
def test_a_list_names_what_a_file_sets(root: Path, setting: str) -> None:
    message = refusal(root, f"A=1\n{setting}=A,B\n")
    assert f"{setting} (.env:2): lists B, which no settings file sets" in message
    assert "lists A" not in message
    load(root, f"A=1\n{setting}=A,B\n", per_host=f"B=2\n{setting}=A,B\n")
    assert f"{setting} (command line): lists C" in refusal(root, "A=1\n", overrides={setting: "A,C"})
    load(root, f"HTP_PORT=x\n{setting}=HTP_PORT\n")  # listed: it is no misspelt setting


def test_the_name_of_a_file_is_the_deployments(root: Path) -> None:
    message = refusal(root, "A=1\nA_FILE=/x\nB_FILE=/y\nAPP_FILES=A\n")
    assert "A_FILE (.env:2): is set by the deployment, to the file of A, which APP_FILES lists" in message
    assert "B_FILE" not in message


@pytest.mark.parametrize("key", DOUBTFUL)
def test_a_name_that_seldom_means_what_it_does_is_worth_a_warning(root: Path, key: str) -> None:
    assert near_miss(key) is None, "it would be refused, and never be doubted"
    (warning,) = load(root, f"A=1\n{key}=hunter2\n").warnings
    assert warning.startswith(f".env:2: {key} is no setting, and reaches the application's backend: ")
    assert warning.endswith(f"If it is so: APP_KEYS={key}")
    assert load(root, f"{key}=hunter2\nAPP_KEYS={key}\n").warnings == ()
    assert load(root, f"MY_{key}=1\n").warnings == ()


# --- values that a command gives ---


class Shell:
    """A shell that gives scripted results, and remembers what it was asked."""

    def __init__(self, **results: CommandResult) -> None:
        self.results, self.asked = results, []  # type: ignore[var-annotated]

    def run(self, line: str) -> CommandResult:
        self.asked.append(line)
        return self.results[line]


def commanded(root: Path, shell: Shell, text: str) -> Settings:
    load(root)  # the files' rights
    (root / ".env").write_text(text)
    return load_settings(root=root, environ={}, run=shell.run)


@pytest.mark.parametrize(
    ("output", "value"),
    [
        (b"x\n", "x"),
        (b"x", "x"),
        (b"x\n\n", "x\n"),
        (b" a b \n", " a b "),
        (b"x\r\n", "x\r"),
        ("é$'\n".encode(), "é$'"),
    ],
)
def test_what_a_command_prints_is_the_value_without_one_newline(root: Path, output: bytes, value: str) -> None:
    shell = Shell(pass_show=CommandResult(0, output))
    settings = commanded(root, shell, "TOKEN=pass_show\nPLAIN=pass_show\nAPP_COMMANDS=TOKEN\n")
    assert shell.asked == [], "reading runs nothing"
    assert value_faults(settings) == []
    assert settings.application == {"TOKEN": Secret(value), "PLAIN": Secret("pass_show")}


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (CommandResult(1, b"hunter2"), "ended with exit code 1"),
        (CommandResult(127, b""), "ended with exit code 127"),
        (CommandResult(-9, b"hunter2"), "ended with exit code -9"),
        (CommandResult(None, b"hunter2"), "did not end within 60 s"),
        (CommandResult(0, b""), "printed nothing, and ended with exit code 0"),
        (CommandResult(0, b"\n"), "printed nothing"),
        (CommandResult(0, b"hunter2\0"), "printed a NUL character"),
        (CommandResult(0, b"hunter2\xff"), "printed what is not UTF-8 text"),
        (CommandResult(0, b"hunter2" + b"x" * 131072), "is longer than an environment variable can be"),
    ],
)
def test_a_command_without_a_value_is_refused_by_name(root: Path, result: CommandResult, reason: str) -> None:
    shell = Shell(one=result, two=CommandResult(3, b"hunter2"))
    settings = commanded(root, shell, "A=one\nB=1\n\nC=two\nAPP_COMMANDS=A,C\n")
    found = "\n".join(map(str, value_faults(settings)))
    assert "hunter2" not in found + repr(settings) + repr(settings.commands)
    if "longer" not in reason:
        assert f"A (.env:1): its command (APP_COMMANDS) {reason}" in found
        assert "C (.env:4): its command (APP_COMMANDS) ended with exit code 3" in found, "all at once"
        with pytest.raises(SettingsError, match="its command"):
            settings.application["A"].reveal()
    else:
        shell.results["two"] = CommandResult(0, b"fine")
        assert f"A (.env:1): {reason}" in "\n".join(map(str, value_faults(settings)))


def test_a_command_line_that_cannot_be_one_is_refused_unrun(root: Path) -> None:
    message = refusal(root, f"A=\nB='  '\nC={'x' * 3000}\nAPP_COMMANDS=A,B,C\n")
    for part in ("A (.env:1): is empty", "B (.env:2): is empty", "C (.env:3): is longer than 2048 bytes"):
        assert part in message


def test_a_command_may_have_braces(root: Path) -> None:
    assert commanded(root, Shell(), "A='op read ${VAULT}'\nAPP_COMMANDS=A\n").warnings == ()


WOULD_RUN = "would be run as a command line, by APP_COMMANDS of "
LEFT_OUT = "is a command line, by APP_COMMANDS of "


@pytest.mark.parametrize(
    ("shared", "own", "fault"),
    [
        ("A=line\nAPP_COMMANDS=A\n", "A=hunter2\n", f"A (.env.web1:1): {WOULD_RUN}.env:2, and"),
        ("A=hunter2\n", "APP_COMMANDS=A\n", f"A (.env:1): {WOULD_RUN}.env.web1:1, and"),
        ("A=hunter2\nB=line\nAPP_COMMANDS=B\n", "APP_COMMANDS=A,B\n", f"A (.env:1): {WOULD_RUN}.env.web1:1, and"),
        ("A=line\nAPP_COMMANDS=A\n", "APP_COMMANDS=\n", f"A (.env:1): {LEFT_OUT}.env, and"),
        ("A=line\nAPP_COMMANDS=A\n", "B=line\nAPP_COMMANDS=B\n", f"A (.env:1): {LEFT_OUT}.env, and"),
        ("A=line\nAPP_COMMANDS=A\n", "HTTP_PORT=81\nB=1\n", ""),
        ("A=line\nAPP_COMMANDS=A\n", "A=other\nAPP_COMMANDS=A\n", ""),
        ("A=line\nB=line\nAPP_COMMANDS=A,B\n", "A=hunter2\nAPP_COMMANDS=B\n", ""),
        ("A=hunter2\n", "A=line\nAPP_COMMANDS=A\n", ""),
    ],
)
def test_what_is_run_is_what_its_own_file_lists(root: Path, shared: str, own: str, fault: str) -> None:
    """One file's list never makes a command line of another file's value, nor a value of another's command line.

    Turned red by: no list_faults (of before; each of the first five was taken).
    """
    if not fault:
        load(root, shared, per_host=own)
        return
    message = refusal(root, shared, per_host=own)
    assert fault in message
    assert message.startswith("a fault in the settings"), "one mistake, one message"
    assert "hunter2" not in message


def test_a_list_of_the_environment_runs_nothing_that_no_file_lists(root: Path) -> None:
    message = refusal(root, "A=hunter2\n", environ={"DEPLOY_APP_COMMANDS": "A"})
    assert f"A (.env:1): {WOULD_RUN}DEPLOY_APP_COMMANDS in the environment, and" in message
    message = refusal(root, "A=line\nAPP_COMMANDS=A\n", overrides={"APP_COMMANDS": ""})
    assert f"{LEFT_OUT}.env, and command line leaves it out" in message


# --- who may change the file ---


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666, 0o660])
def test_values_that_others_can_change_are_refused(root: Path, mode: int) -> None:
    load(root, "OWN=hunter2\n")
    (root / ".env").chmod(mode)
    with pytest.raises(SettingsError, match="can be changed by others; accepted: mode 0600: chmod 600") as caught:
        load_settings(root=root, environ={})
    assert "hunter2" not in str(caught.value)
    (root / ".env").write_text("HTTP_PORT=81\n", encoding="utf-8")
    assert load_settings(root=root, environ={}).warnings == (), "settings alone are no secret"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_a_file_of_another_user_is_worth_a_warning_and_has_no_commands(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SUDO_UID", raising=False)
    load(root, "OWN=x\n")
    os.chown(root / ".env", 1234, -1)
    (warning,) = load_settings(root=root, environ={}).warnings
    assert "belongs to another user: chown" in warning
    (root / ".env").write_text("OWN=x\nAPP_COMMANDS=OWN\n")
    with pytest.raises(SettingsError, match=r"has command lines .* and belongs to another user"):
        load_settings(root=root, environ={})
    monkeypatch.setenv("SUDO_UID", "1234")
    assert load_settings(root=root, environ={}).warnings == (), "sudo from one's own account"
    (root / ".env").unlink()


SECRET = st.text("abcdefghijklmnop0123456789", min_size=12, max_size=20).map(lambda text: f"hunter2{text}")
PLACES = [
    "OWN={}\n",
    "OWN='{}\n",
    'OWN="x" {}\n',
    "OWN=1\nOWN={}\n",
    "{}\n",
    "-----{}\n",
    "HTTP_PORTS={}\n",
    "DATABASE_URL=postgresql://x:{}@y\n",
    "PORT={}\n",
    "DEPLOY_HTTP_PORT={}\n",
    "two words {}=1\n",
    "OWN='line\n{}\n'\n",
    "OWN=${{x}}{}\n",
    "OWN=a\0{}\n",
]


@given(SECRET, st.sets(st.sampled_from(PLACES), min_size=1), st.booleans())
@hypothesis_settings(max_examples=200)
def test_no_value_of_the_application_is_ever_seen(root: Path, secret: str, places: set[str], faulty: bool) -> None:
    text = "".join(place.format(secret) for place in PLACES if place in places) + ("HTTP_PORT=x\n" if faulty else "")
    try:
        settings = load(root, text)
    except SettingsError as error:
        seen = str(error) + repr(error) + repr(error.__dict__) + "".join(traceback.format_exception(error))
    else:
        seen = repr(settings) + str(settings) + repr(settings.model_dump()) + "".join(settings.warnings)
        assert Secret(secret).reveal() in settings.application["OWN"].reveal()
    assert secret not in seen


def test_a_dump_as_json_fails_rather_than_show_a_secret(root: Path) -> None:
    with pytest.raises(ValueError, match="Secret"):
        load(root, "OWN=hunter2\n").model_dump_json()


def test_a_file_that_others_can_read_is_worth_a_warning(root: Path) -> None:
    load(root, "OWN=x\n")
    (root / ".env").chmod(0o644)
    assert ["chmod 600 .env" in warning for warning in load_settings(root=root, environ={}).warnings] == [True]
    (root / ".env").write_text("HTTP_PORT=81\n", encoding="utf-8")
    assert load_settings(root=root, environ={}).warnings == ()


# --- what a release is given ---


def test_the_release_has_the_contracts_names(root: Path) -> None:
    environment = release_environment(load(root, "BACKEND_EGRESS=false\nDATA_PATH=/srv/data\nAPP_NAME=shop\n"))
    assert environment["BACKEND_INTERNAL"] == "true"
    assert environment["DATA_PATH"] == "/srv/data"
    assert environment["SOCKET_VOLUME"] == "shop_socket"
    assert (environment["ASSETS_VOLUME"], environment["CERTS_VOLUME"]) == ("shop_assets", "shop_certs")
    assert environment["DEPLOYMENT_PATH"] == "/opt/shop"


def test_nothing_of_the_application_is_in_the_releases_settings(root: Path) -> None:
    assert "hunter2" not in repr(release_environment(load(root, "OWN=hunter2\n")))


def test_the_databases_address_is_derived(root: Path) -> None:
    url = load(root, "POSTGRES_USER=tracker\nPOSTGRES_DB=club\n").database_url
    assert url == "postgresql://tracker@localhost/club?host=/var/run/postgresql"


def test_paths_of_the_workstation_are_looked_at_apart(root: Path) -> None:
    settings = load(root, "APP_SOURCE=nowhere\nBUILD_CA_FILE=/no/ca.pem\n")
    assert [fault.key for fault in missing_paths(settings)] == ["APP_SOURCE", "BUILD_CA_FILE"]


def test_settings_are_frozen(root: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(root).http_port = 81  # type: ignore[misc]
