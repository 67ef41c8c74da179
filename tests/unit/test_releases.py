"""A release: its name, its directory, and the hash over everything but the name."""

import hashlib
import io
import json
import shlex
import tarfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core import releases
from tasks.core.application_values import compose_application, secret_files, slow_digest
from tasks.core.images import DockerImage
from tasks.core.releases import (
    PLATFORM,
    Build,
    ReleaseFiles,
    name_on_host,
    platform_settings,
    release_archive,
    release_facts,
    release_files,
    release_name,
)
from tasks.core.secret import Secret
from tasks.core.settings import SETTINGS, parse_env_text
from tasks.core.settings.release import defined_on_host
from tests.steps.samples import APP, RELEASE, SECRET, HostState, make_build, make_settings, release_line, serving

ROOT = Path(__file__).resolve().parents[2]
MOMENT = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)
VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200)


@pytest.fixture
def files(tmp_path: Path) -> ReleaseFiles:
    return release_files(ROOT, make_settings(tmp_path), make_build())


def interpolated(text: str) -> str:
    """What Compose makes of `$$`; a single `$` would be a variable."""
    rest = text.replace("$$", "")
    assert "$" not in rest, "something would be interpolated"
    return text.replace("$$", "$")


# --- names ---


YEARS = st.datetimes(datetime(2000, 1, 1), timezones=st.just(timezone(timedelta(hours=5, minutes=30))))  # noqa: DTZ001


@given(YEARS)
def test_a_name_is_utc_time_and_suffix(moment: datetime) -> None:
    stamp, _, suffix = release_name(moment, "1a2b3c4").partition("-")
    assert suffix == "1a2b3c4"
    assert datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) == moment.replace(microsecond=0)


def test_a_name_of_the_design() -> None:
    assert release_name(datetime(2026, 11, 23, 15, 45, tzinfo=UTC), "1a2b3c4") == RELEASE


# --- the application's settings ---


@given(st.dictionaries(st.from_regex(r"[A-Z_]{1,8}", fullmatch=True), VALUES, max_size=4))
def test_any_value_reaches_backend_and_migrate_unchanged(values: dict[str, str]) -> None:
    raw = compose_application({name: Secret(value) for name, value in values.items()})
    services = json.loads(raw)["services"]
    if not values:
        assert services == {}
        return
    for service in ("backend", "migrate"):
        given_to = {name: interpolated(value) for name, value in services[service]["environment"].items()}
        assert given_to == values


# --- the hash ---


def test_the_hash_does_not_depend_on_name_host_or_time(files: ReleaseFiles) -> None:
    archives = [
        release_archive(files, name, host=host, created=created)
        for name, host, created in (("r1", "web1", "2026-11-23T00:00:00Z"), ("r2", "web2", "2026-11-24T00:00:00Z"))
    ]
    hashes = [dict(line.split("=", 1) for line in read(raw, "release.facts").splitlines()) for raw in archives]
    assert hashes[0]["configuration_hash"] == hashes[1]["configuration_hash"] == files.configuration_hash
    assert hashes[0]["release"] != hashes[1]["release"]


# what a setting may be beside its default; those left out are no part of a release (see the test below)
OTHER = {
    "APP_NAME": "another", "HTTP_PORT": "8080", "HTTPS_PORT": "8443", "ENABLE_HTTPS": "true", "POSTGRES_USER": "owner",
    "POSTGRES_DB": "other_db", "NODE_ENV": "staging", "BACKEND_PORT": "4000", "DEPLOYMENT_PATH": "/srv/app",
    "LOG_PATH": "/srv/log", "API_USER_UID": "1101", "API_USER_GID": "1102", "SOCKET_PERMISSIONS": "0660",
    "BACKEND_EGRESS": "false", "CLIENT_MAX_BODY_SIZE": "7m", "DATA_PATH": "/srv/data", "SOCKET_PATH": "/srv/socket",
    "FRONTEND_MEMORY": "301m", "BACKEND_MEMORY": "302m", "DATABASE_MEMORY": "303m", "EDGE_MEMORY": "304m",
    "KEEP_RELEASES": "9", "HEALTH_TIMEOUT": "99", "HEALTH_RETRIES": "9", "DRAIN_SECONDS": "9",
    "MIGRATE_TIMEOUT": "9", "HTTPS_REDIRECT": "false", "HSTS_SECONDS": "300", "SERVER_NAMES": "example.org",
    "CERT_PATH": "host:/etc/certs",
}  # fmt: skip
NO_PART = {
    "APP_SOURCE", "APP_KEYS", "APP_FILES", "APP_COMMANDS", "IMAGES_MAY_HOLD",
    "BUILD_MODE", "CONTAINER_RUNTIME", "NODE_IMAGE", "NGINX_IMAGE", "POSTGRES_IMAGE",
    "BUILD_CA_FILE", "SSH_HOST_KEYS", "VERBOSE", "MIN_DOCKER_VERSION", "MIN_COMPOSE_VERSION",
}  # fmt: skip


