"""A release on a host: pushed, brought up, looked at, taken down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from tasks.builds import needed_build, write_build
from tasks.core.errors import ActivationFailed, HostFailed, UsageError
from tasks.core.facts import SERVICES, HostFacts
from tasks.core.plan import unhealthy
from tasks.core.protocols import Answer, Host, Outcome
from tasks.core.releases import Build, ReleaseFiles, name_on_host, release_archive, release_files
from tasks.core.units import seconds
from tasks.core.workspace import Workspace
from tasks.hosts import Lock, held, host_parameters, read_facts, require_engine


def push_config(host: Host, work: Workspace, *, release: str = "", wait: int = 0) -> Outcome:
    """Write the release directory of the last build on a host.

    Under the host's lock. Compose files, settings and scripts, complete and checked, moved into place in one step;
    nothing that runs is touched. Undo: delete the directory on the host.
    """
    made = needed_build(work.root)
    files = release_files(work.root, work.settings, made)
    with held(host, work, "push-config", wait=wait) as lock:
        name = release or choose_name(host, work, made, files, lock.facts)
        changed = push_release(host, work, files, name, lock.facts)
    summary = f"{host.name}: pushed {name}" if changed else f"{host.name}: already so, {name} is there"
    return Outcome(changed, summary, data={"release": name})


def choose_name(host: Host, work: Workspace, build: Build, files: ReleaseFiles, facts: HostFacts) -> str:
    """Decide what the release is called on this host, and remember it where it differs from the build's name."""
    name = name_on_host(build, files, facts, host.name, datetime.now(UTC))
    if name != build.names.get(host.name, build.release):
        write_build(work.root, replace(build, names={**build.names, host.name: name}))
    return name


def push_release(host: Host, work: Workspace, files: ReleaseFiles, name: str, facts: HostFacts) -> bool:
    """Send the release directory unless the host has exactly it; give whether it was sent."""
    there = next((each for each in facts.releases if each.name == name), None)
    if there and there.configuration_hash == files.configuration_hash:
        return False
    created = datetime.now(UTC).isoformat(timespec="seconds")
    host.run(
        "receive",
        name,
        parameters=host_parameters(work.settings, "push-config"),
        source=[release_archive(files, name, host=host.name, created=created)],
        listen=work.console.detail,
    )
    return True


def up(host: Host, work: Workspace, *, release: str = "", wait: int = 0) -> Outcome:
    """Bring up the newest release that was pushed and does not serve yet.

    Database migrations, the new slot, its health, then the switch; the old release serves until then, and goes on
    serving when anything fails. Undo: up --release with the previous one.
    """
    with held(host, work, "up", wait=wait) as lock:
        require_engine(host, work, lock.facts)
        name = release or _newest_waiting(lock.facts) or _down_again(lock.facts)
        if not name:
            if lock.facts.active:
                return Outcome(False, f"{host.name}: already so, {lock.facts.active.name} serves")
            raise UsageError(f"{host.name} has no release to bring up", remedy=f"run: fab -H {host.name} push-config")
        if name not in {each.name for each in lock.facts.releases}:
            raise UsageError(f"{host.name} has no release {name}", remedy=f"fab -H {host.name} status lists them")
        return activate(host, lock, name)


def _newest_waiting(facts: HostFacts) -> str:
    """Give the last release that was pushed after the active one and has not come up: a failed one is tried again.

    After `down` what served comes first: a release that failed then would leave nothing that serves.
    """
    names = [each.name for each in facts.releases]
    down = "" if facts.active else _down_again(facts)
    last = facts.active.name if facts.active else down
    later = facts.releases[names.index(last) + 1 :] if last else facts.releases
    waiting = ("pending",) if down else ("pending", "failed")
    return next((each.name for each in reversed(later) if each.status in waiting), "")


def _down_again(facts: HostFacts) -> str:
    """Give the release that serves when not all of it runs; after `down`, the newest of those that have served."""
    if facts.active:
        return facts.active.name if unhealthy(facts) else ""
    return next((each.name for each in reversed(facts.releases) if each.status == "retired"), "")


def activate(host: Host, lock: Lock, name: str) -> Outcome:
    """Order the activation, follow it, and report how it ended; ActivationFailed when the release did not come up."""
    answer = lock.order(f"activate {name}")
    if answer.exit_code or answer.value("result") != "active":
        raise ActivationFailed(
            f"{name} did not come up on {host.name}: {answer.value('failed.reason') or 'the activation was cut off'}",
            detail="\n".join(answer.talk[-20:]),
            remedy=_remedy(host, lock.facts, answer),
        )
    return Outcome(True, f"{host.name}: {name} serves from slot {answer.value('slot')}", data=_result(answer))


