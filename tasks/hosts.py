"""What a host is: its facts in one round trip, its operating system, its lock."""

from __future__ import annotations

import getpass
import socket
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress

from tasks.core.errors import DeployError, HostNotReady, Locked, UnsupportedHost
from tasks.core.facts import HostFacts, parse_facts
from tasks.core.os_release import SUPPORTED, detect
from tasks.core.protocols import Answer, Conversation, Host, Listener, Outcome
from tasks.core.requirements import Fault, missing_requirements
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
    if faults := missing_requirements(facts, work.settings, coming=coming):
        detail = "\n".join(f"{fault.what}: {fault.remedy}" for fault in faults)
        raise refusal(faults)(f"{host.name} cannot run the application yet", detail=detail, remedy=faults[0].remedy)


def refusal(faults: Sequence[Fault]) -> type[DeployError]:
    """Tell a host that we cannot work with (exit code 3) from one where something has to be allowed or freed first."""
    return UnsupportedHost if any(fault.unsupported for fault in faults) else HostNotReady


class Lock:
    """The host's lock while we hold it, with the facts read again under it."""

    def __init__(self, facts: HostFacts, conversation: Conversation) -> None:
        """Take over the conversation with the holder on the host."""
        self.facts, self._conversation = facts, conversation
        self._stop = threading.Event()
        self._pinger = threading.Thread(target=self._ping, daemon=True)

    def keep(self) -> None:
        """Let the holder hear from us from now on; silence would end it."""
        self._pinger.start()

    def let_go(self) -> None:
        """Say no more; a line that is lost is noticed by the engine of the connection, not here."""
        self._stop.set()
        self._pinger.join(timeout=_PING_SECONDS)

    def order(self, line: str) -> Answer:
        """Give the holder its last order, `activate RELEASE` or `down`, and wait for its end.

        The lock goes over to what the order starts. No ping may be under way: the holder would read both lines at once.
        """
        self.let_go()
        self._conversation.send(line)
        return self._conversation.finish()

    def _ping(self) -> None:
        with suppress(DeployError, OSError):  # a lost line is reported by the step that is at work
            while not self._stop.wait(_PING_SECONDS):
                self._conversation.send("ping")
                self._conversation.lines_until("pong")


@contextmanager
def held(host: Host, work: Workspace, task: str, *, wait: int = 0, listen: Listener | None = None) -> Iterator[Lock]:
    """Hold the host's lock: nobody else changes this application meanwhile.

    Makes DEPLOYMENT_PATH, the only change before the lock. An activation that was cut off is finished or undone
    first, and said. Raises Locked (exit code 4) with the holder's name; `wait` is how many seconds to try before that.
    """
    deadline = time.monotonic() + wait
    while True:
        with host.converse(
            "hold", task, parameters=host_parameters(work.settings, task), listen=listen or work.console.say
        ) as conversation:
            try:
                facts = parse_facts(conversation.lines_until("ready"))
            except Locked:
                if time.monotonic() >= deadline:
                    raise
            else:
                lock = Lock(facts, conversation)
                lock.keep()
                try:
                    yield lock
                finally:
                    lock.let_go()
                return
        time.sleep(min(_RETRY_SECONDS, max(0.0, deadline - time.monotonic())))
