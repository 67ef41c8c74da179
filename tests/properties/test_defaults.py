"""What holds for a setting that is left out: what the documentation says."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as bounds
from hypothesis import strategies as st

from tasks.core.settings import SETTINGS, Settings, load_settings, parse_env_text, release_environment
from tests.checkout import ROOT
from tests.properties.conftest import Examples
from tests.properties.release import release_directory

ROW = re.compile(r"^\| `([A-Z_]+)` \| (?:`(.*?)`|empty) \|", re.MULTILINE)
IMAGES = {service: f"defaults/{service}:000000000000" for service in ("frontend", "backend", "database", "edge")}
EXAMPLES = {item.key: item.example for item in SETTINGS.values()} | {"CERT_PATH": "host:/etc/certs"}
# What the lists among the examples name has to be there.
OWN = "".join(f"{name}=x\n" for name in EXAMPLES["APP_FILES"].split(","))
# Two whose default follows another setting: left out with it.
FOLLOWS = {"DEPLOYMENT_PATH": "APP_NAME", "LOG_PATH": "APP_NAME"}

pytestmark = pytest.mark.timeout(900)


def documented() -> dict[str, str]:
    """Read the defaults out of docs/settings.md."""
    return {match[1]: match[2] or "" for match in ROW.finditer((ROOT / "docs/settings.md").read_text())}


def shown_in_example() -> dict[str, str]:
    """Read the defaults out of env.example, whose settings are all commented out."""
    lines = (line[1:] for line in (ROOT / "env.example").read_text().splitlines() if re.match(r"#[A-Z_]+=", line))
    entries = parse_env_text("\n".join(lines), name="env.example").entries
    return {key: entry.value for key, entry in entries.items() if key in SETTINGS}


def read(place: Path, given: dict[str, str]) -> Settings:
    (place / ".env").write_text(OWN + "".join(f"{key}={value}\n" for key, value in given.items()))
    return load_settings(root=place, environ={})


def comparable(settings: Settings) -> dict[str, object]:
    return {key: getattr(settings, key.lower()) for key in SETTINGS}


def without(*left_out: str) -> dict[str, str]:
    """Give every setting its example value but for these, and for what follows one of them."""
    also = {key for key, first in FOLLOWS.items() if first in left_out}
    out = {*left_out, *also, *(() if "CERT_PATH" not in left_out else ("ENABLE_HTTPS",))}
    return {key: value for key, value in EXAMPLES.items() if key not in out}


def test_any_set_of_settings_left_out_is_at_the_documented_default(
    tmp_path_factory: pytest.TempPathFactory, examples: Examples
) -> None:
    """Each setting alone, all together, and 150 random sets: docs, env.example and what is in effect agree.

    Feature: production-deployment-system, Property 26: Defaults

    Turned red by: DRAIN_SECONDS with default="11" in tasks/core/settings/deployment.py, docs not made again.
    """
    place = tmp_path_factory.mktemp("settings")
    defaults = documented()
    assert defaults.keys() == SETTINGS.keys()
    assert shown_in_example() == defaults

    def holds(left_out: set[str]) -> None:
        found = read(place, without(*left_out))
        explicit = {key: defaults[key] for key in SETTINGS if key not in without(*left_out)}
        assert comparable(found) == comparable(read(place, without(*left_out) | _following(explicit, left_out)))
        assert {key for key, source in found.sources.items() if source == "default"} == explicit.keys()
        examples()

    for key in SETTINGS:
        holds({key})
    holds(set(SETTINGS))
    bounds(max_examples=150, deadline=None, database=None)(given(st.sets(st.sampled_from(sorted(SETTINGS))))(holds))()
    assert examples.count >= 100


def _following(explicit: dict[str, str], left_out: set[str]) -> dict[str, str]:
    """Write the default of a path that follows APP_NAME for the name in effect."""
    name = documented()["APP_NAME"] if "APP_NAME" in left_out else EXAMPLES["APP_NAME"]
    follow = {key: value.replace(documented()["APP_NAME"], name) for key, value in explicit.items() if key in FOLLOWS}
    return explicit | follow


def test_compose_files_render_with_the_documented_defaults(examples: Examples, tmp_path: Path) -> None:
    """For each setting that a release has: left out, the rendered stack is the one with the documented default written.

    And it is another one than with the setting's example value, so it matters. The whole space: each setting once.

    Feature: production-deployment-system, Property 26: Defaults

    Turned red by: default="3001" for BACKEND_PORT in tasks/core/settings/environment.py, docs not made again.
    """
    defaults, everything = documented(), rendered(tmp_path / "all", EXAMPLES)
    parts = [key for key in SETTINGS if key in release_environment(Settings())]
    for key in parts:
        left_out, explicit = without(key), {each: defaults[each] for each in EXAMPLES if each not in without(key)}
        found = rendered(tmp_path / key, left_out)
        assert found == rendered(tmp_path / f"{key}-explicit", left_out | _following(explicit, {key})), key
        if key in referred():
            assert found != everything, f"{key} makes no difference"
        examples()
    assert examples.count == len(parts)
    assert referred() <= set(parts)


def referred() -> set[str]:
    """List the settings that the compose files name."""
    text = "".join(file.read_text() for file in (ROOT / "compose").glob("*.yml"))
    return set(re.findall(r"\$\{(\w+)", text)) & set(SETTINGS)


def rendered(place: Path, given: dict[str, str]) -> list[object]:
    """Render platform and slot as the host would, without what names this test's directory or the configuration."""
    skipped = ("NODE_IMAGE", "NGINX_IMAGE", "POSTGRES_IMAGE", "BUILD_CA_FILE", "APP_COMMANDS")
    text = OWN + "".join(f"{key}={value}\n" for key, value in given.items() if key not in skipped)
    release = release_directory(place, text, IMAGES)
    said = [release.compose("any", "--profile", "*", "config", "--format", "json", slot=slot) for slot in ("", "blue")]
    assert [each.returncode for each in said] == [0, 0], said
    shown = [json.loads(each.stdout)["services"] for each in said]
    for service in ("database", "edge"):
        shown[0][service]["labels"].pop("fingerprint")  # a hash over the same values
    networks = [json.loads(each.stdout)["networks"] for each in said]
    return [*shown, *networks]
