"""Everything a deployment needs, looked at before one: the workstation and a host."""

from __future__ import annotations

from collections.abc import Iterator

from tasks.core.application import check_application
from tasks.core.certificates import days_text, read_certificate
from tasks.core.checks import Check, host_checks, identity_checks
from tasks.core.errors import DeployError
from tasks.core.identity import Server
from tasks.core.image_inputs import base_images
from tasks.core.protocols import Host, Outcome
from tasks.core.settings import Settings
from tasks.core.workspace import Workspace
from tasks.hosts import read_facts
from tasks.image_store import ImageStore
from tasks.runtime import find_runtime


def doctor(host: Host, work: Workspace) -> Outcome:
    """Check everything that a deployment needs, here and on a host.

    Changes nothing. Each line that fails has its remedy; exit code 1 when one fails. `?` marks what cannot be known.
    """
    checks = [_application(work.settings), *_certificate(work.settings), *_runtime(work)]
    for check in checks:
        work.console.say(str(check))
    facts = read_facts(host, work)
    reached = Check("connection", True, f"{host.name} ({host.address})")
    server = _server(work) if "major" in facts.data else None
    identity = identity_checks(facts, work.settings, host=host.name, target=host.target, server=server)
    for check in (found := [reached, *host_checks(facts, work.settings, target=host.target), *identity]):
        work.console.say(str(check))
    checks += found
    failed = [check for check in checks if check.passed is False]
    unknown = ", ".join(check.name for check in checks if check.passed is None)
    ready = f"ready to deploy, as far as can be seen; not known: {unknown}" if unknown else "ready to deploy"
    summary = f"{host.name}: {f'{len(failed)} of {len(checks)} checks failed' if failed else ready}"
    data = {"checks": [{"name": c.name, "passed": c.passed, "found": c.found, "remedy": c.remedy} for c in checks]}
    return Outcome(False, summary, data=data, exit_code=1 if failed else 0)


def _application(settings: Settings) -> Check:
    faults = check_application(settings.app_source)
    return Check("application", not faults, "; ".join(faults) or str(settings.app_source), "see docs/application.md")


def _certificate(settings: Settings) -> Iterator[Check]:
    """Check the pair of CERT_PATH on this workstation, where one is asked for."""
    if settings.enable_https and settings.cert_directory:
        certificate, faults = read_certificate(settings.cert_directory, names=settings.server_names)
        found = "; ".join(
            [*certificate.warnings, f"{days_text(certificate.days_left)} left"] if certificate else map(str, faults)
        )
        yield Check("CERT_PATH", not faults, found, "fab check-config names each fault and what is accepted")


def _runtime(work: Workspace) -> Iterator[Check]:
    try:
        found = find_runtime(work)
    except DeployError as error:
        yield Check("container runtime", False, error.what, error.remedy)
        return
    yield Check("container runtime", True, f"{found.name} {found.version}")
    yield from _base_images(work, ImageStore(work.workstation, found), found.name)


def _base_images(work: Workspace, store: ImageStore, runtime: str) -> Iterator[Check]:
    """Look for each here, and for what is not here in its registry."""
    wanted = base_images(work.settings)
    there = store.inspect(*wanted)
    if here := [tag for tag in wanted if tag in there]:
        yield Check("base images", True, f"here: {', '.join(here)}")
    for tag, setting in wanted.items():
        if tag in there:
            continue
        with work.console.progress(f"asking the registry for {tag}"):
            fault = store.lookup_fault(tag)
        if fault:
            remedy = f"{runtime} pull {tag} tries it, and shows more; or set {setting} to an image that is here"
            yield Check("base image", None, f"{tag} ({setting}) is not here, nor found in a registry: {fault}", remedy)
        else:
            yield Check("base image", True, f"{tag} ({setting}) is in its registry, the next build pulls it")


def _server(work: Workspace) -> Server | None:
    """Ask the database's base image what it runs; nothing where it is not here: a deployment asks what it has built."""
    try:
        store = ImageStore(work.workstation, find_runtime(work))
    except DeployError:
        return None
    base = work.settings.postgres_image
    return store.server(base) if base in store.inspect(base) else None
