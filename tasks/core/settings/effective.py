"""What is in effect on the workstation: every setting with its source, the certificate, and all faults at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tasks.core.application import check_application
from tasks.core.certificates import Certificate, read_certificate
from tasks.core.faults import APPLICATION, Fault, refuse
from tasks.core.settings.compose_files import compose_faults
from tasks.core.settings.reading import missing_paths, not_there_yet, read_settings
from tasks.core.settings.schema import GROUPS, SETTINGS, Settings

DEFAULT = "default"


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
        """Give the table for people: what somebody has set and where, the application's variables, then defaults."""
        rows = {key: (value_text(self.settings, key) or "(empty)", self.settings.sources[key]) for key in SETTINGS}
        chosen = {key: row for key, row in rows.items() if row[1] != DEFAULT}
        rest = {key: row for key, row in rows.items() if row[1] == DEFAULT}
        own = {key: (self._passed(key), self.settings.application_sources[key]) for key in self._own}
        nothing = {"none": ("", "")}
        sections = [
            ("settings that you have set", chosen or nothing),
            ("passed to the application's backend, as they are no settings; values are not shown", own or nothing),
            *self._certificate_section(),
            ("settings at their default", {key: (value, "") for key, (value, _) in rest.items()}),
        ]
        name_width = max(len(name) for _, entries in sections for name in entries)
        value_width = max(len(value) for value, _ in (*chosen.values(), *own.values(), ("", "")))
        lines: list[str] = []
        for title, entries in sections:
            lines += ["", title] if lines else [title]
            for name, (value, source) in entries.items():
                lines.append(f"  {name:<{name_width}}  {value:<{value_width if source else 0}}  {source}".rstrip())
        return tuple(lines)

    @property
    def data(self) -> dict[str, object]:
        """Give the same for `--json`."""
        settings = {
            group: {
                key: {"value": value_text(self.settings, key), "source": self.settings.sources[key]}
                for key, item in SETTINGS.items()
                if item.group == group
            }
            for group in GROUPS
        }
        settings["environment"]["DATABASE_URL"] = {"value": self.settings.database_url, "source": "derived"}
        return {
            "schema": 1,
            "settings": settings,
            "application": {
                key: {
                    "value": "***",
                    "source": self.settings.application_sources[key],
                    "as": "file" if key in self.settings.app_files else "environment",
                    "by": "command" if key in self.settings.commands else "value",
                }
                for key in self._own
            },
            "certificate": _certificate_data(self.certificate),
            "warnings": list(self.warnings),
        }

    @property
    def _own(self) -> list[str]:
        return sorted(self.settings.application)

    def _passed(self, key: str) -> str:
        """Say in which way a variable is passed on; the ordinary one needs no word."""
        ways = [f"file /run/secrets/{key}"] if key in self.settings.app_files else []
        ways += ["by a command"] if key in self.settings.commands else []
        return " ".join(["***", *([f"({', '.join(ways)})"] if ways else [])])

    def _certificate_section(self) -> list[tuple[str, dict[str, tuple[str, str]]]]:
        if self.certificate:
            found = self.certificate
            names = ", ".join(found.names) or found.subject
            entries = {
                "names": (names, ""),
                "days left": (str(found.days_left), ""),
                "SHA-256": (found.fingerprint, ""),
            }
            return [("certificate", entries)]
        if self.settings.enable_https and self.settings.cert_on_host:
            where = f"on the host in {self.settings.cert_on_host}: read there, not here"
            return [("certificate", {"place": (where, "")})]
        return []


def effective_configuration(
    *, root: Path, host: str | None = None, environ: Mapping[str, str], overrides: Mapping[str, str] | None = None
) -> EffectiveConfiguration:
    """Give the effective settings, having checked all that a build needs.

    Settings, the application's sources and the certificates are looked at together: SettingsError names every fault
    of all three. Nothing is changed and nothing contacted; values of the application are not shown.
    """
    reading = read_settings(root=root, host=host, environ=environ, overrides=overrides)
    inputs = build_inputs(reading.settings, root=root, faulty=frozenset(fault.key for fault in reading.faults))
    refuse([*reading.faults, *inputs.faults])
    return EffectiveConfiguration(reading.settings, inputs.certificate)


@dataclass(frozen=True)
class BuildInputs:
    """Hold what is wrong with the files that a build works from, and the certificate where one is asked for."""

    faults: tuple[Fault, ...]
    certificate: Certificate | None


def build_inputs(settings: Settings, *, root: Path, faulty: frozenset[str] = frozenset()) -> BuildInputs:
    """Check paths, the compose files, the application's sources and the certificates; contacts nothing.

    What depends on a setting with a fault of its own (`faulty`) is left out: one mistake, one message.
    """
    faults = [fault for fault in (*missing_paths(settings), *not_there_yet(settings)) if fault.key not in faulty]
    faults += compose_faults(root, settings)
    source = settings.app_source
    if "APP_SOURCE" not in faulty and source.is_dir():
        faults += [Fault(APPLICATION, fault, "", str(source)) for fault in check_application(source)]
    certificate = None
    if settings.enable_https and faulty.isdisjoint({"ENABLE_HTTPS", "CERT_PATH", "SERVER_NAMES"}):
        if settings.cert_path is None:
            form, where = SETTINGS["CERT_PATH"].form.removesuffix(", or empty"), settings.sources["ENABLE_HTTPS"]
            faults.append(Fault("CERT_PATH", "is missing, and ENABLE_HTTPS is true", form, where.removeprefix("file ")))
        elif settings.cert_directory:
            certificate, found = read_certificate(settings.cert_directory, names=settings.server_names)
            faults += found
    return BuildInputs(tuple(faults), certificate)


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
