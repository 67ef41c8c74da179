"""The compose files, which users edit: what nothing will define on the host is named, with its line."""

from pathlib import Path

import pytest

from tasks.core.settings import Settings
from tasks.core.settings.compose_files import compose_faults

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = Settings()
HTTPS = Settings(enable_https="true", cert_path="host:/etc/certs")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "compose").mkdir()
    for name in ("slot.yml", "platform.yml", "https.yml"):
        (tmp_path / "compose" / name).write_text("services: {}\n")
    return tmp_path


def faults(root: Path, text: str, name: str = "slot.yml", settings: Settings = SETTINGS) -> list[str]:
    (root / "compose" / name).write_text(text)
    return [str(fault) for fault in compose_faults(root, settings)]


@pytest.mark.parametrize("settings", [SETTINGS, HTTPS], ids=["http", "https"])
def test_our_own_files_have_none(settings: Settings) -> None:
    assert compose_faults(ROOT, settings) == []


def test_each_is_named_with_file_line_and_variable(root: Path) -> None:
    text = """\
# $COMMENT ${COMMENT}
services:
  backend:
    image: ${BACKEND_IMAGE:?}   # ${COMMENT}
    labels: {a: "$ONE", "${KEY}": b, c: '${TWO:-}'}
    command: [run, "${THREE}"]
    environment:
      - A=${HTTP_PORT} ${FOUR?}
      - |
        two lines
        # no comment: $FIVE
        three $$SIX
    entrypoint: a
      b ${SEVEN:-${EIGHT}}
"""
    found = faults(root, text)
    names = ["ONE", "THREE", "FOUR", "FIVE", "EIGHT"]
    assert [line.partition(":")[0] for line in found] == [f"{name} (compose/slot.yml" for name in names]
    assert [int(line.split(":")[1].rstrip(")")) for line in found] == [5, 6, 8, 11, 14]
    assert all("nothing defines it; accepted: a variable of a release's .env" in line for line in found)


def test_what_is_shared_by_an_anchor_is_named_once(root: Path) -> None:
    text = "x-a: &a\n  b: $NONE\nservices:\n  one: *a\n  two: {<<: *a}\n"
    assert [line[:29] for line in faults(root, text)] == ["NONE (compose/slot.yml:2): is"]


def test_a_needed_one_that_is_empty_is_named(root: Path) -> None:
    (found,) = faults(root, "a: ${DATA_PATH:?}")
    assert found.startswith("DATA_PATH (compose/slot.yml:1): is empty, which its ? does not allow; accepted: ")
    data = Settings(data_path="/srv/data")
    assert faults(root, "a: ${DATA_PATH:?}", settings=data) == []


def test_the_file_of_https_counts_with_https_only(root: Path) -> None:
    assert faults(root, "a: $NONE", "https.yml") == []
    assert len(faults(root, "a: $NONE", "https.yml", HTTPS)) == 1


def test_what_is_no_yaml_no_text_or_not_there(root: Path) -> None:
    assert faults(root, "a: [\nb: c: d\n")[0].startswith("(compose/slot.yml:2): is not YAML: ")
    assert faults(root, "a: ${1}\n") == [
        "(compose/slot.yml:1): has a ${ that Compose cannot read; accepted: $$ for a dollar"
    ]
    (root / "compose/slot.yml").write_bytes(b"a: \xff\n")
    (root / "compose/platform.yml").unlink()
    assert [str(fault) for fault in compose_faults(root, SETTINGS)] == [
        "(compose/slot.yml): cannot be read; accepted: a file with UTF-8 text",
        "(compose/platform.yml): is missing; accepted: the file, as the checkout brings it",
    ]


def test_composes_own_tags_are_no_fault(root: Path) -> None:
    assert faults(root, "services:\n  backend:\n    ports: !reset []\n    labels: !override {a: b}\n") == []
