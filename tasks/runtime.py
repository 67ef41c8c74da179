"""The container runtime of the workstation: Docker, else Finch."""

from __future__ import annotations

from tasks.core import builders
from tasks.core.builders import ContainerRuntime
from tasks.core.errors import RuntimeMissing
from tasks.core.protocols import Outcome
from tasks.core.workspace import Workspace

_REMEDIES = {
    "docker": "start Docker (systemctl start docker, or Docker Desktop), or add yourself to the group docker",
    "finch": "start its machine: finch vm start",
}


def detect_runtime(work: Workspace) -> Outcome:
    """Find Docker, else Finch, and show that it works.

    Changes nothing. CONTAINER_RUNTIME picks one; auto prefers Docker where its program exists.
    """
    found = find_runtime(work)
    return Outcome(False, f"{found.name} {found.version} works", data={"name": found.name, "version": found.version})


def find_runtime(work: Workspace) -> ContainerRuntime:
    """Give the runtime that images are built with; RuntimeMissing names what is wrong and both remedies."""
    choice = work.settings.container_runtime
    names = ("docker", "finch") if choice == "auto" else (choice,)
    name = next((each for each in names if work.workstation.has(each)), None)
    if name is None:
        raise RuntimeMissing(
            f"no container runtime on this workstation: {' or '.join(names)} is not in PATH",
            remedy="install Docker (https://docs.docker.com/engine/install/) or Finch (https://runfinch.com), "
            "or set CONTAINER_RUNTIME",
        )
    answer = work.workstation.run(builders.probe(name), accept=range(256))
    version = answer.lines[0].strip() if answer.lines else ""
    if answer.exit_code or not version:
        raise RuntimeMissing(
            f"{name} is installed, but its engine does not answer",
            detail="\n".join(answer.talk[-5:]),
            remedy=_REMEDIES[name],
        )
    return builders.runtime(name, version)
