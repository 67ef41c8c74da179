"""The certificate that a host serves, as its facts say: how long it lasts, and whether another one is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tasks.core.certificates import WARN_DAYS, Certificate, days_text

_DAY = 86_400


@dataclass(frozen=True)
class HostCertificate:
    """What DEPLOYMENT_PATH/certificate has of it (scripts/host/certificates.sh); empty where there is none.

    `pair` names certificate and chain, `until` is its end in ISO 8601, `not_after` the same in seconds since the epoch.
    `staged` was sent and is not served yet; `path` is what CERT_PATH=host:… has now, `path_fault` why that cannot be
    used.
    """

    pair: str = ""
    fingerprint: str = ""
    names: tuple[str, ...] = ()
    not_after: int = 0
    until: str = ""
    installed: str = ""
    source: str = ""
    staged: str = ""
    path: str = ""
    path_fault: str = ""

    def days_left(self, now: int) -> int:
        """Give the whole days until its end; negative once that has passed."""
        return (self.not_after - now) // _DAY

    def is_expired(self, now: int) -> bool:
        """Tell whether its end has passed."""
        return bool(self.pair) and self.not_after <= now

    def is_short(self, now: int) -> bool:
        """Tell whether its end is near enough for a warning."""
        return bool(self.pair) and self.days_left(now) < WARN_DAYS

    def text(self, now: int) -> str:
        """Say for whom it is, and how long it lasts."""
        names = ", ".join(self.names) or "no name"
        if self.is_expired(now):
            return f"{names}, EXPIRED on {self.until}"
        return f"{names}, {days_text(self.days_left(now))} left, until {self.until}"

    def as_json(self, now: int) -> dict[str, object] | None:
        """Give a form for --json."""
        if not self.pair:
            return None
        return {
            "names": list(self.names),
            "fingerprint": self.fingerprint,
            "until": self.until,
            "days_left": self.days_left(now),
            "installed": self.installed,
            "source": self.source,
        }


def parse_host_certificate(facts: Mapping[str, str]) -> HostCertificate:
    """Read the host's facts `certificate.…`."""
    not_after = facts.get("not_after", "")
    texts = ("pair", "fingerprint", "until", "installed", "source", "staged", "path", "path_fault")
    return HostCertificate(
        names=tuple(facts.get("names", "").split(",")) if facts.get("names") else (),
        not_after=int(not_after) if not_after.isdecimal() else 0,
        **{key: facts.get(key, "") for key in texts},
    )


def certificate_change(found: HostCertificate, wanted: Certificate | None) -> str:
    """Say what another certificate would change; nothing where the host serves the one that is wanted.

    `wanted` is the workstation's; None where CERT_PATH is on the host.
    """
    pair = wanted.pair if wanted else found.path
    if not pair:
        return ""
    if pair == found.pair:
        is_left = wanted is not None and found.staged not in ("", pair)
        return "certificate: another one was pushed and never served: it is dropped" if is_left else ""
    which = "what CERT_PATH has on the host"
    if wanted:
        which = f"{', '.join(wanted.names)}, {days_text(wanted.days_left)} left"
    if not found.pair:
        return f"certificate: the first one: {which}"
    return f"certificate: another one than is served: {which}; the edge reads it anew, and nobody notices"
