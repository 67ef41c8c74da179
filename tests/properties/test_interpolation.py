"""Values on their way from the settings file into containers."""

import json
import random
import re
import string
import tempfile
from pathlib import Path

import pytest
from docker.models.containers import Container
from hypothesis import given
from hypothesis import settings as bounds
from hypothesis import strategies as st

from tasks.core.errors import SettingsError
from tasks.core.settings import SETTINGS, load_settings
from tests.checkout import ROOT
from tests.properties.conftest import Examples
from tests.properties.release import NAME, ReleaseDirectory, quoted, release_directory, seeded
from tests.properties.stack import Stack

HOSTILE = (
    "", " ", "  two  ", "\ttab\t", "a b", "'", '"', "'\"'", "\"it's\"", "`id`", "$", "$$", "$$$", "$X", "${X}",
    "$${X}", "${X:-y}", "${X:?no}", "$(id)", "$((1+1))", "${", "}", "#", " # no comment", "a#b", "a #b", "\\",
    "\\\\", "\\n", "\\'", "\\$", "\n", "a\nb", "\nlast\n\n", "a\rb", "a\r\nb", "\r\n", "=", "a=b", "export A=b",
    "A: b", "- a", "~", "null", "true", "0x10", "1e3", "08", "!!str x", "&a", "*a", "{a: b}", "[a]", "{{.Id}}",
    "%s", "%%", "|", ">", "|\n a\n", "; rm -rf x", "&& false", "é", "日本語", "🙂", "e\u0301", "\u2028", "\u0085",
    "\ufeff", "\ufffe", "\x01", "\x1b[31m", "\x7f", "x" * 65536, "$" * 65536, "é\n$'\"\\" * 8192,
)  # fmt: skip
RANDOM, BATCH, SETTINGS_FILES = 200, 1000, 10
RUNS = (
    "$(touch MARK)",
    "`touch MARK`",
    "; touch MARK #",
    "' ; touch MARK ; '",
    '" && touch MARK && "',
    "$(docker ps)\n|touch MARK",
)
"""What leaves a file behind, wherever it is run."""
ALPHABET = string.ascii_letters + string.digits + " \t\n\r'\"`$${}()#\\=:;&|<>*?!%~^,.-_[]äß€🙂\u2029"


def test_any_value_arrives_in_the_containers(stack: Stack, examples: Examples, tmp_path: Path, full: bool) -> None:
    """Hundreds of values in one `.env` and one `up`: byte for byte in the backend's process, and in migrate's.

    None is run, here or there. Everyday: 200 random values and those that have been trouble; with --full 10 000.

    Feature: production-deployment-system, Property 12: Interpolation

    Turned red by: no `.replace("$", "$$")` in compose_application (tasks/core/application_values.py).
    """
    chance = seeded()
    mark = tmp_path / "ran"
    texts = [*HOSTILE, *(run.replace("MARK", f"{place}/ran") for run in RUNS for place in (tmp_path, "/tmp"))]
    texts += [_random(chance) for _ in range(10_000 - len(texts) if full else RANDOM)]
    for start in range(0, len(texts), BATCH):
        values = {f"VALUE_{start + number:05}": text for number, text in enumerate(texts[start : start + BATCH])}
        assert _arrived_wrong(stack, tmp_path / str(start), values) == []
        examples(len(values))
    assert not mark.exists(), "one of them was run here"
    assert examples.count >= (10_000 if full else 250)


def _arrived_wrong(stack: Stack, place: Path, values: dict[str, str]) -> list[str]:
    """Deploy values into backend and migrate; name those that are not there, or not the same."""
    text = f"APP_NAME={stack.app}\n" + "".join(f"{name}={quoted(value)}\n" for name, value in values.items())
    release = release_directory(place, text, stack.images)
    project = f"{stack.app}-green"
    try:
        said = release.compose(project, "up", "-d", "--no-deps", "backend", slot="green")
        assert said.returncode == 0, said.stderr
        _, environment = _backend(stack).exec_run(["cat", "/proc/1/environ"])
        assert isinstance(environment, bytes)
        assert _backend(stack).exec_run(["test", "-e", "/tmp/ran"])[0] == 1, "one of them was run there"
        command = ("--profile", "migrate", "run", "--rm", "--no-deps", "-T", "--entrypoint", "cat", "migrate")
        once = release.compose(project, *command, "/proc/self/environ", slot="green")
        assert once.returncode == 0, once.stderr
        return _differing(values, environment) + _differing(values, once.stdout)
    finally:
        release.compose(project, "down", "--remove-orphans", "-t", "1", slot="green")


