"""Host keys are verified: known ones from the user's files, unknown ones by SSH_HOST_KEYS, changed ones never."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import paramiko
from fabric import Connection

Warn = Callable[[str], None]


def fingerprint(key: paramiko.PKey) -> str:
    """Write a key's SHA256 as OpenSSH does."""
    digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"


class UnknownHostKey(paramiko.SSHException):
    """Refuse a host whose key is in no file, under SSH_HOST_KEYS=strict."""

    def __init__(self, name: str, key: paramiko.PKey) -> None:
        """Keep what the message needs."""
        super().__init__(f"the {key.get_name()} key {fingerprint(key)} of {name} is unknown")
        self.name, self.key = name, key


class _Refuse(paramiko.MissingHostKeyPolicy):
    def missing_host_key(self, _client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        raise UnknownHostKey(hostname, key)


class _Record(paramiko.MissingHostKeyPolicy):
    def __init__(self, file: Path, warn: Warn) -> None:
        self._file, self._warn = file, warn

    def missing_host_key(self, _client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._file, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "a") as file:
            file.write(f"{hostname} {key.get_name()} {key.get_base64()}\n")
        self._warn(f"{hostname} was not known: its {key.get_name()} key {fingerprint(key)} is now in {self._file}")


def verify_host_keys(connection: Connection, *, strict: bool, warn: Warn) -> None:
    """Load the known hosts that ssh would use, and set what happens to unknown ones, before a connection is opened.

    paramiko refuses a changed key by itself once the known ones are loaded (BadHostKeyException).
    """
    client = connection.client
    # several files in one line, as ssh_config(5) UserKnownHostsFile allows
    user_files = [
        Path(name).expanduser() for name in _option(connection, "userknownhostsfile", "~/.ssh/known_hosts").split()
    ]
    files = [*user_files, *map(Path, _option(connection, "globalknownhostsfile", "/etc/ssh/ssh_known_hosts").split())]
    for file in files:
        if file.is_file():
            client.load_system_host_keys(str(file))
    client.set_missing_host_key_policy(_Refuse() if strict else _Record(user_files[0], warn))


def _option(connection: Connection, name: str, default: str) -> str:
    return str(connection.ssh_config.get(name, default))
