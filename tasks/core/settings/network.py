"""Settings of the network: the ports of the host, and what comes in and goes out."""

from __future__ import annotations

from typing import Annotated

from tasks.core.settings.field import Group, setting
from tasks.core.settings.rules import flag, size, whole


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
    client_max_body_size: Annotated[str, size("1k", "64g", of="a size")] = setting(
        "Largest request body that is let through to the application.", default="10m", example="100m"
    )
    backend_egress: Annotated[bool, flag()] = setting(
        "Whether the backend may open connections to the outside (mail, other services); "
        "false makes its network internal.",
        default="true",
        example="false",
    )
