"""What a host is: its facts in one round trip, its operating system, its lock."""

from __future__ import annotations

import getpass
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from tasks.core.activation import Follower
from tasks.core.disk import DiskNeed, disk_remedy, shortages
from tasks.core.errors import (
    ConnectionFailed,
    DeployError,
    HostNotReady,
    IdentityChanged,
    Locked,
    UnsupportedHost,
    UsageError,
)
from tasks.core.facts import HostFacts, parse_facts
from tasks.core.identity import Server, identity_faults
from tasks.core.os_release import SUPPORTED, detect
from tasks.core.protocols import Answer, Conversation, Host, Outcome
from tasks.core.reasons import refusal, typed
from tasks.core.requirements import UnmetRequirement, missing_requirements, shared_number
from tasks.core.settings import Settings, release_environment
from tasks.core.workspace import Workspace

_PING_SECONDS = 15
_RETRY_SECONDS = 5


def host_parameters(settings: Settings, task: str) -> dict[str, str]:
    """Give the parameters that every host script reads: the settings, the task and who asks."""
    return {
        **release_environment(settings),
        "TASK": task,
        "OPERATOR": f"{getpass.getuser()}@{socket.gethostname()}",
        "VERBOSE": "true" if settings.verbose else "false",
    }


def read_facts(host: Host, work: Workspace) -> HostFacts:
    """Ask a host for everything a deployment decides on, in one round trip that changes nothing."""
    with work.console.progress(f"{host.name}: asking for facts"):
        answer = host.run("facts", parameters=host_parameters(work.settings, "facts"), listen=work.console.detail)
    return parse_facts(answer.lines)


def require_all(hosts: Sequence[tuple[Host, Workspace]]) -> None:
    """Refuse to begin on several hosts while one of them cannot be reached, or gives no facts; name each such host."""
    failed: list[DeployError] = []
    for host, work in hosts:
        try:
            read_facts(host, work)
        except DeployError as error:
            failed.append(error)
    if len(failed) == 1:
        raise failed[0]
    if failed:
        raise ConnectionFailed(
            f"{len(failed)} of {len(hosts)} hosts cannot be worked with",
            detail="\n".join(map(str, failed)),
            remedy="mend them, or leave them out of -H",
        )


def detect_os(host: Host, work: Workspace) -> Outcome:
    """Say which operating system a host runs, and its package manager.

    Changes nothing. An unsupported one ends with exit code 3 and the list of supported ones.
    """
    facts = read_facts(host, work)
    found = detect(facts.os_release, facts.os_fallback)
    if found is None:
        name = facts.os_release.splitlines()[0] if facts.os_release else "no os-release file"
        raise UnsupportedHost(
            f"{host.name} runs an operating system that is not supported: {name}",
            remedy=f"use one of: {', '.join(SUPPORTED)}",
        )
    data = {"id": found.id, "version": found.version, "package_manager": found.package_manager}
    return Outcome(False, f"{host.name}: {found.name}, packages by {found.package_manager}", data=data)


def require_engine(host: Host, work: Workspace, facts: HostFacts, *, coming: Collection[str] = ()) -> None:
    """Refuse a host whose engine or Compose is missing, too old or of a kind that we cannot work with.

    `coming`: what is not asked for, because it is about to be installed.
    """
    if faults := missing_requirements(facts, work.settings, coming=coming, target=host.target):
        detail = "\n".join(f"{fault.what}: {fault.remedy}" for fault in faults)
        raise error_class(faults)(f"{host.name} cannot run the application yet", detail=detail, remedy=faults[0].remedy)


def require_readable(host: Host, facts: HostFacts) -> None:
    """Refuse to take a directory that this user may not read for one with nothing in it."""
    if facts.unreadable:
        raise HostNotReady(f"{host.name}: {facts.unreadable}", remedy=facts.path_next)


def require_writable(host: Host, facts: HostFacts) -> None:
    """Refuse, before anything is built, a directory in which this user cannot do what taking the lock begins with."""
    if facts.path_obstacle:
        raise HostNotReady(f"{host.name}: {facts.path_obstacle}", remedy=facts.path_next)


def require_identity(host: Host, work: Workspace, facts: HostFacts, server: Server | None = None) -> None:
    """Refuse settings that belong to another deployment than what is on the host, and a server that runs on other data.

    `server`: what the new database image runs, once that is known.
    """
    for fault in identity_faults(facts, work.settings, host=host.name, target=host.target, server=server):
        raise IdentityChanged(
            f"{fault.what}: nothing was changed", detail="\n".join(map(str, fault.changes)), remedy=fault.remedy
        )
    if server:
        return  # the rest was said before the build
    if facts.is_database_astray:
        raise HostNotReady(
            f"{host.name}: {facts.database_fault}; nothing was changed", remedy=typed(facts.database_next, host.target)
        )
    if facts.database_fault:  # it may have been mended since: the activation looks again, before it starts anything
        work.console.say(f"  database: {facts.database_fault}")


