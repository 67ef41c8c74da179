"""What a deployment will change, decided from facts."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.core.migrations import Pending
from tasks.core.plan import Plan, layers_on, make_plan, unhealthy
from tasks.core.releases import ReleaseFiles, release_files
from tests.steps.samples import (
    RELEASE,
    SECRET,
    HostState,
    container_line,
    image_line,
    make_build,
    make_settings,
    serving,
)

ROOT = Path(__file__).resolve().parents[2]
NEXT = "20261124T000000Z-2b3c4d5"


def rendered(place: Path, text: str = f"SESSION_TOKEN={SECRET}\n", *, migrations: tuple[str, ...] = (),
             contents: dict[str, str] | None = None, **overrides: str) -> ReleaseFiles:  # fmt: skip
    build = make_build(**(contents or {}))
    build = replace(build, migrations=build.migrations + migrations)
    return release_files(ROOT, make_settings(place, text, **overrides), build)


def planned(files: ReleaseFiles, state: HostState) -> Plan:
    return make_plan(files, NEXT, state.facts())


@pytest.fixture
def files(tmp_path: Path) -> ReleaseFiles:
    return rendered(tmp_path)


def test_nothing_to_do(files: ReleaseFiles) -> None:
    plan = planned(files, serving(files))
    assert plan.nothing
    assert plan.lines() == []
    assert (plan.active, plan.target_slot) == (RELEASE, "green")


def test_everything_on_a_new_host(files: ReleaseFiles) -> None:
    plan = planned(files, HostState())
    assert not plan.nothing
    assert (plan.active, plan.target_slot, plan.release) == ("", "blue", NEXT)
    assert {image.service for image in plan.images if image.action == "ship"} == {
        "database", "edge", "backend", "frontend",
    }  # fmt: skip
    assert {(change.service, change.why) for change in plan.platform} == {
        ("edge", "it has no container"), ("database", "it has no container"),
    }  # fmt: skip
    assert "edge: it has no container; it is made, and nobody notices" in plan.lines()
    assert plan.migrations == Pending(("20260101000000_init",))
    assert "1 migration: 20260101000000_init; no dump is made, the database has no tables" in plan.lines()
    assert (plan.unhealthy, plan.configuration) == ((), ())
    assert "image backend: 2 layers the host lacks, 50.0 MB unpacked in all" in plan.lines()


def test_a_changed_frontend_touches_nothing_else(files: ReleaseFiles, tmp_path: Path) -> None:
    plan = planned(rendered(tmp_path, contents={"frontend": "two"}), serving(files))
    assert [image.service for image in plan.images if image.action == "ship"] == ["frontend"]
    assert plan.lines() == ["image frontend: 1 layer the host lacks, 50.0 MB unpacked in all"]
    assert (plan.platform, plan.migrations, plan.configuration) == ((), Pending(()), ())
    assert not plan.nothing


@pytest.mark.parametrize(("service", "notice"), [("edge", "about a second"), ("database", "about two seconds")])
def test_a_changed_platform_image_says_what_people_notice(
    files: ReleaseFiles, tmp_path: Path, service: str, notice: str
) -> None:
    plan = planned(rendered(tmp_path, contents={service: "two"}), serving(files))
    (change,) = plan.platform
    assert (change.service, change.why) == (service, "its image differs")
    assert notice in change.interruption
    assert any(line.startswith(f"{service}: ") and notice in line for line in plan.lines())


def platform_change(plan: Plan) -> tuple[str, str]:
    (change,) = plan.platform
    return change.service, change.why


def test_the_reason_for_a_replacement_is_named(files: ReleaseFiles, tmp_path: Path) -> None:
    state = serving(files)
    assert platform_change(planned(rendered(tmp_path, EDGE_MEMORY="99m"), state)) == ("edge", "EDGE_MEMORY differs")
    more = rendered(tmp_path, contents={"database": "two"}, DATABASE_MEMORY="999m", SOCKET_PERMISSIONS="0660")
    wanted = ("database", "its image, SOCKET_PERMISSIONS, DATABASE_MEMORY differ")
    assert platform_change(planned(more, state)) == wanted
    other = replace(files, environment={**files.environment, "EDGE_FINGERPRINT": "of another compose file"})
    assert platform_change(planned(other, state)) == ("edge", "its compose file differs")
    unknown = state.without("active_facts=")
    assert platform_change(planned(other, unknown)) == ("edge", "its image or the settings it reads differ")


NO_RECORD = "which data is this host's is not recorded: /opt/community-tracker/identity is gone"
ANOTHER = "it looks at another directory than /opt/community-tracker/slots, which a copy has replaced"


@pytest.mark.parametrize(
    ("faults", "changes", "service", "notice"),
    [
        ([f"database {NO_RECORD}"], {}, "database", "requests that need it fail for about two seconds"),
        (["edge it has lost its network"], {}, "edge", "about a second of refused connections"),
        (["edge its container is exited"], {"state": "exited"}, "edge", "it does not serve until then"),
        ([f"edge {ANOTHER}", f"frontend {ANOTHER}"], {}, "edge", "requests fail for about two seconds"),
    ],
)
def test_what_the_host_says_cannot_stay_is_what_the_plan_says(
    files: ReleaseFiles, faults: list[str], changes: dict[str, str], service: str, notice: str
) -> None:
    """The reasons are the host's own (tests/shell/platform.bats). Turned red by comparing fingerprints alone."""
    fingerprint = files.environment[f"{service.upper()}_FINGERPRINT"]
    state = serving(files).without(f'container={{"service": "{service}"')
    state = state.having(container_line(service, "platform", fingerprint=fingerprint, **changes))
    plan = planned(files, state.having(*(f"fault={fault}" for fault in faults)))
    (change,) = plan.platform
    assert (change.service, change.why) == (service, faults[0].removeprefix(f"{service} "))
    assert change.interruption.startswith(notice)
    assert set(plan.unhealthy) == {fault.partition(" ")[0] for fault in faults}
    assert not plan.nothing