@given(st.lists(st.sampled_from(["NUL", "large", "many"]), min_size=1, max_size=3, unique=True))
@bounds(max_examples=7, database=None)
def test_what_no_environment_holds_is_refused_by_rule(kinds: list[str]) -> None:
    """Each kind alone and with the others: named, and nothing else is.

    Feature: production-deployment-system, Property 12: Interpolation

    Turned red by: no size_faults in tasks/core/settings/reading.py.
    """
    lines = {"NUL": "NUL='a\0b'\n", "large": f"LARGE='{'x' * 131072}'\n"}
    lines["many"] = "".join(f"MANY_{number}='{'y' * 120000}'\n" for number in range(9))
    rules = {"NUL": "NUL (.env:", "large": "LARGE (.env:", "many": "too large for an environment"}
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / ".env").write_text("FINE='$(id)'\n" + "".join(lines[kind] for kind in kinds))
        with pytest.raises(SettingsError) as caught:
            load_settings(root=Path(place), environ={})
    assert {kind for kind in rules if rules[kind] in str(caught.value)} == set(kinds)
    assert "FINE" not in str(caught.value)


def _random(chance: random.Random) -> str:
    length = chance.choice((1, 3, 10, 40, 300))
    if chance.random() < 0.5:
        return "".join(chance.choices(ALPHABET, k=length))
    if chance.random() < 0.2:
        return "".join(chance.choices(RUNS, k=2)).replace("MARK", "/tmp/ran")
    return "".join(
        chr(chance.choice((chance.randint(1, 0xD7FF), chance.randint(0xE000, 0x10FFFF)))) for _ in range(length)
    )


def _backend(stack: Stack) -> Container:
    wanted = [f"app={stack.app}", "service=backend", "slot=green"]
    [found] = stack.client.containers.list(filters={"label": wanted})
    return found


def _differing(values: dict[str, str], environment: bytes) -> list[str]:
    """Name what is missing or not the same in an environment as the kernel shows it."""
    found = dict(line.partition(b"=")[::2] for line in environment.split(b"\0"))
    return [name for name, value in values.items() if found.get(name.encode()) != value.encode()]


def test_every_setting_that_compose_refers_to_arrives(stack: Stack, examples: Examples, tmp_path: Path) -> None:
    """Random legal settings: in the environment, limits, groups and labels of containers made, and in what is rendered.

    Feature: production-deployment-system, Property 12: Interpolation

    Turned red by: `SOCKET_PERMISSIONS: "0770"` in compose/platform.yml.
    """
    chance = seeded()
    for number in range(SETTINGS_FILES):
        given = _legal(chance) | {"APP_NAME": f"{stack.app}-{number}"}
        text = "".join(f"{key}={value}\n" for key, value in given.items())
        release = release_directory(tmp_path / str(number), text, stack.images)
        expected, found = _expected(given), _arrived(release, stack, given["APP_NAME"])
        assert {place: found.get(place) for place in expected} == expected
        examples(len(expected))
    referred = set(re.findall(r"\$\{(\w+)", "".join(file.read_text() for file in (ROOT / "compose").glob("*.yml"))))
    assert referred & set(SETTINGS) <= set(given), "a setting that no random value was made for"
    assert examples.count >= 100


def _legal(chance: random.Random) -> dict[str, str]:
    def name(first: str, rest: str, longest: int) -> str:
        return chance.choice(first) + "".join(chance.choices(rest, k=chance.randint(2, longest)))

    small, digits = string.ascii_lowercase, string.digits
    port, https = chance.sample(range(1, 65536), 2)
    memory = {
        f"{service}_MEMORY": f"{chance.randint(128, 4096)}m" for service in ("FRONTEND", "BACKEND", "DATABASE", "EDGE")
    }
    return memory | {
        "HTTP_PORT": str(port),
        "HTTPS_PORT": str(https),
        "ENABLE_HTTPS": "true",
        "CERT_PATH": "host:/etc/certs",
        "HTTPS_REDIRECT": chance.choice(("true", "false")),
        "HSTS_SECONDS": str(chance.randint(0, 63072000)),
        "POSTGRES_USER": "r" + name(small, small + digits + "_", 28),
        "POSTGRES_DB": "d" + name(small, small + digits + "_", 38),
        "NODE_ENV": chance.choice(("production", "staging")),
        "BACKEND_PORT": str(chance.randint(1024, 65535)),
        "BACKEND_EGRESS": chance.choice(("true", "false")),
        "CLIENT_MAX_BODY_SIZE": f"{chance.randint(1, 1000)}{chance.choice('km')}",
        "DEPLOYMENT_PATH": "/srv/" + name(small, small + digits + "._@+-", 30) + "x",
        "API_USER_UID": str(chance.randint(1000, 60000)),
        "API_USER_GID": str(chance.randint(1000, 60000)),
        "SOCKET_PERMISSIONS": chance.choice(("0770", "0760", "0670", "0660")),
    }