def require_own_number(host: Host, work: Workspace, facts: HostFacts) -> None:
    """Refuse a first deployment whose secrets an account of the host could read; where one is deployed, warn."""
    fault = shared_number(facts, work.settings)
    if fault and not facts.identity:
        raise HostNotReady(f"{host.name}: {fault.what}; nothing was changed", remedy=fault.remedy)
    if fault:
        work.console.warn(f"{fault.what}; {fault.remedy}")


def require_disk(host: Host, facts: HostFacts, needs: Iterable[DiskNeed]) -> None:
    """Refuse where a file system has too little room, of blocks or of inodes, for what is about to come."""
    if short := shortages(needs, facts):
        raise HostNotReady(
            f"too little disk on {host.name}: {'; '.join(short)}; nothing was sent",
            remedy=disk_remedy(facts, host.target),
        )


def error_class(faults: Sequence[UnmetRequirement]) -> type[DeployError]:
    """Tell a host that we cannot work with (exit code 3) from one where something has to be allowed or freed first."""
    return UnsupportedHost if any(fault.unsupported for fault in faults) else HostNotReady


class Lock:
    """The host's lock while we hold it, with the facts read again under it."""

    def __init__(
        self, facts: HostFacts, conversation: Conversation, said: Follower, cancel: Callable[[], None]
    ) -> None:
        """Take over the conversation with the holder on the host; `said` hears what it says.

        `cancel` asks the host to undo the activation that is in progress.
        """
        self.facts, self._conversation, self.said, self._cancel = facts, conversation, said, cancel
        self.is_interrupted, self._has_ordered = False, False
        self._stop = threading.Event()
        self._pinger = threading.Thread(target=self._ping, daemon=True)

    def keep(self) -> None:
        """Let the holder hear from us from now on; silence would end it."""
        self._pinger.start()

    def let_go(self) -> None:
        """Say no more; a line that is lost is noticed by the engine of the connection, not here."""
        self._stop.set()
        self._pinger.join(timeout=_PING_SECONDS)

    def release(self) -> None:
        """Tell the holder that all is done, for the log on the host; a line lost just now is no failure."""
        self.let_go()
        if not self._has_ordered:
            with suppress(OSError, EOFError):
                self._conversation.send("release")
                self._conversation.finish()

    def order(self, line: str) -> Answer:
        """Give the holder its last order, `activate RELEASE` or `down`, and wait for its end.

        The lock goes over to what the order starts. No ping may be under way: the holder would read both lines at once.
        A first Ctrl-C during an activation asks the host to undo it, and its end is waited for all the same
        (`is_interrupted`); a second one raises KeyboardInterrupt.
        """
        if not line.isprintable():
            raise UsageError(f"a line break or control character in {line!r}", remedy="names have none")
        self.let_go()
        self._has_ordered = True
        self._conversation.send(line)
        try:
            return self._conversation.finish()
        except KeyboardInterrupt:
            if line.split(maxsplit=1)[0] not in ("activate", "rollback"):
                raise
            self.is_interrupted = True
            self._cancel()
            return self._conversation.finish()

    def _ping(self) -> None:
        with suppress(DeployError, OSError):  # a lost line is reported by the step that is at work
            while not self._stop.wait(_PING_SECONDS):
                self._conversation.send("ping")
                self._conversation.lines_until("pong")


@contextmanager
def held(host: Host, work: Workspace, task: str, *, wait: int = 0, release: str = "") -> Iterator[Lock]:
    """Hold the host's lock: nobody else changes this application meanwhile.

    Makes DEPLOYMENT_PATH, the only change before the lock. An activation that was cut off is finished or undone
    first, and said. Raises Locked (exit code 4) with the holder's name; `wait` is how many seconds to try before that.
    `release` is what the task is about, where that is known: the name of the host's log has it.
    """
    deadline, is_waiting = time.monotonic() + wait, False
    parameters = host_parameters(work.settings, task) | {"LOG_RELEASE": release}
    while True:
        said = Follower(lambda line: work.console.say(typed(line, host.target)))
        with host.converse("hold", task, parameters=parameters, listen=said) as conversation:
            try:
                facts = parse_facts(conversation.lines_until("ready"))
            except Locked as error:
                if time.monotonic() >= deadline:
                    raise
                if not is_waiting:
                    work.console.say(f"{error.what}: waiting, {wait} s at most")
                is_waiting = True
            else:
                lock = Lock(facts, conversation, said, lambda: _cancel(host, work))
                lock.keep()
                try:
                    yield lock
                    lock.release()
                finally:
                    lock.let_go()
                return
        time.sleep(min(_RETRY_SECONDS, max(0.0, deadline - time.monotonic())))


def _cancel(host: Host, work: Workspace) -> None:
    work.console.say("interrupted: asking the host to undo it; Ctrl-C again leaves at once")
    answer = host.run(
        "cancel", parameters=host_parameters(work.settings, "cancel"), accept=(0, 1), listen=work.console.detail
    )
    if what := refusal(answer)[0]:
        work.console.warn(f"{what}: the host goes on to the end")
