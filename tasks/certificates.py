"""The certificate that a host serves: sending it there, and having it served."""

from __future__ import annotations

from tasks.core.certificates import Certificate, certificate_archive, load_certificate
from tasks.core.errors import SettingsError, UsageError
from tasks.core.facts import HostFacts
from tasks.core.protocols import Host, Outcome
from tasks.core.reasons import script_failure
from tasks.core.settings import Settings
from tasks.core.workspace import Workspace
from tasks.hosts import Lock, held, host_parameters, require_engine


def renew_certs(host: Host, work: Workspace, *, wait: int = 0) -> Outcome:
    """Have the host serve the certificate that is in CERT_PATH now.

    Checked here and there, then read anew by the edge that runs: no container is replaced, no connection cut, and it is
    seen over TLS that the new one is served; if it is not, the old one is put back. Undo: the old files in CERT_PATH,
    and renew-certs again.
    """
    if not work.settings.enable_https:
        raise UsageError(
            "ENABLE_HTTPS is false: there is no certificate to renew", remedy="set it to true, then fab deploy"
        )
    certificate = local_certificate(work.settings)
    with held(host, work, "renew-certs", wait=wait) as lock:
        require_engine(host, work, lock.facts)
        send_certificate(host, work, certificate, lock.facts)
        return renew(host, lock)


def local_certificate(settings: Settings) -> Certificate | None:
    """Read the certificate of CERT_PATH on this workstation; None without HTTPS, or where CERT_PATH is on the host.

    Raises SettingsError with every fault.
    """
    if not settings.enable_https or settings.cert_on_host:
        return None
    if settings.cert_directory is None:
        raise SettingsError(
            "CERT_PATH is not set, and ENABLE_HTTPS is true", remedy="fab check-config says what it may be"
        )
    return load_certificate(settings.cert_directory, names=settings.server_names)


def send_certificate(host: Host, work: Workspace, certificate: Certificate | None, facts: HostFacts) -> bool:
    """Send the pair to a host that has another one, or none; it is served by the next activation, or `renew`.

    Under the host's lock. Gives whether it was sent.
    """
    if certificate is None or certificate.pair == (facts.certificate.staged or facts.certificate.pair):
        return False
    directory = work.settings.cert_directory
    assert directory is not None  # noqa: S101  (where the certificate was read)
    host.run(
        "receive-certificate",
        certificate.pair,
        parameters=host_parameters(work.settings, "push-config"),
        source=[certificate_archive(directory)],
        listen=work.console.detail,
    )
    return True


def renew(host: Host, lock: Lock) -> Outcome:
    """Order the renewal, and report how it ended; HostFailed when the certificate that was served still is."""
    answer = lock.order("renew-certs")
    if answer.exit_code:
        raise script_failure(host, "renew-certs", answer)
    names, until = answer.value("names").replace(",", ", "), answer.value("until")
    keys = ("fingerprint", "names", "until", "source")
    data = {key: answer.value(key) for key in keys}
    if answer.value("changed") == "no":
        return Outcome(
            False, f"{host.name}: already so, the certificate for {names} is served until {until}", data=data
        )
    return Outcome(True, f"{host.name}: the certificate for {names} is served, until {until}", data=data)