def _remedy(host: Host, before: HostFacts, answer: Answer) -> str:
    still = (
        f"{before.active.name} still serves" if before.active else "nothing served before, data and volumes are kept"
    )
    log = f" ({answer.value('log')} on the host)" if answer.value("log") else ""
    return f"{still}; fab -H {host.name} logs --service deploy shows all of it{log}"


def _result(answer: Answer) -> dict[str, object]:
    steps = dict(text.rpartition(" ")[::2] for text in answer.values("step"))
    return {
        "release": answer.value("release"),
        "slot": answer.value("slot"),
        "log": answer.value("log"),
        "steps": {name: int(milliseconds or 0) for name, milliseconds in steps.items()},
    }


def step_times(steps: Mapping[str, object]) -> str:
    """Write how long each step took, in one line."""
    return ", ".join(f"{name} {seconds(float(str(ms)))}" for name, ms in steps.items())


def verify(host: Host, work: Workspace) -> Outcome:
    """Check that all containers are healthy and the published port answers.

    It must be the active release that answers. Only reads, and never rolls back; exit code 1 when a check fails.
    """
    with work.console.progress(f"{host.name}: verifying"):
        answer = host.run(
            "verify", parameters=host_parameters(work.settings, "verify"), accept=(0, 1), listen=work.console.detail
        )
    checks = answer.values("check")
    if not checks:
        raise HostFailed(
            f"{host.name} has nothing to verify", detail="\n".join(answer.talk), remedy=f"fab -H {host.name} deploy"
        )
    for check in checks:
        work.console.say(f"  {check}")
    summary = f"{host.name}: {'verified' if answer.exit_code == 0 else 'not healthy'}"
    return Outcome(False, summary, data={"checks": list(checks)}, exit_code=answer.exit_code)


def status(host: Host, work: Workspace) -> Outcome:
    """Show which release serves, from which slot, and how each container is.

    Changes nothing.
    """
    facts = read_facts(host, work)
    active = facts.active
    if active is None:
        return Outcome(False, f"{host.name}: nothing deployed yet", data={"active": None})
    rows = [(one.service, one.slot, one.state, one.health or "-", one.release or "-") for one in facts.serving]
    for row in sorted(rows, key=lambda row: SERVICES.index(row[0]) if row[0] in SERVICES else 9):
        work.console.say("  {:<10}{:<10}{:<9}{:<11}{}".format(*row))
    for release in facts.releases:
        work.console.say(f"  release {release.name}  {release.status}")
    if facts.unfinished:
        work.console.say(
            f"  an activation was cut off at {facts.unfinished}: the next deploy or up finishes or undoes it"
        )
    if facts.value("lock").startswith("held"):
        work.console.say(f"  lock: {facts.value('lock')}")
    data = {
        "active": active.name,
        "slot": facts.value("link"),
        "previous": facts.value("active.previous"),
        "releases": [{"name": each.name, "status": each.status} for each in facts.releases],
        "containers": [dict(zip(("service", "slot", "state", "health", "release"), row, strict=True)) for row in rows],
    }
    return Outcome(False, f"{host.name}: {active.name} serves from slot {facts.value('link')}", data=data)


def down(host: Host, work: Workspace, *, volumes: bool = False, yes: bool = False, wait: int = 0) -> Outcome:
    """Stop the application and remove its containers.

    Under the host's lock. Data, images and releases stay, and `fab -H HOST up` brings it back; --volumes --yes also
    removes the volumes, and with them the data.
    """
    if volumes and not yes:
        raise UsageError("--volumes removes the database's data", remedy="add --yes if that is what you want")
    with held(host, work, "down", wait=wait) as lock:
        if not lock.facts.containers and not (volumes and lock.facts.volumes):
            return Outcome(False, f"{host.name}: already so, nothing runs")
        answer = lock.order("down volumes" if volumes else "down")
    if answer.exit_code:
        raise HostFailed(f"taking the application down on {host.name} failed", detail="\n".join(answer.talk))
    kept = "its data too is gone" if volumes else "data, images and releases are kept"
    return Outcome(True, f"{host.name}: down, {kept}")
