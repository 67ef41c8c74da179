"""Settings of security: users, modes, host keys."""

from __future__ import annotations

from typing import Annotated, Literal

from tasks.core.settings.field import Group, setting
from tasks.core.settings.rules import choice, matching, whole

_USER_ID = whole(1000, 60000, of="a number that no system account has")


class Security(Group):
    """Say who runs the backend, and which hosts are believed."""

    api_user_uid: Annotated[int, _USER_ID] = setting(
        "User id of the backend's process; no account of the host may have it. "
        "Cannot change after the first deployment.",
        default="1001",
        example="2001",
    )
    api_user_gid: Annotated[int, _USER_ID] = setting(
        "Group id that backend and database share on the socket.", default="1001", example="2001"
    )
    socket_permissions: Annotated[
        str, matching(r"0[67][67]0", "four octal digits: read and write for owner and group, nothing for others")
    ] = setting("Mode of the database's socket.", default="0770", example="0660")
    ssh_host_keys: Annotated[Literal["accept-new", "strict"], choice("accept-new", "strict")] = setting(
        "What to do with a host whose key is not known yet: record it with a warning, or refuse. "
        "A changed key is always refused.",
        default="accept-new",
        example="strict",
    )
