"""What must never change silently: a host's identity against the settings."""

from pathlib import Path

import pytest

from tasks.core.identity import KEYS, IdentityChange, identity_changes, old_values
from tasks.core.settings import release_environment
from tests.steps.samples import HostState, identity_lines, make_settings

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
