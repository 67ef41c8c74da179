"""Settings of the volumes: where data, socket and certificates lie."""

from __future__ import annotations

from typing import Annotated

from tasks.core.settings.field import Group, setting
from tasks.core.settings.rules import certificate_path, host_path


class Volumes(Group):
    """Say where data, socket and certificates lie."""

    data_path: Annotated[str | None, host_path(optional=True)] = setting(
        "Directory of the host for the database's files; it must exist. Empty: the named volume <APP_NAME>_data. "
        "Changing it later would give an empty database and is refused.",
        default="",
        example="/srv/community-tracker/data",
    )
    socket_path: Annotated[str | None, host_path(optional=True, runtime=True)] = setting(
        "Directory of the host for the database's socket; it must exist. Empty: the named volume <APP_NAME>_socket.",
        default="",
        example="/srv/community-tracker/socket",
    )
    cert_path: Annotated[str | None, certificate_path()] = setting(
        "Directory with fullchain.pem and privkey.pem, as Let's Encrypt names them; needed when ENABLE_HTTPS is true. "
        "It is in no release: renew-certs has another one served.",
        default="",
        example="/etc/letsencrypt/live/example.org",
    )