def test_a_fault_and_a_wanted_change_are_both_said(files: ReleaseFiles, tmp_path: Path) -> None:
    state = serving(files).having("fault=edge it has lost its network")
    changed = rendered(tmp_path, EDGE_MEMORY="99m")
    assert platform_change(planned(changed, state)) == ("edge", "it has lost its network, EDGE_MEMORY differs")


def test_changed_settings_are_named_and_no_value_is_shown(files: ReleaseFiles, tmp_path: Path) -> None:
    text = "SESSION_TOKEN=another-secret\nMORE=of-this-too\n"
    plan = planned(rendered(tmp_path, text, HTTP_PORT="8080"), serving(files))
    assert plan.configuration == ("HTTP_PORT", "MORE", "SESSION_TOKEN")
    assert "settings: HTTP_PORT, MORE, SESSION_TOKEN" in plan.lines()
    shown = json.dumps(plan.as_json()) + "\n".join(plan.lines())
    assert not any(value in shown for value in (SECRET, "another-secret", "of-this-too"))


def test_a_setting_that_was_taken_away_is_named(files: ReleaseFiles, tmp_path: Path) -> None:
    assert planned(rendered(tmp_path, ""), serving(files)).configuration == ("SESSION_TOKEN",)


def test_an_image_that_is_there_already_is_named_when_another_one_serves(files: ReleaseFiles, tmp_path: Path) -> None:
    changed = rendered(tmp_path, contents={"frontend": "two"})
    plan = planned(changed, serving(files).having(image_line(changed.images["frontend"])))
    assert [image.service for image in plan.images if image.action == "switch"] == ["frontend"]
    assert plan.lines() == ["image frontend: another one than serves now, and on the host already: nothing is sent"]
    assert not plan.nothing


def test_a_release_without_images_in_its_facts_is_not_said_to_differ(files: ReleaseFiles) -> None:
    assert planned(files, serving(files).without("active_facts=image.")).lines() == []


def test_new_migrations(files: ReleaseFiles, tmp_path: Path) -> None:
    plan = planned(rendered(tmp_path, migrations=("20260102000000_more",)), serving(files))
    assert plan.migrations.names == ("20260102000000_more",)
    assert "1 migration: 20260102000000_more; a dump is made before it" in plan.lines()


def test_what_the_database_lacks_counts_and_not_what_was_deployed(files: ReleaseFiles) -> None:
    """After a restore of older data. Turned red by comparing with the active release's list."""
    plan = planned(files, serving(files).without("migration.applied="))
    assert plan.migrations.names == ("20260101000000_init",)
    assert plan.same_configuration
    assert not plan.nothing
    for unsure in ("migrations=unread", "migrations=absent"):
        assert planned(files, serving(files).without("migration").having(unsure)).nothing, unsure


def test_a_change_of_this_tool_alone_is_not_nothing(files: ReleaseFiles) -> None:
    plan = planned(replace(files, bundle=files.bundle + "#"), serving(files))
    assert not plan.nothing
    assert plan.lines() == ["this tool's own files differ: compose/ or scripts/host/"]


@pytest.mark.parametrize("service", ["backend", "frontend", "edge", "database"])
@pytest.mark.parametrize("trouble", ["gone", "exited", "unhealthy"])
def test_a_sick_service_is_a_change(files: ReleaseFiles, service: str, trouble: str) -> None:
    slot = "platform" if service in ("edge", "database") else "blue"
    state = serving(files).without(f'container={{"service": "{service}"')
    fingerprint = files.environment.get(f"{service.upper()}_FINGERPRINT", "")
    if trouble != "gone":
        change = {"state": "exited"} if trouble == "exited" else {"health": "unhealthy"}
        state = state.having(container_line(service, slot, fingerprint=fingerprint, **change))
    plan = planned(files, state)
    assert plan.unhealthy == (service,)
    assert not plan.nothing
    assert f"not healthy now: {service}" in plan.lines()


def test_a_container_of_the_other_slot_does_not_count(files: ReleaseFiles) -> None:
    state = serving(files).having(container_line("backend", "green", health="unhealthy"))
    assert unhealthy(state.facts()) == ()


def test_nothing_is_sick_before_the_first_deployment() -> None:
    assert unhealthy(HostState().facts()) == ()


def test_an_image_that_lost_its_name_is_shipped_again(files: ReleaseFiles) -> None:
    state = serving(files).without('image={"id": "' + files.images["edge"].digest)
    assert [image.service for image in planned(files, state).images if image.action == "ship"] == ["edge"]
    assert not planned(files, state).nothing


def test_layers_are_surely_there_on_a_classic_store_only() -> None:
    build = make_build()
    state = HostState().having(image_line(build.images["edge"]))
    assert layers_on(state.facts()) == set(build.images["edge"].layers)
    assert layers_on(state.but(docker_store="containerd").facts()) == frozenset()


def test_json_has_every_field(files: ReleaseFiles) -> None:
    data = planned(files, HostState()).as_json()
    assert json.loads(json.dumps(data))["nothing"] is False
    assert set(data) >= {"release", "active", "images", "platform", "configuration", "migrations", "unhealthy"}
    stuck = serving(files).without("migration.applied=").having("migration.begun=20260101000000_init")
    data = json.loads(json.dumps(planned(files, stuck).as_json()))
    keys = ("migrations", "never_ended", "migrations_unread", "dump")
    assert [data[key] for key in keys] == [["20260101000000_init"], ["20260101000000_init"], "", True]
