"""What is in effect on the workstation: every setting with its source, the certificate, and all faults at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from tasks.core.application import check_application
from tasks.core.certificates import Certificate, read_certificate
from tasks.core.env_files import Fault
from tasks.core.setting_fields import SETTINGS, Group
from tasks.core.settings import Reading, Settings, missing_paths, read_settings, refuse


@dataclass(frozen=True)
class EffectiveConfiguration:
    """Hold what is in effect, without the application's values."""

    settings: Settings
    certificate: Certificate | None

    @property
    def warnings(self) -> tuple[str, ...]:
        """Give what is accepted and still worth a look."""
        return self.settings.warnings + (self.certificate.warnings if self.certificate else ())

    @property
    def lines(self) -> tuple[str, ...]:
        """Give the table for people: setting, value, source, group by group."""
        values = {key: value_text(self.settings, key) for key in SETTINGS}
        width, wide = max(map(len, values)), max(min(len(value), 50) for value in values.values())
        lines: list[str] = []
        for group in get_args(Group):
            lines += ["", group] if lines else [group]
            for key in (key for key, item in SETTINGS.items() if item.group == group):
                lines.append(f"  {key:<{width}}  {values[key]:<{wide}}  {self.settings.sources[key]}")
        lines += ["", "passed to the application, as they are"]
        lines += [f"  {key:<{width}}  {'***':<{wide}}  {self.settings.application_sources[key]}" for key in self._own]
        lines += ["  nothing"] if not self._own else []
        return (*lines, *self._certificate_lines())

    @property
    def data(self) -> dict[str, object]:
        """Give the same for `--json`."""
        settings = {
            group: {
                key: {"value": value_text(self.settings, key), "source": self.settings.sources[key]}
                for key, item in SETTINGS.items()
                if item.group == group
            }
            for group in get_args(Group)
        }
        settings["environment"]["DATABASE_URL"] = {"value": self.settings.database_url, "source": "derived"}
        return {
            "schema": 1,
            "settings": settings,
            "application": {
                key: {"value": "***", "source": self.settings.application_sources[key]} for key in self._own
            },
            "certificate": _certificate_data(self.certificate),
            "warnings": list(self.warnings),
        }

    @property
    def _own(self) -> list[str]:
        return sorted(self.settings.application)

    def _certificate_lines(self) -> list[str]:
        if self.certificate:
            found = self.certificate
            names = ", ".join(found.names) or found.subject
            return ["", "certificate", f"  {names}: {found.days_left} days left, SHA-256 {found.fingerprint}"]
        if self.settings.enable_https and self.settings.cert_on_host:
            return ["", "certificate", f"  on the host in {self.settings.cert_on_host}: read there, not here"]
        return []


def effective_configuration(
    *, root: Path, host: str | None = None, environ: Mapping[str, str], overrides: Mapping[str, str] | None = None
) -> EffectiveConfiguration:
    """Give the effective settings, having checked all that a build needs.

    Settings, the application's sources and the certificates are looked at together: SettingsError names every fault
    of all three. Nothing is changed and nothing contacted; values of the application are not shown.
    """
    reading = read_settings(root=root, host=host, environ=environ, overrides=overrides)
    faults = [*reading.faults, *_path_faults(reading)]
    certificate = None
    if reading.settings.enable_https and reading.settings.cert_directory and reading.sound("ENABLE_HTTPS", "CERT_PATH"):
        certificate, found = read_certificate(reading.settings.cert_directory)
        faults += found
    refuse(faults)
    return EffectiveConfiguration(reading.settings, certificate)


def _path_faults(reading: Reading) -> list[Fault]:
    faults = [fault for fault in missing_paths(reading.settings) if reading.sound(fault.key)]
    source = reading.settings.app_source
    if reading.sound("APP_SOURCE") and source.is_dir():
        faults += [Fault("application", fault, "", str(source)) for fault in check_application(source)]
    return faults


def value_text(settings: Settings, key: str) -> str:
    """Write a setting's effective value as it would stand in the file."""
    value = getattr(settings, key.lower())
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(value)
    return "" if value is None else str(value)


def _certificate_data(certificate: Certificate | None) -> dict[str, object] | None:
    if certificate is None:
        return None
    return {
        "subject": certificate.subject,
        "names": list(certificate.names),
        "not_before": certificate.not_before.isoformat(),
        "not_after": certificate.not_after.isoformat(),
        "days_left": certificate.days_left,
        "fingerprint": certificate.fingerprint,
        "self_signed": certificate.self_signed,
    }
