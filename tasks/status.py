"""What a host serves, and how well: as its engine and its files say, and as it answers."""

from __future__ import annotations

from tasks.core.errors import HostFailed, NothingDeployed
from tasks.core.protocols import Host, Outcome
from tasks.core.reasons import refusal, typed
from tasks.core.status import is_certificate_expired, next_command, status_data, status_lines, status_title
from tasks.core.workspace import Workspace
from tasks.hosts import host_parameters, read_facts, require_readable


def status(host: Host, work: Workspace) -> Outcome:
    """Show which release serves, from which slot, and how each container is.

    The releases on the host with their status, and the next command where something is to be done. Changes nothing.
    Exit code 1 when something is deployed and the engine does not answer (whether it serves cannot be seen then), and
    when the certificate has expired.
    """
    facts = read_facts(host, work)
    require_readable(host, facts)
    for line in status_lines(facts, host.target):
        work.console.say(line)
    return Outcome(
        False,
        f"{host.name}: {status_title(facts)}",
        data=status_data(facts, host.target),
        exit_code=1 if (facts.active and not facts.engine.version) or is_certificate_expired(facts) else 0,
        remedy=next_command(facts, host.target),
    )


def verify(host: Host, work: Workspace) -> Outcome:
    """Check that all containers are healthy and the published port answers.

    It must be the active release that answers. Only reads, and never rolls back; exit code 1 when a check fails.
    """
    with work.console.progress(f"{host.name}: verifying"):
        answer = host.run(
            "verify", parameters=host_parameters(work.settings, "verify"), accept=(0, 1), listen=work.console.detail
        )
    checks = [check.split(" ", 2) for check in answer.values("check")]
    if not checks:
        what, remedy = refusal(answer)
        raise HostFailed(
            f"{host.name}: {what}" if what else f"{host.name} has nothing to verify",
            detail="" if what else "\n".join(answer.talk),
            remedy=typed(remedy, host.target) or f"fab -H {host.target} deploy",
        )
    bad = [check[0] for check in checks if check[1] != "healthy"]
    if bad == ["active"]:  # the host's word for what it should serve
        raise NothingDeployed(
            f"{host.name} has nothing to verify: nothing serves there",
            remedy=f"fab -H {host.target} status shows what it has, fab -H {host.target} deploy makes it serve",
        )
    for check in checks:
        work.console.say("  " + " ".join(check))
    data = {"checks": [" ".join(check) for check in checks]}
    if answer.exit_code == 0:
        return Outcome(False, f"{host.name}: verified", data=data)
    way = "doctor says what to do" if bad == ["engine"] else f"logs shows why; fab -H {host.target} up starts it again"
    why = typed(answer.value("database.next"), host.target) or f"fab -H {host.target} {way}"
    return Outcome(False, f"{host.name}: not healthy: {', '.join(bad)}", data=data, exit_code=1, remedy=why)
