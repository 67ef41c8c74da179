"""What `status` says of a host, from its facts alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict

from tasks.core.activation import release_to_bring_up
from tasks.core.facts import SERVICES, HostContainer, HostFacts
from tasks.core.logins import host_of
from tasks.core.plan import unhealthy
from tasks.core.reasons import typed
from tasks.core.units import counted

_UNCHECKED = "unchecked"


def status_lines(facts: HostFacts, target: str) -> Iterator[str]:
    """Write containers, releases and what is going on, a line each; `target` is the host as -H named it."""
    for one in _shown(facts):
        yield f"  {one.service:<9} {one.slot:<9} {one.state:<10} {_health(one):<10} {one.release or '-'}"
    if any(_health(one) == _UNCHECKED for one in facts.serving):
        yield (f"  {_UNCHECKED}: Docker's own first check after the start is to come; fab -H {target} verify asks now")
    if not facts.engine.version:
        why = facts.engine.error or "it is not installed"
        yield f"  docker does not answer ({why}): containers are not shown"
    yield from (f"  {service}: {why}" for service, why in _faults(facts).items())
    for release in facts.releases:
        yield f"  release {release.name}  {release.status}"
    yield from _certificate(facts, target)
    if facts.unfinished:
        yield f"  an activation was cut off at {facts.unfinished}: the next deploy or up finishes or undoes it"
    if facts.maintenance:
        message = facts.maintenance.get("message")
        yield f"  maintenance is on since {facts.maintenance.get('since')}{f': {message}' if message else ''}"
        yield f"  everybody gets 503; fab -H {target} maintenance --off opens the application again"
    if facts.is_locked:
        yield f"  lock: {facts.lock}"


def _certificate(facts: HostFacts, target: str) -> Iterator[str]:
    """Say how long the certificate lasts; near its end also what to do."""
    if not facts.has_https or not facts.certificate.pair:
        return
    is_short = facts.certificate.is_short(facts.now)
    remedy = f"; renew it, then fab -H {target} renew-certs" if is_short else ""
    yield f"  certificate {facts.certificate.text(facts.now)}{remedy}"


def _faults(facts: HostFacts) -> Mapping[str, str]:
    """Give what is wrong, by service; of the database why its data is not there, where that is known."""
    found = facts.faults if facts.active else {}
    return {**found, "database": facts.database_fault} if facts.database_fault else found


def _shown(facts: HostFacts) -> list[HostContainer]:
    """Give what serves, or all there is when nothing does; the platform first."""
    shown = facts.serving if facts.active else facts.containers
    return sorted(shown, key=lambda one: (one.slot != "platform", one.slot, one.service))


def _health(container: HostContainer) -> str:
    """Give Docker's verdict; `starting` is none: it lasts until the first check, also where a switch has made ours."""
    return _UNCHECKED if container.health == "starting" else container.health or "-"


def status_title(facts: HostFacts) -> str:
    """Say in one line what serves."""
    if facts.active is None:
        kept = counted(len(facts.releases), "release")
        return f"nothing serves, {kept} kept" if facts.releases else "nothing deployed yet"
    if not facts.engine.version:
        return (
            f"docker does not answer: whether {facts.active.name} serves from slot {facts.served_slot} cannot be seen"
        )
    where = f"{facts.active.name} serves from slot {facts.served_slot}"
    if facts.maintenance:
        where += f", under maintenance since {facts.maintenance.get('since')}"
    if is_certificate_expired(facts):
        where += ", its certificate has EXPIRED"
    bad = unhealthy(facts)
    return f"{where}, not healthy: {', '.join(bad)}" if bad else where


def is_certificate_expired(facts: HostFacts) -> bool:
    """Tell whether what serves presents a certificate that nobody takes any more."""
    return facts.has_https and facts.certificate.is_expired(facts.now)


def next_command(facts: HostFacts, target: str) -> str:
    """Give the command to type when nothing serves or something is not healthy; nothing when all is well."""
    fab = f"fab -H {target}"
    if facts.database_fault:
        return typed(facts.database_next, target)
    if facts.active and not facts.engine.version:
        return f"{fab} doctor says why; deploy starts docker, where it may"
    if facts.active:
        if unhealthy(facts):
            return f"{fab} logs shows why; {fab} up starts it again"
        return f"put a new one into CERT_PATH, then {fab} renew-certs" if is_certificate_expired(facts) else ""
    return _way_up(facts, fab)


def _way_up(facts: HostFacts, fab: str) -> str:
    choice = release_to_bring_up(facts)
    is_data_gone = choice is not None and choice.status == "retired" and not facts.identity  # after `down --volumes`
    if choice is None or is_data_gone:
        return f"{fab} deploy"
    if choice.status == "failed":
        return f"{fab} logs --service deploy shows why {choice.name} failed; mend it, then {fab} deploy"
    return f"{fab} up brings {choice.name} {'back' if choice.status == 'retired' else 'up'}"


def status_data(facts: HostFacts, target: str) -> dict[str, object]:
    """Give a form for --json, the same whatever serves; `health` is Docker's own word."""
    keys = ("service", "slot", "state", "health", "release")
    containers = [{key: each for key, each in asdict(one).items() if key in keys} for one in _shown(facts)]
    return {
        "active": facts.active.name if facts.active else None,
        "slot": facts.served_slot,
        "previous": facts.previous,
        "releases": [{"name": each.name, "status": each.status} for each in facts.releases],
        "containers": containers,
        "deployment": _deployment(facts, target),
        "maintenance": dict(facts.maintenance) or None,
        "certificate": facts.certificate.as_json(facts.now) if facts.has_https else None,
        "next": next_command(facts, target),
    }


def _deployment(facts: HostFacts, target: str) -> dict[str, object] | None:
    """Give the design's DeploymentState of the active release: what was fixed at its push, and what became of it."""
    if not facts.active:
        return None
    known = facts.active_facts
    return {
        "version": facts.active.name,
        "timestamp": known.get("created"),
        "target_host": host_of(target),
        "image_versions": {service: known.get(f"image.{service}") for service in SERVICES},
        "configuration_hash": known.get("configuration_hash"),
        "status": facts.active_state.get("status"),
        "health_checks": [
            _health_check(key.removeprefix("health."), value)
            for key, value in facts.active_state.items()
            if key.startswith("health.")
        ],
    }


def _health_check(service: str, text: str) -> dict[str, object]:
    """Give the design's HealthCheckResult, from `STATUS TIME MESSAGE`."""
    status, time, message = [*text.split(" ", 2), "", ""][:3]
    return {"service": service, "status": status, "timestamp": time, "message": message or None}
