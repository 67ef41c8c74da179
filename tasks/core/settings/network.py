"""Settings of the network: the ports of the host, and what comes in and goes out."""

from __future__ import annotations

from typing import Annotated

from tasks.core.settings.field import Group, setting
from tasks.core.settings.rules import flag, host_names, size, whole


class Network(Group):
    """Say where the application answers, and what passes."""

    http_port: Annotated[int, whole(1, 65535, of="a port")] = setting(
        "Port of the host on which the application answers over HTTP.", default="80", example="8080"
    )
    https_port: Annotated[int, whole(1, 65535, of="a port")] = setting(
        "Port of the host for HTTPS; used when ENABLE_HTTPS is true.", default="443", example="8443"
    )
    enable_https: Annotated[bool, flag()] = setting(
        "Serve HTTPS with the certificates of CERT_PATH.", default="false", example="true"
    )
    https_redirect: Annotated[bool, flag()] = setting(
        "Whether HTTP sends everybody on to HTTPS; false serves the application over both. "
        "Used when ENABLE_HTTPS is true.",
        default="true",
        example="false",
    )
    hsts_seconds: Annotated[int, whole(0, 63_072_000, of="seconds")] = setting(
        "How long browsers remember to ask over HTTPS alone (Strict-Transport-Security); 0: they are not told. "
        "They cannot be told otherwise before it has passed. Used when ENABLE_HTTPS is true.",
        default="0",
        example="31536000",
    )
    server_names: Annotated[tuple[str, ...], host_names()] = setting(
        "Names under which the application is reached: the certificate must be for all of them. Empty: not checked. "
        "Used when ENABLE_HTTPS is true.",
        default="",
        example="example.org,www.example.org",
    )
    client_max_body_size: Annotated[str, size("1k", "64g", of="a size")] = setting(
        "Largest request body that is let through to the application.", default="10m", example="100m"
    )
    backend_egress: Annotated[bool, flag()] = setting(
        "Whether the backend may open connections to the outside (mail, other services); "
        "false makes its network internal.",
        default="true",
        example="false",
    )
