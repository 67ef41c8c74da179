"""The two tasks of the settings file: writing a first one, and showing what is in effect."""

import json
import shutil
from pathlib import Path

import pytest

from tasks.core.errors import SettingsError, UsageError
from tasks.core.settings import SETTINGS, EffectiveConfiguration, effective, effective_configuration, new_env_file
from tasks.settings import write_settings_file
from tests.certificates import certificate, key_text, new_key, pem, write_pair


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose application has no fault."""
    (tmp_path / "examples/community-tracker").mkdir(parents=True)
    (tmp_path / "compose").symlink_to(Path(__file__).resolve().parents[2] / "compose")
    monkeypatch.setattr(effective, "check_application", lambda source: [])
    return tmp_path


def check(root: Path, host: str | None = None) -> EffectiveConfiguration:
    return effective_configuration(
        root=root, host=host, environ={"DEPLOY_DRAIN_SECONDS": "3"}, overrides={"VERBOSE": "true"}
    )


@pytest.mark.parametrize(("host", "name"), [(None, ".env"), ("web1", ".env.web1")])
def test_init_writes_a_private_file_that_works(root: Path, host: str | None, name: str) -> None:
    done = write_settings_file(root, host=host)
    assert done.path == root / name
    assert done.path.read_text(encoding="utf-8") == new_env_file()
    assert done.path.stat().st_mode & 0o777 == 0o600
    assert check(root, host).warnings == ()


def test_init_never_overwrites(root: Path) -> None:
    (root / ".env").write_text("KEY=precious\n", encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        write_settings_file(root)
    assert caught.value.exit_code == 2
    assert "already" in str(caught.value)
    assert (root / ".env").read_text(encoding="utf-8") == "KEY=precious\n"
    for number in (1, 2):
        done = write_settings_file(root, force=True)
        assert done.kept == root / f".env.kept-{number}"
    assert (root / ".env.kept-1").read_text(encoding="utf-8") == "KEY=precious\n"


def test_init_does_not_follow_a_link(root: Path) -> None:
    (root / ".env").symlink_to(root / "elsewhere")
    with pytest.raises(UsageError):
        write_settings_file(root)
    assert not (root / "elsewhere").exists()


@pytest.mark.parametrize("host", ["", "../x", "a/b", ".."])
def test_init_refuses_strange_hosts(root: Path, host: str) -> None:
    with pytest.raises(UsageError):
        write_settings_file(root, host=host)


def test_each_value_is_shown_with_its_source(root: Path) -> None:
    (root / ".env").write_text("HTTP_PORT=8080\nSESSION=hunter2\n", encoding="utf-8")
    (root / ".env.web1").write_text("NODE_ENV=staging\nMAIL=hunter2\n", encoding="utf-8")
    done = check(root, "web1")
    shown = [line.split() for line in done.lines]
    for line in (
        ["HTTP_PORT", "8080", "file", ".env"],
        ["NODE_ENV", "staging", "file", ".env.web1"],
        ["DRAIN_SECONDS", "3", "environment"],
        ["VERBOSE", "true", "command", "line"],
        ["HTTPS_PORT", "443"],
        ["SESSION", "***", "file", ".env"],
        ["MAIL", "***", "file", ".env.web1"],
    ):
        assert line in shown
    data = json.dumps(done.data)
    assert "hunter2" not in data + "\n".join(done.lines) + repr(done)
    assert json.loads(data)["settings"]["network"]["HTTP_PORT"] == {"value": "8080", "source": "file .env"}
    own = json.loads(data)["application"]["MAIL"]
    assert own == {"value": "***", "source": "file .env.web1", "as": "environment", "by": "value"}


def test_the_way_of_each_variable_is_shown_and_no_command_is_run(root: Path) -> None:
    text = f"A=1\nB=touch {root}/ran\nC=2\nAPP_FILES=B,C\nAPP_COMMANDS=B\n"
    (root / ".env").write_text(text, encoding="utf-8")
    done = check(root)
    shown = [" ".join(line.split()) for line in done.lines]
    for line in (
        "A *** file .env",
        "B *** (file /run/secrets/B, by a command) file .env",
        "C *** (file /run/secrets/C) file .env",
    ):
        assert line in shown
    own = json.loads(json.dumps(done.data))["application"]
    assert {key: (each["as"], each["by"]) for key, each in own.items()} == {
        "A": ("environment", "value"), "B": ("file", "command"), "C": ("file", "value"),
    }  # fmt: skip
    assert not (root / "ran").exists()
    assert "touch" not in repr(done.data) + repr(done.lines), "a command line is not shown either"


def test_a_variable_that_nothing_defines_is_a_fault_like_any_other(root: Path) -> None:
    (root / "compose").unlink()
    shutil.copytree(Path(__file__).resolve().parents[2] / "compose", root / "compose")
    with (root / "compose/slot.yml").open("a") as file:
        file.write("x-more: [$SMTP_HOST]\n")
    (root / ".env").write_text("HTTP_PORT=x\nSMTP_HOST=mail\n", encoding="utf-8")
    line = (root / "compose/slot.yml").read_text().count("\n")
    with pytest.raises(SettingsError) as caught:
        check(root)
    assert str(caught.value).startswith("2 faults in the settings")
    assert f"SMTP_HOST (compose/slot.yml:{line}): is used here, and nothing defines it" in str(caught.value)


def test_what_was_set_comes_first_and_defaults_last(root: Path) -> None:
    (root / ".env").write_text("HTTP_PORT=8080\nVERBOSE=false\nSESSION=hunter2\n", encoding="utf-8")
    lines = [line.strip() for line in check(root).lines]
    own, rest = (
        next(i for i, line in enumerate(lines) if word in line) for word in ("no settings", "at their default")
    )
    place = {name: next(i for i, line in enumerate(lines) if line.startswith(name)) for name in SETTINGS}
    given = {"HTTP_PORT", "VERBOSE", "DRAIN_SECONDS"}
    assert {name for name in SETTINGS if place[name] < own} == given
    assert {name for name in SETTINGS if place[name] > rest} == SETTINGS.keys() - given
    assert own < lines.index(next(line for line in lines if line.startswith("SESSION"))) < rest


def test_nothing_set_is_said(root: Path) -> None:
    (root / ".env").touch(mode=0o600)
    found = effective_configuration(root=root, environ={})
    assert found.lines[:5] == ("settings that you have set", "  none", "", found.lines[3], "  none")


def test_faults_of_settings_application_and_certificates_come_together(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(effective, "check_application", lambda source: ["web-frontend/ has no lock file"])
    (root / ".env").write_text(
        "HTTP_PORT=x\nENABLE_HTTPS=true\nCERT_PATH=certs\nBUILD_CA_FILE=no.pem\n", encoding="utf-8"
    )
    with pytest.raises(SettingsError) as caught:
        check(root)
    for part in ("HTTP_PORT (.env:1)", "no lock file", "fullchain.pem", "privkey.pem", "no.pem is not a file"):
        assert part in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_missing_application_is_named(root: Path) -> None:
    (root / ".env").write_text("APP_SOURCE=nowhere\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"APP_SOURCE \(\.env\): .*nowhere is not a directory"):
        check(root)


@pytest.mark.parametrize("path", ["", "CERT_PATH=host:certs\n"])
def test_certificates_are_asked_for_unless_cert_path_has_a_fault_of_its_own(root: Path, path: str) -> None:
    """Turned red by: build_inputs that asks for a CERT_PATH which has been refused already."""
    (root / ".env").write_text(f"ENABLE_HTTPS=true\n{path}", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        check(root)
    assert ("CERT_PATH (.env): is missing, and ENABLE_HTTPS is true" in str(caught.value)) == (not path)


def test_the_certificate_has_to_be_for_the_server_names(root: Path) -> None:
    key = new_key("p-256")
    write_pair(root / "certs", pem(certificate(key, "example.org")), key_text(key))
    text = "ENABLE_HTTPS=true\nCERT_PATH=certs\nSERVER_NAMES=example.org"
    (root / ".env").write_text(text + "\n", encoding="utf-8")
    assert any("example.org" in line for line in check(root).lines)
    (root / ".env").write_text(text + ",www.example.org\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"is not for www\.example\.org, only for example\.org"):
        check(root)


def test_certificates_on_the_host_are_not_looked_for_here(root: Path) -> None:
    (root / ".env").write_text("ENABLE_HTTPS=true\nCERT_PATH=host:/etc/certs\n", encoding="utf-8")
    assert any("/etc/certs: read there" in line for line in check(root).lines)
