"""A release on a host: its name, its directory, and the application taken down."""

from __future__ import annotations

from datetime import UTC, datetime

from tasks.core.disk import RELEASE_NEEDS
from tasks.core.errors import HostFailed, HostNotReady, UsageError
from tasks.core.facts import HostFacts
from tasks.core.protocols import Host, Outcome
from tasks.core.releases import Build, ReleaseFiles, name_on_host, release_archive, release_files
from tasks.core.workspace import Workspace
from tasks.hosts import held, host_parameters, require_disk, require_identity
from tasks.images import tag_images
from tasks.last_build import needed_build, remember_name


def push_config(host: Host, work: Workspace, *, release: str = "", wait: int = 0) -> Outcome:
    """Write the release directory of the last build on a host.

    Under the host's lock. Compose files, settings and scripts, complete and checked, moved into place in one step;
    nothing that runs is touched. Undo: delete the directory on the host.
    """
    made = needed_build(work.root)
    files = release_files(work.root, work.settings, made)
    with held(host, work, "push-config", wait=wait, release=release or made.release) as lock:
        require_identity(host, work, lock.facts)
        name = release or choose_name(host, made, files, lock.facts)
        if not release:
            remember_name(work.root, made, host.name, name)
        changed = push_release(host, work, files, name, lock.facts)
        changed = tag_images(host, work, made, name, lock.facts) or changed
    summary = f"{host.name}: pushed {name}" if changed else f"{host.name}: already so, {name} is there"
    return Outcome(changed, summary, data={"release": name})


def choose_name(host: Host, build: Build, files: ReleaseFiles, facts: HostFacts) -> str:
    """Decide what the release is called on this host."""
    return name_on_host(build, files, facts, host.name, datetime.now(UTC))


def push_release(host: Host, work: Workspace, files: ReleaseFiles, name: str, facts: HostFacts) -> bool:
    """Send the release directory unless the host has exactly it; give whether it was sent."""
    there = next((each for each in facts.releases if each.name == name), None)
    if there and there.configuration_hash == files.configuration_hash:
        return False
    require_disk(host, facts, RELEASE_NEEDS)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    host.run(
        "receive",
        name,
        parameters=host_parameters(work.settings, "push-config"),
        source=[release_archive(files, name, host=host.name, created=created)],
        listen=work.console.detail,
    )
    return True


def down(host: Host, work: Workspace, *, volumes: bool = False, yes: bool = False, wait: int = 0) -> Outcome:
    """Stop the application and remove its containers.

    Under the host's lock. Data, images and releases stay, and `fab -H HOST up` brings it back; --volumes --yes also
    removes the volumes, and with them the data.
    """
    if volumes and not yes:
        raise UsageError(
            "--volumes removes the database's data",
            remedy=f"fab -H {host.target} backup keeps a dump, which outlasts this; add --yes when you mean it",
        )
    with held(host, work, "down", wait=wait) as lock:
        _require_answer(host, lock.facts)
        if not lock.facts.containers and not (volumes and lock.facts.volumes):
            return Outcome(False, f"{host.name}: already so, nothing runs")
        answer = lock.order("down volumes" if volumes else "down")
    if answer.exit_code:
        error = HostFailed(
            f"taking the application down on {host.name} failed",
            detail="\n".join(answer.talk),
            remedy=f"mend what it says, then type the same command again; fab -H {host.target} status shows what runs",
        )
        error.is_detail_shown = bool(lock.said.lines)
        raise error
    kept = "its data too is gone" if volumes else "data, images and releases are kept"
    if directories := answer.values("kept"):
        kept = f"its volumes too are gone, and the files in {', '.join(directories)} are kept"
    back = "deploy begins anew" if volumes else "up brings it back"
    return Outcome(True, f"{host.name}: down, {kept}", remedy=f"fab -H {host.target} {back}")


def _require_answer(host: Host, facts: HostFacts) -> None:
    """Refuse to say that nothing runs when the engine does not say what runs."""
    if facts.engine.is_installed and not facts.engine.version:
        raise HostNotReady(
            f"Docker on {host.name} does not answer, so nothing can be taken down",
            detail=facts.engine.error,
            remedy="start it on the host: systemctl start docker; then type the same command again",
        )
