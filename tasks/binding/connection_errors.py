"""Which reason stands behind an error of paramiko, of a socket or of name resolution."""

from __future__ import annotations

import socket

import paramiko

from tasks.binding.host_keys import UnknownHostKey, fingerprint
from tasks.core.reasons import ConnectionReason, Reason

_NO_SSH = ("No existing session", "Error reading SSH protocol banner")  # which of them is a race in paramiko


def explain(error: BaseException) -> Reason:
    """Say in the user's words why a connection failed, and what to do about it."""
    match error:
        case paramiko.BadHostKeyException():
            return ConnectionReason.KEY_CHANGED.value.of(key=fingerprint(error.key), name=error.hostname)
        case UnknownHostKey():
            key = f"{error.key.get_name()} key {fingerprint(error.key)}"
            return ConnectionReason.KEY_UNKNOWN.value.of(key=key, name=error.name)
        case paramiko.SSHException():
            found = _of_ssh(error)
        case _:
            found = _of_network(error)
    return found.value if found else Reason(_text(error))


def _of_ssh(error: paramiko.SSHException) -> ConnectionReason | None:
    match error:
        case paramiko.PasswordRequiredException():
            return ConnectionReason.PASSPHRASE
        case paramiko.AuthenticationException():
            is_silent = "timeout" in str(error).lower()
            return ConnectionReason.LOGIN_SILENT if is_silent else ConnectionReason.LOGIN_REFUSED
    if "No authentication methods" in str(error):
        return ConnectionReason.NO_KEY
    return ConnectionReason.NO_SSH if any(sign in str(error) for sign in _NO_SSH) else None


def _of_network(error: BaseException) -> ConnectionReason | None:
    match error:
        case socket.gaierror() | UnicodeError():
            return ConnectionReason.NAME_UNKNOWN
        case TimeoutError():
            return ConnectionReason.SILENT
        case paramiko.ssh_exception.NoValidConnectionsError():
            return _of_network(next(iter(error.errors.values())))
        case ConnectionRefusedError():
            return ConnectionReason.REFUSED
    return None


def _text(error: BaseException) -> str:
    if isinstance(error, paramiko.ssh_exception.NoValidConnectionsError):
        return _text(next(iter(error.errors.values())))
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
