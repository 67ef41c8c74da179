"""A whole deployment: what would change, and all steps in their order."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tasks.activation import activate, say_what_next, step_times
from tasks.builds import make_build, require_sources
from tasks.certificates import local_certificate, renew, send_certificate
from tasks.core.application import migrations
from tasks.core.certificates import Certificate
from tasks.core.disk import DiskNeed, deployment_needs, shortages
from tasks.core.facts import HostFacts
from tasks.core.installation import Installation
from tasks.core.migrations import NEVER_ENDED, resolve_remedy
from tasks.core.plan import Plan, make_plan
from tasks.core.protocols import Console, Host, Outcome
from tasks.core.releases import Build, ReleaseFiles, release_files
from tasks.core.requirements import shared_number
from tasks.core.workspace import Workspace
from tasks.hosts import (
    Lock,
    held,
    read_facts,
    require_disk,
    require_identity,
    require_own_number,
    require_readable,
    require_writable,
)
from tasks.image_store import ImageStore
from tasks.images import send_images
from tasks.installation import ensure_engine, plan_installation
from tasks.last_build import remember_name
from tasks.migrations import require_ended
from tasks.releases import choose_name, push_release
from tasks.runtime import find_runtime


def plan(host: Host, work: Workspace) -> Outcome:
    """Show what a deployment would change, and change nothing on the host.

    Docker, images, layers, configuration keys, migrations. Builds the images on the workstation.
    """
    require_sources(work)
    find_runtime(work)
    facts = read_facts(host, work)
    require_identity(host, work, facts)
    installation = plan_installation(host, work, facts)
    require_readable(host, facts)
    wanted = _prepare(host, work, facts, installation)
    for line in wanted.plan.lines():
        work.console.say("  " + line)
    if fault := shared_number(facts, work.settings):
        what = "" if facts.identity else "deploy will refuse: "
        work.console.warn(f"{what}{fault.what}; {fault.remedy}")
    for name in wanted.plan.migrations.never_ended:
        work.console.warn(
            f"deploy will refuse: the migration {name}: {NEVER_ENDED}; {resolve_remedy(name, host.target)}"
        )
    short = [] if wanted.plan.nothing else shortages(wanted.needs(facts), facts)
    for line in short:
        work.console.warn(f"too little disk on {host.name}: {line}")
    summary = (
        f"{host.name}: already so, {wanted.plan.active} serves"
        if wanted.plan.nothing
        else f"{host.name}: would deploy {wanted.plan.release}"
    )
    return Outcome(False, summary, data={**wanted.plan.as_json(), "disk": short})


def deploy(host: Host, work: Workspace, *, wait: int = 0) -> Outcome:
    """Make a host serve the application as it is here, from build to verify.

    Docker and Compose are installed first where they are missing (install-docker).
    Nothing to change and all healthy: says `already so`. When anything fails, the release that served goes on
    serving. Undo: rollback.
    """
    clock = Clock(work.console)
    require_sources(work)
    find_runtime(work)
    with clock.step("connect"):
        facts = read_facts(host, work)
    require_identity(host, work, facts)
    _require_ended(host, work, facts, wait)
    installation = plan_installation(host, work, facts)
    require_readable(host, facts)
    require_writable(host, facts)
    require_own_number(host, work, facts)
    with clock.step("build"):
        wanted = _prepare(host, work, facts, installation)
    if wanted.plan.nothing:
        return _already_so(host, wanted.plan, clock)
    for line in wanted.plan.lines():
        work.console.say("  " + line)
    require_disk(host, facts, wanted.needs(facts))
    with held(host, work, "deploy", wait=wait, release=wanted.plan.release) as lock:
        require_identity(host, work, lock.facts)
        require_ended(host, lock.facts, wanted.files.migrations)
        if plan_installation(host, work, lock.facts):
            _install(host, work, lock, clock)
        name = choose_name(host, wanted.build, wanted.files, lock.facts)
        remember_name(work.root, wanted.build, host.name, name)
        plan_now = make_plan(wanted.files, name, lock.facts, certificate=wanted.certificate)
        if plan_now.nothing:  # another deployment, or the end of one that was cut off, has done it meanwhile
            return _already_so(host, plan_now, clock)
        if plan_now.is_certificate_alone:
            send_certificate(host, work, wanted.certificate, lock.facts)
            return renew(host, lock)
        require_disk(host, lock.facts, wanted.needs(lock.facts))
        with clock.step("ship"):
            sent = send_images(host, work, wanted.build, name, lock.facts)
        work.console.say(f"  {sent.summary}")
        with clock.step("push config"):
            push_release(host, work, wanted.files, name, lock.facts)
            send_certificate(host, work, wanted.certificate, lock.facts)
        with clock.step("activate"):
            result = activate(host, lock, name)
    return _summary(host, work, result, clock)


@dataclass(frozen=True)
class _Prepared:
    """What is to be deployed: the build, its files, and the plan against the host's facts."""

    build: Build
    files: ReleaseFiles
    plan: Plan
    certificate: Certificate | None

    def needs(self, facts: HostFacts) -> tuple[DiskNeed, ...]:
        """Give the room it takes on the host."""
        missing = [image for image in self.files.images.values() if not image.is_on(facts)]
        return deployment_needs(missing, facts, has_dump=self.plan.migrations.dump)