def _expected(given: dict[str, str]) -> dict[str, object]:
    """Say what stands where, by service and place."""
    app, path = given["APP_NAME"], given["DEPLOYMENT_PATH"]
    limits = {
        f"{service} limit": int(given[f"{service.upper()}_MEMORY"][:-1]) * 1024**2
        for service in ("frontend", "backend", "database", "edge")
    }
    passed = {f"database {key}": given[key] for key in ("POSTGRES_USER", "POSTGRES_DB", "SOCKET_PERMISSIONS")}
    return limits | passed | {
        "database API_USER_UID": given["API_USER_UID"],
        "database API_USER_GID": given["API_USER_GID"],
        "database groups": [given["API_USER_GID"]],
        "database app": app,
        "backend app": app,
        "backend release": NAME,
        "backend SLOT": "blue",
        "backend NODE_ENV": given["NODE_ENV"],
        "backend PORT": given["BACKEND_PORT"],
        "backend probe": f"http://127.0.0.1:{given['BACKEND_PORT']}/health",
        "backend DATABASE_URL": f"postgresql://{given['POSTGRES_USER']}@localhost/{given['POSTGRES_DB']}?host=/var/run/postgresql",
        "frontend BACKEND_PORT": given["BACKEND_PORT"],
        "frontend CLIENT_MAX_BODY_SIZE": given["CLIENT_MAX_BODY_SIZE"],
        "frontend mount": f"{path}/slots/blue",
        "edge mount": f"{path}/slots",
        "edge ports": [given["HTTP_PORT"], given["HTTPS_PORT"]],
        **{f"edge {key}": given[key] for key in ("HTTPS_PORT", "HTTPS_REDIRECT", "HSTS_SECONDS")},
        "slot internal": given["BACKEND_EGRESS"] == "false",
    }  # fmt: skip


def _arrived(release: ReleaseDirectory, stack: Stack, app: str) -> dict[str, object]:
    """Make the containers that need nothing of the host, and render the others."""
    volumes = [stack.client.volumes.create(f"{app}_{name}") for name in ("data", "socket", "assets", "certs")]
    try:
        return _created(release, stack, app) | _rendered(release, app)
    finally:
        release.compose(app, "down")
        release.compose(f"{app}-blue", "down", slot="blue")
        for volume in volumes:
            volume.remove(force=True)


def _created(release: ReleaseDirectory, stack: Stack, app: str) -> dict[str, object]:
    for service, project, slot in (("database", app, ""), ("backend", f"{app}-blue", "blue")):
        said = release.compose(project, "create", service, slot=slot)
        assert said.returncode == 0, said.stderr
    found: dict[str, object] = {}
    for container in stack.client.containers.list(all=True, filters={"label": f"app={app}"}):
        service, config, host = container.labels["service"], container.attrs["Config"], container.attrs["HostConfig"]
        found |= {f"{service} {key}": value for key, value in (line.split("=", 1) for line in config["Env"])}
        found |= {f"{service} {key}": container.labels.get(key) for key in ("app", "release")}
        found |= {f"{service} limit": host["Memory"], f"{service} groups": host["GroupAdd"]}
        found |= {f"{service} probe": config["Healthcheck"]["Test"][-1]}
    [network] = stack.client.networks.list(names=[f"{app}-blue_slot"])
    return found | {"slot internal": network.attrs["Internal"]}


def _rendered(release: ReleaseDirectory, app: str) -> dict[str, object]:
    found: dict[str, object] = {}
    for service, project, slot in (("edge", app, ""), ("frontend", f"{app}-blue", "blue")):
        said = release.compose(project, "config", "--format", "json", slot=slot)
        assert said.returncode == 0, said.stderr
        shown = json.loads(said.stdout)["services"][service]
        found |= {f"{service} {key}": value for key, value in shown["environment"].items()}
        found |= {f"{service} limit": int(shown["mem_limit"])}
        found |= {f"{service} mount": next(each["source"] for each in shown["volumes"] if each["type"] == "bind")}
        found |= {f"{service} ports": [each["published"] for each in shown.get("ports", [])]}
    return found


pytestmark = pytest.mark.timeout(900)
