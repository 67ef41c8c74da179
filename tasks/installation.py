"""Docker and Compose on a host: looked at, and installed where they are missing."""

from __future__ import annotations

import time

from tasks.core.errors import InstallFailed
from tasks.core.facts import HostFacts
from tasks.core.installation import Installation, needed_installation
from tasks.core.log_lines import message
from tasks.core.protocols import Answer, Host, Outcome
from tasks.core.reasons import refusal
from tasks.core.requirements import UnmetRequirement
from tasks.core.workspace import Workspace
from tasks.hosts import Lock, error_class, held, host_parameters, read_facts, require_engine

_WARNING = "warning: "


def install_docker(host: Host, work: Workspace, *, group: bool = False, wait: int = 0) -> Outcome:
    """Install Docker and Compose on a host that lacks them, and start it.

    Under the host's lock, with the host's package manager; needs root or `sudo -n`. What is there is left alone, a
    version that is too old is refused. --group lets the user use Docker without sudo, which is as good as root.
    A failed installation is taken back where possible. Undo: apt-get purge what the log on the host names.
    """
    facts = read_facts(host, work)
    if not plan_installation(host, work, facts) and not _joins(facts, group=group):
        return Outcome(False, f"{host.name}: already so, {versions(facts)}", data=_data(facts))
    with held(host, work, "install-docker", wait=wait) as lock:
        outcome = ensure_engine(host, work, lock, group=group)
    return outcome or Outcome(False, f"{host.name}: already so, {versions(lock.facts)}", data=_data(lock.facts))


def plan_installation(host: Host, work: Workspace, facts: HostFacts) -> Installation | None:
    """Decide what has to be installed or started; refuse a host where that cannot be, or would not be enough."""
    needed = needed_installation(facts, work.settings)
    if isinstance(needed, UnmetRequirement):
        raise error_class([needed])(f"{host.name}: {needed.what}", remedy=needed.remedy)
    require_engine(host, work, facts, coming=needed.parts if needed else ())
    return needed


def ensure_engine(host: Host, work: Workspace, lock: Lock, *, group: bool = False) -> Outcome | None:
    """Install and start what is missing, under the lock, and read the facts again; None when nothing is missing.

    Raises InstallFailed with the command that failed, its output and the manual way; UnsupportedHost when what was
    installed is older than what the settings ask for.
    """
    needed = plan_installation(host, work, lock.facts)
    user = lock.facts.user if _joins(lock.facts, group=group) else ""
    if not needed and not user:
        return None
    start = time.monotonic()
    answer = _install(host, work, needed or Installation("", ()), user)
    lock.facts = read_facts(host, work)
    require_engine(host, work, lock.facts)
    did = {"installed": answer.values("installed"), "started": answer.value("started"), "log": answer.value("log")}
    what = _what(needed, user, lock.facts)
    return Outcome(True, f"{host.name}: {what} ({time.monotonic() - start:.1f} s)", data=_data(lock.facts) | did)


def _joins(facts: HostFacts, *, group: bool) -> bool:
    return group and not facts.engine.is_user_in_group and facts.user != "root"


def _what(needed: Installation | None, user: str, facts: HostFacts) -> str:
    done = [("installed " if needed.packages else "started ") + versions(facts)] if needed else []
    return ", ".join([*done, *([f"{user} is in the group docker from the next login on"] if user else [])])


def _install(host: Host, work: Workspace, needed: Installation, user: str) -> Answer:
    parameters = host_parameters(work.settings, "install-docker") | needed.parameters() | {"DOCKER_USER": user}
    what = f"installing {' '.join(needed.packages)}" if needed.packages else "starting Docker"
    with work.console.progress(f"{host.name}: {what}") as progress:

        def listen(line: str) -> None:
            if message(line).startswith(_WARNING):
                work.console.warn(message(line).removeprefix(_WARNING))
                return
            progress.note(message(line))
            work.console.detail(line)

        answer = host.run("install", parameters=parameters, accept=(0, 1, 3), listen=listen)
    if answer.exit_code == 0:
        return answer
    command, code = answer.value("failed.command"), answer.value("failed.exit")
    why = answer.value("failed.why") or (f"`{command}` ended with exit code {code}" if command else "")
    raise InstallFailed(
        f"{what} on {host.name} failed" + (f": {why}" if why else ""),
        detail="\n".join([*(answer.values("output") or answer.talk[-20:]), *answer.values("put_back")]),
        remedy=f"{refusal(answer)[1] or needed.by_hand}; all of its output is in {answer.value('log')} on {host.name}",
    )


def versions(facts: HostFacts) -> str:
    """Name the versions of engine and Compose."""
    return f"Docker {facts.engine.version} and Compose {facts.engine.compose}"


def _data(facts: HostFacts) -> dict[str, object]:
    return {"docker": facts.engine.version, "compose": facts.engine.compose}
