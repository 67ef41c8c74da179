"""What must never change silently: a host's identity against the settings."""

from pathlib import Path

import pytest

from tasks.core.identity import (
    KEYS,
    VOLUME_KEYS,
    IdentityChange,
    IdentityFault,
    Server,
    identity_changes,
    identity_faults,
    old_values,
    parse_server,
)
from tasks.core.settings import release_environment
from tests.steps.samples import HostState, container_line, identity_lines, make_settings

CHANGES = {
    "APP_NAME": "tracker", "POSTGRES_DB": "tracker", "POSTGRES_USER": "tracker", "API_USER_UID": "2001",
    "API_USER_GID": "2001", "DATA_PATH": "/srv/data", "SOCKET_PATH": "/srv/socket",
}  # fmt: skip


def test_every_line_that_is_compared_is_tried() -> None:
    assert set(CHANGES) == set(KEYS.values())


@pytest.mark.parametrize(("key", "value"), CHANGES.items())
def test_a_changed_setting_is_found_with_both_values(tmp_path: Path, key: str, value: str) -> None:
    before = make_settings(tmp_path)
    facts = HostState().having(*identity_lines(before)).facts()
    changes = identity_changes(facts, make_settings(tmp_path, **{key: value}))
    old = release_environment(before)[key]
    assert IdentityChange(key, old, value, "command line") in changes
    (change,) = [each for each in changes if each.key == key]
    assert f"the host has {old or 'none'}, asked for is {value}" in str(change)
    assert f"{key}={old}" in old_values(changes)


def test_the_same_settings_are_no_change(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    assert identity_changes(HostState().having(*identity_lines(settings)).facts(), settings) == ()


def test_a_host_without_a_database_takes_any(tmp_path: Path) -> None:
    assert identity_changes(HostState().facts(), make_settings(tmp_path, POSTGRES_DB="tracker")) == ()


def test_a_line_that_an_older_host_lacks_is_not_compared(tmp_path: Path) -> None:
    lines = [line for line in identity_lines(make_settings(tmp_path)) if not line.startswith("identity.socket_path=")]
    assert (
        identity_changes(HostState().having(*lines).facts(), make_settings(tmp_path, SOCKET_PATH="/srv/socket")) == ()
    )


DATA = (
    "data.source=identity", "data.database=community_tracker", "data.role=apiuser", "data.uid=1001", "data.major=15",
    "data.flavour=glibc",
)  # fmt: skip


def faults(place: Path, *lines: str, server: Server | None = None, **settings: str) -> list[IdentityFault]:
    facts = HostState().having(*lines).facts()
    return list(identity_faults(facts, make_settings(place, **settings), host="web1", target="me@web1", server=server))


@pytest.mark.parametrize(("line", "key"), VOLUME_KEYS.items())
def test_a_data_volume_of_another_identity_is_named_with_both_values(tmp_path: Path, line: str, key: str) -> None:
    """Turned red by: no `_data` in identity_faults."""
    assert faults(tmp_path, *DATA) == []
    (fault,) = faults(tmp_path, *DATA, f"data.{line}=77")
    asked = release_environment(make_settings(tmp_path))[key]
    assert (
        fault.what == "the data volume community-tracker_data on web1 holds another database than these settings make"
    )
    change = f"{key} (default): the data volume community-tracker_data has 77, asked for is {asked}"
    assert [str(change) for change in fault.changes] == [change]
    assert f"set it back ({key}=77)" in fault.remedy
    assert "with the old values fab -H me@web1 deploy, backup, down --volumes --yes, and with the new" in fault.remedy
    assert "if nothing in it is needed, docker volume rm community-tracker_data on the host, then" in fault.remedy
    (fault,) = faults(tmp_path, *DATA, f"data.{line}=77", container_line("database", "platform"))
    assert "if nothing in it is needed, fab -H me@web1 down --volumes --yes, then deploy" in fault.remedy


def test_a_server_that_could_not_read_the_data(tmp_path: Path) -> None:
    for server in (Server("17", "glibc"), Server("15", "musl")):
        (fault,) = faults(tmp_path, *DATA, server=server)
        assert [change.key for change in fault.changes] == ["POSTGRES_IMAGE"]
        assert f"has PostgreSQL 15 (Debian, glibc), asked for is {server}" in str(fault.changes[0])
        assert "set it back (POSTGRES_IMAGE to an image of PostgreSQL 15 (Debian, glibc)" in fault.remedy
    assert faults(tmp_path, *DATA, server=Server("15", "glibc")) == []
    assert faults(tmp_path, *DATA[:4], server=Server("17", "musl")) == [], "a volume that does not say"


def test_what_a_server_says() -> None:
    assert parse_server(["postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", "bin"]) == Server("15", "glibc")
    assert parse_server(["postgres (PostgreSQL) 18.6", "ld-musl-x86_64.so.1"]) == Server("18", "musl")
    assert parse_server(["exec format error"]) is None


def test_another_image_s_cluster_and_a_directory_that_another_application_has(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, "data.source=other", "data.major=16")
    assert "holds a cluster of PostgreSQL 16 that another image made" in fault.what
    assert "docker volume rm community-tracker_data on the host" in fault.remedy
    (fault,) = faults(tmp_path, "data.app=other", DATA_PATH="/srv/data")
    assert fault.what.startswith("the directory /srv/data on web1 holds another database")
    assert "APP_NAME (default): the directory /srv/data has other, asked for is community-tracker" in str(
        fault.changes[0]
    )
    assert "down, and with another, empty DATA_PATH deploy and restore" in fault.remedy


def test_what_the_host_s_own_identity_says_is_said_once(tmp_path: Path) -> None:
    lines = identity_lines(make_settings(tmp_path))
    (fault,) = faults(tmp_path, *lines, *DATA, POSTGRES_DB="tracker")
    assert fault.what == "the database on web1 has another identity"


def test_a_stack_of_another_directory(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, "stack=/opt/old", DEPLOYMENT_PATH="/opt/new")
    assert fault.what == "community-tracker runs on web1 already, deployed to another directory"
    assert [str(change) for change in fault.changes] == [
        "DEPLOYMENT_PATH (command line): the host has /opt/old, asked for is /opt/new"
    ]
    assert "set it back (DEPLOYMENT_PATH=/opt/old)" in fault.remedy
    assert "fab -H me@web1 down, on the host, as root, mv /opt/old /opt/new" in fault.remedy
