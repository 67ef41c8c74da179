"""Settings of the deployment: names, places, images, limits, patience."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from tasks.core.settings.field import Group, setting
from tasks.core.settings.rules import choice, flag, host_path, image, matching, names, size, whole, workstation_path


def _below(parent: str) -> Callable[[dict[str, Any]], str]:
    return lambda data: f"{parent}/{data.get('app_name', 'community-tracker')}"


def _no_app_name(text: str) -> str | None:
    if text.endswith(("-blue", "-green")):
        return "ends in -blue or -green, which are the names of an application's slots"
    return "is a registry's name to Docker" if text == "localhost" else None


_SECONDS = "seconds"
_VERSION = matching(r"[0-9]{1,4}(?:\.[0-9]{1,4}){1,2}", "a version of two or three numbers with dots")


class Deployment(Group):
    """Say what is deployed, from where, and how long it may take."""

    app_name: Annotated[
        str,
        matching(
            r"[a-z0-9](?:[a-z0-9-]{0,37}[a-z0-9])?",
            "small letters, digits and -, at most 39, neither first nor last a -, not ending in -blue or -green",
            refused=_no_app_name,
        ),
    ] = setting(
        "Name of the application on the host: its containers, images and volumes. "
        "Cannot change after the first deployment.",
        default="community-tracker",
        example="club-site",
    )
    app_source: Annotated[Path, workstation_path("a directory")] = setting(
        "Directory with the application's web-frontend/ and backend-api/.",
        default="examples/community-tracker",
        example="../club-site",
    )
    app_keys: Annotated[tuple[str, ...], names()] = setting(
        "The application's own variables whose names look like a misspelt setting; without this they are refused.",
        default="",
        example="LOG_PATHS,NODE_EVN",
    )
    images_may_hold: Annotated[tuple[str, ...], names()] = setting(
        "The application's own variables whose values are no secrets: that an image holds one is no fault.",
        default="",
        example="CLUB_NAME,MAIL_SENDER",
    )
    app_files: Annotated[tuple[str, ...], names()] = setting(
        "The application's own variables that reach the backend as a file, /run/secrets/NAME, which NAME_FILE names: "
        "their values are in no environment.",
        default="",
        example="SESSION_SECRET,SMTP_PASSWORD",
    )
    app_commands: Annotated[tuple[str, ...], names()] = setting(
        "The application's own variables whose value in the file is a command line: what it prints here, on the "
        "workstation, is the value.",
        default="",
        example="SMTP_PASSWORD",
    )
    deployment_path: Annotated[str, host_path()] = setting(
        "Directory on the host that holds releases and state. Default: /opt/ and APP_NAME.",
        default=_below("/opt"),
        example="/srv/club-site",
    )
    log_path: Annotated[str, host_path()] = setting(
        "Directory on the host for the logs of deployments. Default: /var/log/ and APP_NAME.",
        default=_below("/var/log"),
        example="/srv/club-site-logs",
    )
    build_mode: Annotated[Literal["local", "remote"], choice("local", "remote")] = setting(
        "Where images are built: on the workstation, or on the host.",
        default="local",
        example="remote",
    )
    container_runtime: Annotated[Literal["auto", "docker", "finch"], choice("auto", "docker", "finch")] = setting(
        "What builds images on the workstation; auto takes Docker, else Finch.",
        default="auto",
        example="finch",
    )
    node_image: Annotated[str, image()] = setting(
        "Base image of the backend and of the frontend's build.",
        default="node:lts-alpine",
        example="node:22-bookworm-slim",
    )
    nginx_image: Annotated[str, image()] = setting(
        "Base image of the frontend and the edge.", default="nginx:alpine", example="nginx:1.30"
    )
    postgres_image: Annotated[str, image()] = setting(
        "Base image of the database. Data of another major version or C library is refused, never started.",
        default="postgres:15-alpine",
        example="postgres:15-bookworm",
    )
    build_ca_file: Annotated[Path | None, workstation_path("a PEM file", optional=True)] = setting(
        "Certificates to trust while building, behind a proxy that opens TLS. "
        "Handed over as a build secret; in no image.",
        default="",
        example="/etc/ssl/certs/ca-certificates.crt",
    )
    frontend_memory: Annotated[str, size("16m", "1024g", of="memory")] = setting(
        "Memory limit of a frontend container.", default="64m", example="128m"
    )
    backend_memory: Annotated[str, size("64m", "1024g", of="memory")] = setting(
        "Memory limit of a backend container; two run during a deployment.",
        default="512m",
        example="1g",
    )
    database_memory: Annotated[str, size("128m", "1024g", of="memory")] = setting(
        "Memory limit of the database container.", default="512m", example="2g"
    )
    edge_memory: Annotated[str, size("16m", "1024g", of="memory")] = setting(
        "Memory limit of the edge, the nginx that holds the ports. After a renewed certificate its workers are there "
        "twice, for as long as connections of before last.",
        default="128m",
        example="256m",
    )
    keep_releases: Annotated[int, whole(2, 100, of="a number")] = setting(
        "Releases that stay on the host, the active and the previous one among them.",
        default="5",
        example="10",
    )
    health_timeout: Annotated[int, whole(1, 3600, of=_SECONDS)] = setting(
        "How long a new release may take until it is healthy.", default="120", example="300"
    )
    migrate_timeout: Annotated[int, whole(1, 86_400, of=_SECONDS)] = setting(
        "How long the migrations of a release may take, all together, before they are ended and the release fails.",
        default="600",
        example="3600",
    )
    health_retries: Annotated[int, whole(1, 100, of="a number")] = setting(
        "Failed checks in a row after which a container that had answered counts as broken.",
        default="5",
        example="10",
    )
    drain_seconds: Annotated[int, whole(0, 600, of=_SECONDS)] = setting(
        "How long the old release finishes its requests after the switch before it is stopped.",
        default="10",
        example="30",
    )
    min_docker_version: Annotated[str, _VERSION] = setting(
        "Oldest Docker that is accepted on a host.", default="20.10.10", example="26.1.0"
    )
    min_compose_version: Annotated[str, _VERSION] = setting(
        "Oldest Docker Compose that is accepted on a host.", default="2.20.0", example="2.26.0"
    )
    verbose: Annotated[bool, flag()] = setting("Show every command and its output.", default="false", example="true")