def test_each_setting_is_part_of_a_release_or_known_not_to_be() -> None:
    assert set(OTHER) | NO_PART == set(SETTINGS)
    assert not set(OTHER) & NO_PART


def overrides(key: str) -> dict[str, str]:
    return {key: OTHER[key]} | ({"CERT_PATH": "host:/etc/certs"} if key == "ENABLE_HTTPS" else {})


@pytest.mark.parametrize("key", OTHER)
def test_the_hash_changes_with_every_setting(tmp_path: Path, files: ReleaseFiles, key: str) -> None:
    other = release_files(ROOT, make_settings(tmp_path, **overrides(key)), make_build())
    assert other.configuration_hash != files.configuration_hash


def test_the_hash_changes_with_images_migrations_and_application(tmp_path: Path, files: ReleaseFiles) -> None:
    settings = make_settings(tmp_path)
    more = replace(make_build(), migrations=("20260101000000_init", "20260102000000_more"))
    seen = [files, release_files(ROOT, settings, more)]
    seen += [release_files(ROOT, settings, make_build(**{service: "two"})) for service in ("frontend", "edge")]
    texts = ("SESSION_TOKEN=other\n", "", f"SESSION_TOKEN={SECRET}\nMORE=1\n")
    seen += [release_files(ROOT, make_settings(tmp_path, text), make_build()) for text in texts]
    seen += [
        replace(files, bundle=files.bundle + "#"),
        replace(files, composes={**files.composes, "platform.yml": b""}),
    ]
    assert len({each.configuration_hash for each in seen}) == len(seen)
    assert release_files(ROOT, make_settings(tmp_path), make_build()).configuration_hash == files.configuration_hash


