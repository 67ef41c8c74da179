"""Making a release on a host the one that serves, and saying how that ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tasks.core.activation import release_to_bring_up, url
from tasks.core.errors import ActivationFailed, Interrupted, NothingDeployed, UsageError
from tasks.core.facts import HostFacts
from tasks.core.failures import FailureReport
from tasks.core.protocols import Answer, Host, Outcome
from tasks.core.reasons import script_failure
from tasks.core.units import seconds
from tasks.core.workspace import Workspace
from tasks.hosts import Lock, held, require_engine, require_own_number
from tasks.last_build import last_build
from tasks.migrations import require_ended


def up(host: Host, work: Workspace, *, release: str = "", wait: int = 0) -> Outcome:
    """Bring up the newest release that was pushed and does not serve yet.

    Database migrations, the new slot, its health, then the switch; the old release serves until then, and goes on
    serving when anything fails. One that failed is tried again, and that is said. Undo: rollback.
    """
    with held(host, work, "up", wait=wait, release=release) as lock:
        name = _chosen(host, work, lock.facts, release)
        require_engine(host, work, lock.facts)
        if not name:
            return Outcome(False, f"{host.name}: already so, {lock.facts.active_name} serves")
        require_own_number(host, work, lock.facts)
        wanted = lock.facts.migrations.releases.get(name, ())
        require_ended(host, lock.facts, wanted)
        if pending := str(lock.facts.migrations.pending(wanted)):
            work.console.say(f"  {pending}")
        result = activate(host, lock, name)
    return came_up(host, work, result)


def _chosen(host: Host, work: Workspace, facts: HostFacts, release: str) -> str:
    """Give the release to bring up, or nothing when all is well; raise when there is none."""
    if release:
        if release not in {each.name for each in facts.releases}:
            raise UsageError(
                f"{host.name} has no release {release}", remedy=f"fab -H {host.target} status lists those it has"
            )
        return release
    made = last_build(work.root)
    pushed = made.names.get(host.name, made.release) if made else None
    choice = release_to_bring_up(facts, pushed=pushed if facts.active else None)
    if choice is None and not facts.active:
        raise NothingDeployed(
            f"{host.name} has no release to bring up: nothing was pushed yet", remedy=f"fab -H {host.target} deploy"
        )
    if choice and choice.status == "failed":
        work.console.say(f"trying the failed release {choice.name} again")
    return choice.name if choice else ""


def activate(host: Host, lock: Lock, name: str) -> Outcome:
    """Order the activation, follow it, and report how it ended; ActivationFailed when the release did not come up."""
    return ended(host, lock, name, lock.order(f"activate {name}"))


def ended(host: Host, lock: Lock, name: str, answer: Answer) -> Outcome:
    """Report how an activation ended; ActivationFailed when the release did not come up.

    Interrupted when somebody wanted it undone meanwhile, whether it was or had to be finished.
    """
    if lock.is_interrupted and answer.value("result"):
        raise _interrupted(host, name, answer)
    if answer.exit_code and not answer.value("result"):
        raise script_failure(host, f"activating {name}", answer)
    if answer.exit_code or answer.value("result") != "active":
        raise _failed(host, lock, answer)
    steps = dict(text.rpartition(" ")[::2] for text in answer.values("step"))
    data = {key: answer.value(key) for key in ("release", "previous", "slot", "log")}
    return Outcome(
        True,
        f"{host.name}: {name} serves from slot {data['slot']}",
        data=data | {"steps": {step: int(milliseconds or 0) for step, milliseconds in steps.items()}},
    )


def _interrupted(host: Host, name: str, answer: Answer) -> Interrupted:
    report = FailureReport(answer, host.target)
    if answer.value("result") == "active":
        return Interrupted(
            f"interrupted too late: {name} had been switched to on {host.name}",
            now=f"{name} serves from slot {answer.value('slot')}",
            remedy=f"fab -H {host.target} rollback goes back",
        )
    return Interrupted(
        f"interrupted: {name} was not brought up on {host.name}",
        detail=report.value("put_back"),
        now=report.serving(),
        remedy=f"type the same again, or fab -H {host.target} status; the log on the host is {answer.value('log')}",
    )


def _failed(host: Host, lock: Lock, answer: Answer) -> ActivationFailed:
    if not answer.values("active"):  # a release of before says less: what served before serves, if its slot does
        back = "put back" if lock.facts.active and answer.value("slot") == lock.facts.served_slot else ""
        answer = replace(answer, lines=(*answer.lines, f"active={lock.facts.active_name}", f"put_back={back}"))
    report = FailureReport(answer, host.target)
    heard = lock.said.failure or lock.said.lines[-20:]
    error = ActivationFailed(
        report.title(host.name),
        detail="\n".join(list(report.lines()) or heard),
        now=report.serving(),
        remedy=f"{report.next()}; fab -H {host.target} explain shows this again"
        + (f", {report.value('log')} on the host has all of it" if report.value("log") else ""),
    )
    error.is_detail_shown = not list(report.lines()) and not lock.said.failure
    error.failure = report.as_json()
    return error


def came_up(host: Host, work: Workspace, result: Outcome) -> Outcome:
    """Say how long the steps of an activation took, and what to type next."""
    details = dict(result.data or {})
    work.console.say(f"  on the host: {step_times(details['steps'])}")
    address = say_what_next(host, work, details)
    summary = f"{host.name}: {details['release']} serves at {address} from slot {details['slot']}"
    return Outcome(True, summary, data=details | {"url": address})


def say_what_next(host: Host, work: Workspace, details: Mapping[str, object]) -> str:
    """Name the log, the way to look and the way back after a release has come up; give the application's address."""
    work.console.say(f"  log on the host: {details['log']}")
    back = f"; back: fab -H {host.target} rollback" if details["previous"] else ""
    work.console.say(f"  look: fab -H {host.target} status{back}")
    return url(work.settings, host.address)


def step_times(steps: object) -> str:
    """Write how long each step took, given in milliseconds, in one line."""
    return ", ".join(f"{name} {seconds(ms)}" for name, ms in steps.items()) if isinstance(steps, dict) else ""
