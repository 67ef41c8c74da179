"""Every setting, in one place: name, group, rule, default, what it is for.

Validation, `env.example` and `docs/settings.md` all come from this model. The groups are the seed's
(`DeploymentConfiguration`) and one more, deployment, for what the seed leaves to the command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from tasks.core.secret import Secret
from tasks.core.settings.commands import ValueCommand
from tasks.core.settings.deployment import Deployment
from tasks.core.settings.environment import Environment
from tasks.core.settings.field import Group
from tasks.core.settings.network import Network
from tasks.core.settings.rules import Rule
from tasks.core.settings.security import Security
from tasks.core.settings.volumes import Volumes

GROUPS: Mapping[str, type[Group]] = {
    "network": Network,
    "volumes": Volumes,
    "environment": Environment,
    "security": Security,
    "deployment": Deployment,
}
"""The groups by name, in the order of the documentation."""

SOCKET_DIRECTORY = "/var/run/postgresql"
"""Where backend and database see the socket volume."""


# The last base comes first: pydantic takes the fields, and so the faults, from there.
class Settings(Deployment, Security, Environment, Volumes, Network):
    """Hold every effective setting, the application's own values, and where each came from."""

    # not in the file under names of their own
    application: Mapping[str, Secret] = Field(default_factory=dict)
    sources: Mapping[str, str] = Field(default_factory=dict, repr=False)
    application_sources: Mapping[str, str] = Field(default_factory=dict, repr=False)
    commands: Mapping[str, ValueCommand] = Field(default_factory=dict, repr=False)
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
    group: str
    about: str
    default: str
    form: str
    example: str


def _described() -> dict[str, Setting]:
    found = {}
    for group, part in GROUPS.items():
        for name, field in part.model_fields.items():
            extra = field.json_schema_extra
            example = str(extra["example"]) if isinstance(extra, dict) else ""
            rule = next(item for item in field.metadata if isinstance(item, Rule))
            default = str(field.get_default(call_default_factory=True, validated_data={}))
            key = name.upper()
            found[key] = Setting(key, group, field.description or "", default, rule.form, example)
    return found


SETTINGS: Mapping[str, Setting] = _described()
"""Every setting by its name in the file, in the order of the documentation."""