def test_a_secret_is_in_the_hash_by_what_is_slow_to_try_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Turned red by: sha256 of `application` or of `secrets` in configuration_hash (of before: 1 µs a guess)."""
    before = time.process_time()
    slow_digest(b"1", b"2", app=APP)
    assert time.process_time() - before > 0.005
    assert len({slow_digest(*contents, app=APP) for contents in ((b"1", b"2"), (b"12", b""), (b"1", b""))}) == 3
    monkeypatch.setattr(releases, "slow_digest", lambda *contents, app: b"")
    texts = (f"A={pin}\nB={pin}\nAPP_FILES=B\n" for pin in ("1234", "5678"))
    first, second = (release_files(ROOT, make_settings(tmp_path, text), make_build()) for text in texts)
    assert (first.application, first.secrets) != (second.application, second.secrets)
    assert first.configuration_hash == second.configuration_hash


@pytest.mark.parametrize("service", PLATFORM)
@pytest.mark.parametrize("key", OTHER)
def test_a_fingerprint_changes_with_what_the_service_reads_only(
    tmp_path: Path, files: ReleaseFiles, service: str, key: str
) -> None:
    other = release_files(ROOT, make_settings(tmp_path, **overrides(key)), make_build())
    changed = {name for name in other.environment if other.environment[name] != files.environment[name]}
    name = f"{service.upper()}_FINGERPRINT"
    reads = changed & set(platform_settings(service, other.environment))
    assert (other.environment[name] != files.environment[name]) == bool(reads)


@pytest.mark.parametrize("key", ["HTTPS_PORT", "HTTPS_REDIRECT", "HSTS_SECONDS", "SERVER_NAMES", "CERT_PATH"])
def test_with_https_the_edge_reads_more_and_never_the_certificate(tmp_path: Path, key: str) -> None:
    """Turned red by: CERT_PATH among the settings that the edge reads; another directory replaces no container."""
    https = {"ENABLE_HTTPS": "true", "CERT_PATH": "host:/c"}
    two = [release_files(ROOT, make_settings(tmp_path, **https | more), make_build()) for more in ({}, overrides(key))]
    marks = [files.environment["EDGE_FINGERPRINT"] for files in two]
    assert (marks[0] != marks[1]) == (key not in ("SERVER_NAMES", "CERT_PATH"))


def test_a_certificate_on_the_workstation_is_in_no_release(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, ENABLE_HTTPS="true", CERT_PATH="/home/me/certs")
    archive = release_archive(release_files(ROOT, settings, make_build()), RELEASE, host="web1", created="")
    assert b"/home/me" not in archive


def test_a_fingerprint_does_not_change_with_the_application(tmp_path: Path, files: ReleaseFiles) -> None:
    other = release_files(ROOT, make_settings(tmp_path, "TOKEN=2\n"), make_build(frontend="two", backend="two"))
    for service in PLATFORM:
        name = f"{service.upper()}_FINGERPRINT"
        assert other.environment[name] == files.environment[name]
        new = release_files(ROOT, make_settings(tmp_path), make_build(**{service: "two"}))
        assert new.environment[name] != files.environment[name]


# --- the directory ---


def members(archive: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        return {member.name: member for member in opened}


def read(archive: bytes, name: str) -> str:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        content = opened.extractfile(name)
        assert content is not None
        return content.read().decode()


@pytest.fixture
def archive(files: ReleaseFiles) -> bytes:
    return release_archive(files, RELEASE, host="web1", created="2026-11-23T15:45:00+00:00")


def test_files_and_modes(archive: bytes) -> None:
    assert {name: oct(member.mode) for name, member in members(archive).items()} == {
        "bin": "0o750", "bin/host.sh": "0o750", ".env": "0o600", "app.env.json": "0o600", "release.facts": "0o600",
        "release.json": "0o600", "SHA256SUMS": "0o600", "docker-compose.yml": "0o640", "platform.yml": "0o640",
    }  # fmt: skip


def test_https_has_one_more_file(tmp_path: Path) -> None:
    files = release_files(ROOT, make_settings(tmp_path, **overrides("ENABLE_HTTPS")), make_build())
    raw = release_archive(files, RELEASE, host="web1", created="")
    assert read(raw, "https.yml") == (ROOT / "compose" / "https.yml").read_text()


def test_sums_match_every_other_file(archive: bytes) -> None:
    sums = {name: digest for digest, name in (line.split("  ") for line in read(archive, "SHA256SUMS").splitlines())}
    names = {name for name, member in members(archive).items() if member.isfile()}
    assert set(sums) == names - {"SHA256SUMS"}
    for name, digest in sums.items():
        assert hashlib.sha256(read(archive, name).encode()).hexdigest() == digest


def test_the_same_release_is_the_same_archive(files: ReleaseFiles, archive: bytes) -> None:
    assert release_archive(files, RELEASE, host="web1", created="2026-11-23T15:45:00+00:00") == archive


def test_compose_files_are_verbatim(archive: bytes) -> None:
    assert read(archive, "docker-compose.yml") == (ROOT / "compose" / "slot.yml").read_text()
    assert read(archive, "platform.yml") == (ROOT / "compose" / "platform.yml").read_text()


def test_environment_reads_the_same_in_a_shell(archive: bytes, files: ReleaseFiles) -> None:
    pairs = dict(shlex.split(line)[0].split("=", 1) for line in read(archive, ".env").splitlines())
    assert pairs == {**files.environment, "RELEASE": RELEASE}
    assert pairs["BACKEND_IMAGE"] == files.images["backend"].content_name


def test_compose_finds_what_the_check_of_its_files_counts_on(archive: bytes, tmp_path: Path) -> None:
    """Turned red by: no SLOT among _OF_THE_RUN, or one _FINGERPRINT too many, in settings/release.py."""
    defined = defined_on_host(make_settings(tmp_path))
    written = parse_env_text(read(archive, ".env"), name=".env").entries
    assert defined.keys() == written.keys() | {"SLOT", "COMPOSE_PROJECT_NAME"}
    assert {key for key, value in defined.items() if not value} == {k for k, v in written.items() if not v.value}


def test_a_secret_is_in_one_file_only(archive: bytes, files: ReleaseFiles) -> None:
    assert SECRET not in repr(files)
    having = [name for name, member in members(archive).items() if member.isfile() and SECRET in read(archive, name)]
    assert having == ["app.env.json"]


@pytest.fixture
def with_files(tmp_path: Path) -> ReleaseFiles:
    text = f"SESSION_TOKEN={SECRET}\nPLAIN=1\nKEY='two\nlines'\nAPP_FILES=SESSION_TOKEN,KEY\n"
    return release_files(ROOT, make_settings(tmp_path, text), make_build())


def test_a_value_that_is_a_file_is_in_the_tar_only(with_files: ReleaseFiles) -> None:
    raw = release_archive(with_files, RELEASE, host="web1", created="")
    having = [name for name, member in members(raw).items() if member.isfile() and SECRET in read(raw, name)]
    assert having == ["app.files.tar"]
    assert oct(members(raw)["app.files.tar"].mode) == "0o600"
    assert "  app.files.tar\n" in read(raw, "SHA256SUMS")
    assert SECRET not in repr(with_files)
    inside = members(read(raw, "app.files.tar").encode())
    assert {name: (oct(member.mode), member.uid) for name, member in inside.items()} == {
        "KEY": ("0o400", 0), "SESSION_TOKEN": ("0o400", 0),
    }  # fmt: skip
    assert read(read(raw, "app.files.tar").encode(), "KEY") == "two\nlines"


def test_the_backend_is_told_the_file_s_name_and_mounts_its_slot_s_volume(with_files: ReleaseFiles) -> None:
    whole = json.loads(with_files.application)
    mount = {"type": "volume", "source": "secrets", "target": "/run/secrets", "read_only": True}
    for service in ("backend", "migrate"):
        assert whole["services"][service] == {
            "environment": {
                "PLAIN": "1", "KEY_FILE": "/run/secrets/KEY", "SESSION_TOKEN_FILE": "/run/secrets/SESSION_TOKEN",
            },
            "volumes": [{**mount, "volume": {"nocopy": True}}],
        }  # fmt: skip
    assert whole["volumes"] == {"secrets": {"external": True, "name": "${APP_NAME:?}_secrets_${SLOT:?}"}}


def test_without_such_values_a_release_is_what_it_was(tmp_path: Path, files: ReleaseFiles, archive: bytes) -> None:
    assert files.secrets == b""
    assert "app.files.tar" not in members(archive)
    assert secret_files({"A": Secret("x")}, ()) == b""


def test_a_value_that_becomes_a_file_or_changes_in_one_is_another_configuration(
    tmp_path: Path, files: ReleaseFiles
) -> None:
    texts = (f"SESSION_TOKEN={SECRET}\nAPP_FILES=SESSION_TOKEN\n", "SESSION_TOKEN=other\nAPP_FILES=SESSION_TOKEN\n")
    made = [release_files(ROOT, make_settings(tmp_path, text), make_build()) for text in texts]
    seen = [files, *made]
    assert len({each.configuration_hash for each in seen}) == 3
    assert len({each.application_digests["SESSION_TOKEN"] for each in seen}) == 3, "plan names it"
    assert compose_application({"A": Secret("$x")}, ["A"]) == compose_application({"A": Secret("y")}, ["A"])


def test_release_json_is_the_seed_s_state(archive: bytes, files: ReleaseFiles) -> None:
    state = json.loads(read(archive, "release.json"))
    assert state["schema"] == 1
    assert (state["version"], state["target_host"]) == (RELEASE, "web1")
    assert state["timestamp"] == "2026-11-23T15:45:00+00:00"
    assert state["configuration_hash"] == files.configuration_hash
    assert set(state["image_versions"]) == {"frontend", "backend", "database", "edge"}
    fields = set(DockerImage.__dataclass_fields__)
    assert all(set(image) == fields for image in state["images"].values())


def test_facts_are_lines_that_a_shell_reads(files: ReleaseFiles) -> None:
    facts = release_facts(files, RELEASE, "2026-11-23T15:45:00+00:00")
    assert (facts["schema"], facts["app"], facts["release"]) == ("1", APP, RELEASE)
    assert facts["migrations"] == "20260101000000_init"
    assert facts["layers.edge"].split(",") == list(files.images["edge"].layers)
    assert facts["image.edge"] == files.images["edge"].content_name
    assert not any("\n" in value for value in facts.values())
    assert all(facts[name] == value for name, value in files.environment.items())


# --- the name on a host ---


def name(state: HostState, files: ReleaseFiles, build: Build | None = None) -> str:
    return name_on_host(build or make_build(), files, state.facts(), "web1", MOMENT)


def test_a_host_without_it_takes_the_build_s_name(files: ReleaseFiles) -> None:
    assert name(HostState(), files) == RELEASE
    assert name(HostState().having(release_line("another", "active")), files) == RELEASE


def test_a_name_taken_before_on_that_host_is_taken_again(files: ReleaseFiles) -> None:
    build = replace(make_build(), names={"web1": "20261124T000000Z-1a2b3c4", "web2": "other"})
    assert name(HostState(), files, build) == "20261124T000000Z-1a2b3c4"


def test_what_serves_keeps_its_name(files: ReleaseFiles) -> None:
    assert name(serving(files, "20260101T000000Z-abc1234"), files) == "20260101T000000Z-abc1234"


@pytest.mark.parametrize("status", ["pending", "failed"])
def test_the_same_configuration_is_tried_again_under_its_name(files: ReleaseFiles, status: str) -> None:
    state = HostState().having(release_line("r1", status, files), release_line(RELEASE, "active"))
    assert name(state, files) == "r1"


@pytest.mark.parametrize("status", ["pending", "failed", "active", "retired"])
def test_a_name_in_use_for_another_configuration_is_not_used_twice(files: ReleaseFiles, status: str) -> None:
    assert name(HostState().having(release_line(RELEASE, status)), files) == "20261124T083000Z-1a2b3c4"


@pytest.mark.parametrize("status", ["retired", "rolled_back"])
def test_the_same_release_keeps_its_name_after_it_was_taken_down(files: ReleaseFiles, status: str) -> None:
    assert name(HostState().having(release_line(RELEASE, status, files)), files) == RELEASE
