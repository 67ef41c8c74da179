"""Settings of the application's environment: mode, port, role, database."""

from __future__ import annotations

from typing import Annotated, Literal

from tasks.core.settings.field import Group, setting
from tasks.core.settings.rules import choice, matching, whole

_TAKEN_ROLES = (
    "adm backup bin daemon games halt list lp mail man mysql news nginx nobody node none operator postgres proxy "
    "public root shutdown sshd sync sys user uucp"
)


def _no_role(text: str) -> str | None:
    if text in _TAKEN_ROLES.split() or text.startswith("pg_"):
        return "is reserved by PostgreSQL or is a user of its own in an image"
    return None


def _no_database(text: str) -> str | None:
    return "is a database of PostgreSQL's own" if text in ("postgres", "template0", "template1") else None


class Environment(Group):
    """Say what the application finds around it."""

    node_env: Annotated[Literal["production", "staging"], choice("production", "staging")] = setting(
        "NODE_ENV of the backend.", default="production", example="staging"
    )
    backend_port: Annotated[int, whole(1024, 65535, of="a port")] = setting(
        "Port on which the backend listens inside its container (its PORT); never published.",
        default="3000",
        example="8000",
    )
    postgres_user: Annotated[
        str,
        matching(
            r"[a-z_][a-z0-9_]{0,30}",
            "a role name: small letters, digits and _, at most 31, not a reserved one",
            refused=_no_role,
        ),
    ] = setting(
        "Database role, and name of the user that the backend runs as; peer authentication needs them equal. "
        "Cannot change after the first deployment.",
        default="apiuser",
        example="tracker",
    )
    postgres_db: Annotated[
        str,
        matching(
            r"[a-z_][a-z0-9_]{0,39}",
            "a database name: small letters, digits and _, at most 40, not one of PostgreSQL's own",
            refused=_no_database,
        ),
    ] = setting(
        "Database of the application. Cannot change after the first deployment.",
        default="community_tracker",
        example="tracker",
    )