def _prepare(host: Host, work: Workspace, facts: HostFacts, installation: Installation | None) -> _Prepared:
    made = make_build(work, facts=facts)
    if made.built:
        work.console.say(f"  built {', '.join(made.built)}")
    _require_server(host, work, facts, made.build)
    files = release_files(work.root, work.settings, made.build)
    name = choose_name(host, made.build, files, facts)
    remember_name(work.root, made.build, host.name, name)
    certificate = local_certificate(work.settings)
    for warning in certificate.warnings if certificate else ():
        work.console.warn(warning)
    plan = make_plan(files, name, facts, installation.lines if installation else (), certificate=certificate)
    return _Prepared(made.build.called(name, host.name), files, plan, certificate)


def _require_server(host: Host, work: Workspace, facts: HostFacts, build: Build) -> None:
    """Refuse a new database image that could not read the host's data; what cannot be asked here, the host looks at."""
    image = build.images["database"].content_name
    if "major" in facts.data and facts.active_facts.get("image.database") != image:
        server = ImageStore(work.workstation, find_runtime(work)).server(image)
        require_identity(host, work, facts, server)


def _require_ended(host: Host, work: Workspace, facts: HostFacts, wait: int) -> None:
    """Refuse a migration that never ended before anything is built, but not while one may be at work.

    An activation that was cut off is put right first, by taking the lock: it may have left that migration's statement.
    """
    wanted = migrations(work.settings.app_source)
    if facts.unfinished and facts.migrations.pending(wanted).never_ended:
        with held(host, work, "deploy", wait=wait) as lock:
            require_ended(host, lock.facts, wanted)
    elif not facts.is_locked:
        require_ended(host, facts, wanted)


def _install(host: Host, work: Workspace, lock: Lock, clock: Clock) -> None:
    with clock.step("install docker"):
        installed = ensure_engine(host, work, lock)
    if installed:
        work.console.say(f"  {installed.summary.removeprefix(host.name + ': ')}")


def _already_so(host: Host, plan: Plan, clock: Clock) -> Outcome:
    trips = f"{host.round_trips} round trip{'s' if host.round_trips > 1 else ''}"
    summary = f"{host.name}: already so, {plan.active} serves ({trips}, {clock.total():.1f} s)"
    return Outcome(False, summary, data={"release": plan.active, "round_trips": host.round_trips})


def _summary(host: Host, work: Workspace, result: Outcome, clock: Clock) -> Outcome:
    details = dict(result.data or {})
    work.console.say(f"  steps: {clock}; on the host: {step_times(details['steps'])}")
    address = say_what_next(host, work, details)
    data = {**details, "url": address, "seconds": dict(clock.seconds), "round_trips": host.round_trips}
    return Outcome(True, f"{host.name}: {details['release']} serves at {address} ({clock.total():.1f} s)", data=data)


@dataclass
class Clock:
    """Measure the steps of a deployment, in seconds."""

    console: Console
    seconds: dict[str, float] = field(default_factory=dict)
    start: float = field(default_factory=time.monotonic)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure one step, also when it fails."""
        start = time.monotonic()
        self.console.step(name)
        try:
            yield
        finally:
            self.seconds[name] = round(time.monotonic() - start, 2)
            self.console.detail(f"{name}: {self.seconds[name]:.2f} s")
            self.console.step("deploy")

    def total(self) -> float:
        """Give the seconds since the start."""
        return time.monotonic() - self.start

    def __str__(self) -> str:
        """Write all steps in one line."""
        return ", ".join(f"{name} {seconds:.1f} s" for name, seconds in self.seconds.items())
