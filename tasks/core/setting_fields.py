"""Every setting, in one place: name, group, rule, default, what it is for.

Validation, `env.example` and `docs/settings.md` all come from this model. The groups are the seed's
(`DeploymentConfiguration`) and one more, deployment, for what the seed leaves to the command line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.core.secret import Secret
from tasks.core.setting_rules import (
    Rule,
    certificate_path,
    choice,
    flag,
    host_path,
    image,
    matching,
    names,
    size,
    whole,
    workstation_path,
)

Group = Literal["network", "volumes", "environment", "security", "deployment"]

SOCKET_DIRECTORY = "/var/run/postgresql"
"""Where backend and database see the socket volume."""


def setting(group: Group, about: str, *, default: str | Callable[[dict[str, Any]], str], example: str = "") -> Any:
    """Describe one setting; its default is text and goes through its rule like any other value."""
    extra: dict[str, Any] = {"group": group, "example": example}
    if callable(default):
        return Field(default_factory=default, validate_default=True, description=about, json_schema_extra=extra)
    return Field(default=default, validate_default=True, description=about, json_schema_extra=extra)


def _below(parent: str) -> Callable[[dict[str, Any]], str]:
    return lambda data: f"{parent}/{data.get('app_name', 'community-tracker')}"


def _no_app_name(text: str) -> str | None:
    if text.endswith(("-blue", "-green")):
        return "ends in -blue or -green, which are the names of an application's slots"
    return "is a registry's name to Docker" if text == "localhost" else None


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


_USER_ID = whole(1000, 60000, of="a number that no system account has")
_SECONDS = "seconds"
_VERSION = matching(r"[0-9]{1,4}(?:\.[0-9]{1,4}){1,2}", "a version of two or three numbers with dots")


class Settings(BaseModel):
    """Hold every effective setting, the application's own values, and where each came from."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    # network
    http_port: Annotated[int, whole(1, 65535, of="a port")] = setting(
        "network", "Port of the host on which the application answers over HTTP.", default="80", example="8080"
    )
    https_port: Annotated[int, whole(1, 65535, of="a port")] = setting(
        "network", "Port of the host for HTTPS; used when ENABLE_HTTPS is true.", default="443", example="8443"
    )
    enable_https: Annotated[bool, flag()] = setting(
        "network", "Serve HTTPS with the certificates of CERT_PATH.", default="false", example="true"
    )
    client_max_body_size: Annotated[str, size("1k", "64g", of="a size")] = setting(
        "network", "Largest request body that is let through to the application.", default="10m", example="100m"
    )
    backend_egress: Annotated[bool, flag()] = setting(
        "network",
        "Whether the backend may open connections to the outside (mail, other services); "
        "false makes its network internal.",
        default="true",
        example="false",
    )

    # volumes
    data_path: Annotated[str | None, host_path(optional=True)] = setting(
        "volumes",
        "Directory of the host for the database's files; it must exist. Empty: the named volume <APP_NAME>_data. "
        "Changing it later would give an empty database and is refused.",
        default="",
        example="/srv/community-tracker/data",
    )
    socket_path: Annotated[str | None, host_path(optional=True, runtime=True)] = setting(
        "volumes",
        "Directory of the host for the database's socket; it must exist. Empty: the named volume <APP_NAME>_socket.",
        default="",
        example="/srv/community-tracker/socket",
    )
    cert_path: Annotated[str | None, certificate_path()] = setting(
        "volumes",
        "Directory with fullchain.pem and privkey.pem, as Let's Encrypt names them; needed when ENABLE_HTTPS is true.",
        default="",
        example="/etc/letsencrypt/live/example.org",
    )

    # environment
    node_env: Annotated[Literal["production", "staging"], choice("production", "staging")] = setting(
        "environment", "NODE_ENV of the backend.", default="production", example="staging"
    )
    backend_port: Annotated[int, whole(1024, 65535, of="a port")] = setting(
        "environment",
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
        "environment",
        "Database role, and name of the user that the backend runs as; peer authentication needs them equal. "
        "Cannot change after the first deployment.",
        default="apiuser",
        example="tracker",
    )
    postgres_db: Annotated[
        str,
        matching(
            r"[a-z_][a-z0-9_]{0,62}",
            "a database name: small letters, digits and _, at most 63, not one of PostgreSQL's own",
            refused=_no_database,
        ),
    ] = setting(
        "environment",
        "Database of the application. Cannot change after the first deployment.",
        default="community_tracker",
        example="tracker",
    )

    # security
    api_user_uid: Annotated[int, _USER_ID] = setting(
        "security",
        "User id of the backend's process. Cannot change after the first deployment.",
        default="1001",
        example="2001",
    )
    api_user_gid: Annotated[int, _USER_ID] = setting(
        "security", "Group id that backend and database share on the socket.", default="1001", example="2001"
    )
    socket_permissions: Annotated[
        str, matching(r"0[67][67]0", "four octal digits: read and write for owner and group, nothing for others")
    ] = setting("security", "Mode of the database's socket.", default="0770", example="0660")
    ssh_host_keys: Annotated[Literal["accept-new", "strict"], choice("accept-new", "strict")] = setting(
        "security",
        "What to do with a host whose key is not known yet: record it with a warning, or refuse. "
        "A changed key is always refused.",
        default="accept-new",
        example="strict",
    )

    # deployment
    app_name: Annotated[
        str,
        matching(
            r"[a-z0-9](?:[a-z0-9-]{0,37}[a-z0-9])?",
            "small letters, digits and -, at most 39, neither first nor last a -, not ending in -blue or -green",
            refused=_no_app_name,
        ),
    ] = setting(
        "deployment",
        "Name of the application on the host: its containers, images and volumes. "
        "Cannot change after the first deployment.",
        default="community-tracker",
        example="club-site",
    )
    app_source: Annotated[Path, workstation_path("a directory")] = setting(
        "deployment",
        "Directory with the application's web-frontend/ and backend-api/.",
        default="examples/community-tracker",
        example="../club-site",
    )
    app_keys: Annotated[tuple[str, ...], names()] = setting(
        "deployment",
        "The application's own variables whose names look like a misspelt setting; without this they are refused.",
        default="",
        example="LOG_PATHS,NODE_EVN",
    )
    deployment_path: Annotated[str, host_path()] = setting(
        "deployment",
        "Directory on the host that holds releases and state. Default: /opt/ and APP_NAME.",
        default=_below("/opt"),
        example="/srv/club-site",
    )
    log_path: Annotated[str, host_path()] = setting(
        "deployment",
        "Directory on the host for the logs of deployments. Default: /var/log/ and APP_NAME.",
        default=_below("/var/log"),
        example="/srv/club-site-logs",
    )
    build_mode: Annotated[Literal["local", "remote"], choice("local", "remote")] = setting(
        "deployment",
        "Where images are built: on the workstation, or on the host.",
        default="local",
        example="remote",
    )
    container_runtime: Annotated[Literal["auto", "docker", "finch"], choice("auto", "docker", "finch")] = setting(
        "deployment",
        "What builds images on the workstation; auto takes Docker, else Finch.",
        default="auto",
        example="finch",
    )
    node_image: Annotated[str, image()] = setting(
        "deployment",
        "Base image of the backend and of the frontend's build.",
        default="node:lts-alpine",
        example="node:22-bookworm-slim",
    )
    nginx_image: Annotated[str, image()] = setting(
        "deployment", "Base image of the frontend and the edge.", default="nginx:alpine", example="nginx:1.30"
    )
    postgres_image: Annotated[str, image()] = setting(
        "deployment",
        "Base image of the database. Data of another major version or C library is refused, never started.",
        default="postgres:15-alpine",
        example="postgres:15-bookworm",
    )
    build_ca_file: Annotated[Path | None, workstation_path("a PEM file", optional=True)] = setting(
        "deployment",
        "Certificates to trust while building, behind a proxy that opens TLS. "
        "Handed over as a build secret; in no image.",
        default="",
        example="/etc/ssl/certs/ca-certificates.crt",
    )
    frontend_memory: Annotated[str, size("16m", "1024g", of="memory")] = setting(
        "deployment", "Memory limit of a frontend container.", default="64m", example="128m"
    )
    backend_memory: Annotated[str, size("64m", "1024g", of="memory")] = setting(
        "deployment",
        "Memory limit of a backend container; two run during a deployment.",
        default="512m",
        example="1g",
    )
    database_memory: Annotated[str, size("128m", "1024g", of="memory")] = setting(
        "deployment", "Memory limit of the database container.", default="512m", example="2g"
    )
    edge_memory: Annotated[str, size("16m", "1024g", of="memory")] = setting(
        "deployment", "Memory limit of the edge, the nginx that holds the ports.", default="64m", example="128m"
    )
    keep_releases: Annotated[int, whole(2, 100, of="a number")] = setting(
        "deployment",
        "Releases that stay on the host, the active and the previous one among them.",
        default="5",
        example="10",
    )
    health_timeout: Annotated[int, whole(1, 3600, of=_SECONDS)] = setting(
        "deployment", "How long a new release may take until it is healthy.", default="120", example="300"
    )
    health_retries: Annotated[int, whole(1, 100, of="a number")] = setting(
        "deployment",
        "Failed checks in a row after which a container that had answered counts as broken.",
        default="5",
        example="10",
    )
    drain_seconds: Annotated[int, whole(0, 600, of=_SECONDS)] = setting(
        "deployment",
        "How long the old release finishes its requests after the switch before it is stopped.",
        default="10",
        example="30",
    )
    min_docker_version: Annotated[str, _VERSION] = setting(
        "deployment", "Oldest Docker that is accepted on a host.", default="20.10.10", example="26.1.0"
    )
    min_compose_version: Annotated[str, _VERSION] = setting(
        "deployment", "Oldest Docker Compose that is accepted on a host.", default="2.20.0", example="2.26.0"
    )
    verbose: Annotated[bool, flag()] = setting(
        "deployment", "Show every command and its output.", default="false", example="true"
    )

    # not in the file under names of their own
    application: Mapping[str, Secret] = Field(default_factory=dict)
    sources: Mapping[str, str] = Field(default_factory=dict, repr=False)
    application_sources: Mapping[str, str] = Field(default_factory=dict, repr=False)
    warnings: tuple[str, ...] = ()

    @property
    def database_url(self) -> str:
        """Give the address of the database as the backend sees it: through the socket, without a password."""
        return f"postgresql://{self.postgres_user}@localhost/{self.postgres_db}?host={SOCKET_DIRECTORY}"

    @property
    def cert_directory(self) -> Path | None:
        """Give the certificates' directory when it is on the workstation."""
        return None if self.cert_path is None or self.cert_on_host else Path(self.cert_path)

    @property
    def cert_on_host(self) -> str | None:
        """Give the certificates' directory when it is on the host."""
        return self.cert_path.removeprefix("host:") if self.cert_path and self.cert_path.startswith("host:") else None


@dataclass(frozen=True)
class Setting:
    """Describe one setting as documentation and messages need it."""

    key: str
    group: Group
    about: str
    default: str
    form: str
    example: str


def _described() -> dict[str, Setting]:
    found = {}
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra
        if not isinstance(extra, dict):
            continue
        rule = next(item for item in field.metadata if isinstance(item, Rule))
        default = field.default if isinstance(field.default, str) else _DERIVED[name]
        group: Any = extra["group"]
        found[name.upper()] = Setting(
            name.upper(), group, field.description or "", default, rule.form, str(extra["example"])
        )
    return found


_DERIVED = {"deployment_path": "/opt/community-tracker", "log_path": "/var/log/community-tracker"}

SETTINGS: Mapping[str, Setting] = _described()
"""Every setting by its name in the file, in the order of the documentation."""
