"""The socket volume: a way to the database, so only those may have it who need it."""

import string
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tasks.core.application_values import compose_json
from tests.properties.conftest import Examples
from tests.properties.stack import Stack, rendered
from tests.properties.test_stack_database import hundred

ALLOWED = {"database", "backend", "migrate"}

APP_NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,20}[a-z0-9]", fullmatch=True)
VARIABLES = st.dictionaries(
    st.text(string.ascii_uppercase + "_", min_size=1, max_size=12),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
    max_size=3,
)


def test_socket_volume_is_for_backend_and_database(stack: Stack, examples: Examples) -> None:
    """In any configuration and in the running stack, nobody but backend, migrate and database mounts the socket.

    Feature: production-deployment-system, Property 6: Socket volume exclusivity

    Turned red by: a line `- {type: volume, source: socket, target: /x}` under the edge's volumes in platform.yml.
    """
    variables = stack.directory / "app.env.json"

    def holds(app: str, slot: str, own: dict[str, str], https: bool, egress: bool) -> None:
        doubled = {key: value.replace("$", "$$") for key, value in own.items()}
        services = {service: {"environment": doubled} for service in ("backend", "migrate")}
        variables.write_text(compose_json({"services": services}))
        changes = {"APP_NAME": app, "SOCKET_VOLUME": f"{app}_socket", "BACKEND_INTERNAL": "false" if egress else "true"}
        platform = ("platform.yml", "https.yml") if https else ("platform.yml",)
        config = ("--profile", "*", "config", "--format", "json")
        found = rendered(stack.compose(app, *config, files=platform, **changes))
        found |= rendered(
            stack.compose(f"{app}-{slot}", *config, files=("slot.yml", str(variables)), SLOT=slot, **changes)
        )
        assert set(found) == {"edge", "database", "cluster", "frontend", "backend", "migrate", "assets"}
        holders = {name for name, service in found.items() if any(mounts_socket(mount) for mount in _mounts(service))}
        assert holders == ALLOWED
        assert not any("volumes_from" in service for service in found.values())
        examples()

    hundred(given(APP_NAMES, st.sampled_from(["blue", "green"]), VARIABLES, st.booleans(), st.booleans())(holds))()
    running = {
        container.labels.get("service")
        for container in stack.client.containers.list(all=True)
        if any(mount.get("Name") == f"{stack.app}_socket" for mount in container.attrs["Mounts"])
    }
    assert running - {"client"} == {"database", "backend"}
    assert examples.count >= 100


def mounts_socket(mount: dict[str, object]) -> bool:
    """By its name in the file, or by where PostgreSQL keeps its sockets."""
    return mount.get("source") == "socket" or (
        Path(str(mount["target"])).name == "postgresql" and mount["type"] == "bind"
    )


def _mounts(service: dict[str, object]) -> list[dict[str, object]]:
    mounts = service.get("volumes", [])
    assert isinstance(mounts, list)
    return mounts
