"""The documentation that is made from the schema."""

import re
import subprocess
import sys
from pathlib import Path

import tasks
from tasks.core.settings import SETTINGS, env_example, load_settings, new_env_file, parse_env_text, settings_page

ROOT = Path(__file__).resolve().parents[2]


def test_the_files_are_up_to_date() -> None:
    command: list[str | Path] = [sys.executable, ROOT / "scripts/generate-docs", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (ROOT / "env.example").read_text(encoding="utf-8") == env_example()
    assert (ROOT / "docs/settings.md").read_text(encoding="utf-8") == settings_page()


def test_the_example_as_it_is_gives_the_defaults(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(new_env_file(), encoding="utf-8")
    settings = load_settings(root=tmp_path, environ={})
    assert set(settings.sources.values()) == {"default"}
    assert settings.application == {}


def test_every_line_of_the_example_uncommented_gives_the_same(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(new_env_file(), encoding="utf-8")
    default = load_settings(root=tmp_path, environ={})
    lines = [line[1:] if line[:1] == "#" and line[1:2].isalpha() else line for line in new_env_file().splitlines()]
    (tmp_path / ".env").write_text("\n".join(line for line in lines if "SESSION_SECRET" not in line), encoding="utf-8")
    written = load_settings(root=tmp_path, environ={})
    assert set(written.sources.values()) == {"file .env"}
    assert written.model_dump(exclude={"sources"}) == default.model_dump(exclude={"sources"})


def test_every_setting_is_described_once() -> None:
    commented = "\n".join(line[1:] for line in env_example().splitlines() if line[1:2].isalpha())
    found = parse_env_text(commented, name="env.example").entries
    assert found.keys() - {"SESSION_SECRET"} == SETTINGS.keys()
    for key, item in SETTINGS.items():
        assert settings_page().count(f"| `{key}` |") == 1
        assert item.about.endswith("."), key
        assert item.example, key
        assert item.example != item.default, key


def test_the_page_names_the_tasks_that_run_commands() -> None:
    """The core cannot import the tasks: the sentence is written by hand."""
    (sentence,) = re.findall(r"value\. ([^.]*) run each command once", settings_page())
    names = {step.__name__.replace("_", "-") for step in tasks.FROM_SOURCES}
    assert set(re.findall("`([a-z-]+)`", sentence)) == names


def test_the_seeds_fields_have_their_groups() -> None:
    groups = {
        "network": {"HTTP_PORT", "HTTPS_PORT", "ENABLE_HTTPS"},
        "volumes": {"DATA_PATH", "SOCKET_PATH", "CERT_PATH"},
        "environment": {"NODE_ENV", "BACKEND_PORT"},
        "security": {"API_USER_UID", "API_USER_GID", "SOCKET_PERMISSIONS"},
    }
    for group, keys in groups.items():
        assert {SETTINGS[key].group for key in keys} == {group}
