"""Every field of the design's data models has its place here.

DeploymentState, HealthCheckResult, DeploymentConfiguration, DockerImage, ContainerRuntime.
"""

from dataclasses import fields

import pytest

from tasks.core.builders import ContainerRuntime
from tasks.core.facts import parse_facts
from tasks.core.images import DockerImage
from tasks.core.settings import Settings
from tasks.core.status import status_data

STATE = {"version", "timestamp", "target_host", "image_versions", "configuration_hash", "status", "health_checks"}
CHECK = {"service", "status", "timestamp", "message"}
CONFIGURATION = {
    "network": {"http_port", "https_port", "enable_https"},
    "volumes": {"data_path", "socket_path", "cert_path"},
    "environment": {"node_env", "backend_port", "postgres_db", "postgres_user"},  # databaseUrl is made of the last two
    "security": {"api_user_uid", "api_user_gid", "socket_permissions"},
}

HOST = """schema=1
link=blue
active.release=r1
release=r1 active abc 1
active_facts=created=2026-01-01T00:00:00+00:00
active_facts=configuration_hash=abc
active_facts=image.frontend=app/frontend:aa
active_facts=image.backend=app/backend:bb
active_facts=image.database=app/database:cc
active_facts=image.edge=app/edge:dd
active_state=status=active
active_state=health.backend=healthy 2026-01-01T00:00:09Z
active_state=health.edge=unhealthy 2026-01-01T00:00:09Z it said 502
"""


def test_deployment_state_and_health_checks_are_in_status() -> None:
    state = status_data(parse_facts(HOST.splitlines()), "me@web1")["deployment"]
    assert isinstance(state, dict)
    assert set(state) == STATE
    assert all(state.values())
    assert state["image_versions"] == {
        "frontend": "app/frontend:aa",
        "backend": "app/backend:bb",
        "database": "app/database:cc",
        "edge": "app/edge:dd",
    }
    assert all(set(check) == CHECK for check in state["health_checks"])
    assert [(check["service"], check["status"], check["message"]) for check in state["health_checks"]] == [
        ("backend", "healthy", None),
        ("edge", "unhealthy", "it said 502"),
    ]


def test_nothing_deployed_has_no_state() -> None:
    assert status_data(parse_facts(["schema=1"]), "web1")["deployment"] is None


@pytest.mark.parametrize("group", CONFIGURATION)
def test_configuration_is_in_the_settings(group: str) -> None:
    assert CONFIGURATION[group] <= set(Settings.model_fields)


def test_image_and_runtime_have_every_field() -> None:
    image = {"name", "tag", "digest", "size", "build_timestamp", "build_host"}
    assert image <= {field.name for field in fields(DockerImage)}
    runtime = {"name", "build_command", "compose_command", "available", "version"}
    assert runtime == {field.name for field in fields(ContainerRuntime)}
