"""Every way this tool can fail, one class a phase, each with its exit code.

DeployError                 1
├── UsageError              2   the command line or the settings are refused; nothing was contacted
│   ├── SettingsError       2   all faults of the settings and the application's sources at once
│   └── RuntimeMissing      2   no container runtime on the workstation, or it does not work
├── ConnectionFailed        1   the host could not be reached, or did not let us in
├── HostNotReady            1   the user lacks a right there, or a port is taken: nothing was changed
├── IdentityChanged         2   the settings belong to another database than the host's
├── NothingDeployed         1   the host has nothing yet of what was asked for
├── UnsupportedHost         3   operating system, engine or Compose are not what we can work with
├── Locked                  4   somebody else is deploying
├── BuildFailed             1
├── SecretInImage           1   an image holds a secret: it is not sent anywhere
├── InstallFailed           1   Docker or Compose could not be installed, or does not start
├── ShipFailed              1   transfer or verification of images
├── HostFailed              1   a script on the host ended with an exit code that the caller did not accept
├── ActivationFailed        1   the new release did not come up; the old one still serves
└── Interrupted           130   Ctrl-C or SIGTERM
"""

from __future__ import annotations

from collections.abc import Mapping


class DeployError(Exception):
    """Say what was tried, where, what came back and what to do next."""

    exit_code = 1
    is_detail_shown = False
    """Whether the person has seen the detail already, line by line as it came."""
    failure: Mapping[str, object] | None = None
    """The whole report of a failed activation, for --json."""

    def __init__(self, what: str, *, detail: str = "", now: str = "", remedy: str = "") -> None:
        """Keep the one-line `what`, the lines that came back, how things stand now, and the next command to type."""
        super().__init__(what)
        self.what = what
        self.detail = detail
        self.now = now
        self.remedy = remedy

    def __str__(self) -> str:
        """Give the whole message: what, what came back, what next."""
        parts = [self.what]
        if self.detail and not self.is_detail_shown:
            parts.append("\n".join("    " + line for line in self.detail.rstrip().splitlines()))
        if self.now:
            parts.append("  now: " + self.now)
        if self.remedy:
            parts.append("  next: " + self.remedy)
        return "\n".join(parts)


class UsageError(DeployError):
    """Refuse a command line; nothing was contacted."""

    exit_code = 2


class SettingsError(UsageError):
    """Refuse settings or an application's sources, naming every fault."""


class RuntimeMissing(UsageError):
    """Report that no container runtime works on this workstation."""


class ConnectionFailed(DeployError):
    """Report a host that cannot be reached or does not let us in."""


class HostNotReady(DeployError):
    """Refuse a host where something has to be allowed or freed first; nothing was changed."""


class IdentityChanged(DeployError):
    """Refuse settings that would give another database than the one that is on the host; nothing was changed."""

    exit_code = 2


class NothingDeployed(DeployError):
    """Report a host that has nothing yet of what was asked for; nothing was changed."""


class UnsupportedHost(DeployError):
    """Refuse a host whose system, engine or Compose we cannot work with."""

    exit_code = 3


class Locked(DeployError):
    """Report that another deployment holds the host's lock."""

    exit_code = 4


class BuildFailed(DeployError):
    """Report a failed image build, with the builder's last lines."""


class SecretInImage(DeployError):
    """Refuse images that hold a secret, naming the secret and where it is, never its value; nothing was sent."""


class InstallFailed(DeployError):
    """Report a failed installation of Docker, with the command, its output and the manual way."""


class ShipFailed(DeployError):
    """Report images that did not arrive, or did not verify, on the host."""


class HostFailed(DeployError):
    """Report a host script that ended with an exit code nobody expected."""


class ActivationFailed(DeployError):
    """Report a release that did not come up; the old one still serves."""


class Interrupted(DeployError):
    """Report a task that was ended by Ctrl-C or SIGTERM, and what becomes of what it had begun."""

    exit_code = 130
