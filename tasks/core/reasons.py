"""Why a host did not do what it was asked, in the user's words: connections that failed, scripts that ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tasks.core.commands import quote
from tasks.core.errors import DeployError, HostFailed, Locked
from tasks.core.protocols import Answer, Host

CONNECT_SECONDS = 10
"""How long each attempt of a connection may take."""


@dataclass(frozen=True)
class Reason:
    """Why a connection failed, and what to do about it; `{key}` and `{name}` stand for what the host showed."""

    why: str
    remedy: str = ""

    def of(self, *, key: str = "", name: str = "") -> Reason:
        """Put in a key's fingerprint, and the name that known_hosts has for the host."""
        words = {"key": key, "name": quote(name), "scanned": _scanned(name)}
        return Reason(self.why.format(**words), self.remedy.format(**words))


class ConnectionReason(Enum):
    """Every reason that we can tell from the others."""

    KEY_CHANGED = Reason(
        "its host key has changed: it shows {key}, another one is known",
        "if the host was made anew: ssh-keygen -R {name}, then try again",
    )
    KEY_UNKNOWN = Reason(
        "its {key} is unknown, and SSH_HOST_KEYS is strict",
        "compare the key, then: ssh-keyscan {scanned} >> ~/.ssh/known_hosts",
    )
    PASSPHRASE = Reason("the private key has a passphrase", "add it to an agent: ssh-add")
    LOGIN_SILENT = Reason(
        f"the login was not answered within {CONNECT_SECONDS} s", "try again; the host may be overloaded"
    )
    LOGIN_REFUSED = Reason(
        "the login was refused (no key that it accepts)", "check the user, and authorized_keys on the host"
    )
    NO_KEY = Reason(
        "there is no key and no agent to log in with", "ssh-add -l shows the agent's keys; ssh-keygen makes one"
    )
    NO_SSH = Reason(f"nothing there spoke SSH within {CONNECT_SECONDS} s", "check the port, and what listens there")
    NAME_UNKNOWN = Reason("the name is unknown", "check the spelling, DNS, or ~/.ssh/config")
    SILENT = Reason(f"no answer within {CONNECT_SECONDS} s", "check the address and the firewall")
    REFUSED = Reason("the connection was refused: nothing listens there", "check that sshd runs, and the port")


def _scanned(name: str) -> str:
    """Write a name of known_hosts, `web1` or `[web1]:2222`, as the arguments of ssh-keyscan."""
    host, _, port = name.removeprefix("[").partition("]:")
    return f"-p {port} {host}" if port else name


PLACE = "fab -H HOST"
"""How host scripts, which do not know what was typed, write a command to type."""

_NEXT = "  next: "
_ERROR = "error: "


def typed(text: str, target: str) -> str:
    """Put the host as -H named it into the commands that a host script gives."""
    return text.replace(PLACE, f"fab -H {target}").replace("   (on a workstation)", "")


def refusal(answer: Answer) -> tuple[str, str]:
    """Find what a host script refused, and the next command that it gives (scripts/host/report.sh, `refuse`).

    Both are empty when it did not end with a refusal.
    """
    for place in range(len(answer.talk) - 1, 0, -1):
        if answer.talk[place].startswith(_NEXT):
            rest = (answer.talk[place].removeprefix(_NEXT), *(line.strip() for line in answer.talk[place + 1 :]))
            return answer.talk[place - 1].strip().removeprefix(_ERROR), "; ".join(rest)
    if answer.talk and answer.talk[-1].startswith(_ERROR):
        return answer.talk[-1].removeprefix(_ERROR), ""
    return "", ""


def script_failure(host: Host, command: str, answer: Answer) -> DeployError:
    """Turn an unexpected exit code into the error it stands for: 2 usage, 3 unsupported host, 4 locked."""
    if answer.exit_code == 4:
        holder = answer.value("holder") or "somebody else"
        return Locked(f"{host.name} is locked by {holder}", remedy="try again when it has ended, or add --wait SECONDS")
    what, remedy = refusal(answer)
    if answer.exit_code < 0 and not what:
        what, remedy = f"{command} was ended from outside", "the same again: it finishes or undoes what was cut off"
    error = HostFailed(
        f"{host.name}: {what}" if what else f"{command} failed on {host.name} with exit code {answer.exit_code}",
        detail="" if what else "\n".join(answer.talk[-20:] or answer.lines[-10:]),
        remedy=typed(remedy, host.target)
        or f"mend what it says, then run the command again; fab -H {host.target} doctor checks the host",
    )
    if answer.exit_code in (2, 3):
        error.exit_code = answer.exit_code
    return error
