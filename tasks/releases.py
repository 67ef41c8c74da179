"""A release on a host: its name and its directory."""

from __future__ import annotations

from datetime import UTC, datetime

from tasks.certificates import local_certificate, send_certificate
from tasks.core.disk import RELEASE_NEEDS
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
    beside it a new certificate of CERT_PATH. Nothing that runs is touched. Undo: delete the directory on the host.
    """
    made = needed_build(work.root)
    certificate = local_certificate(work.settings)
    files = release_files(work.root, work.settings, made)
    with held(host, work, "push-config", wait=wait, release=release or made.release) as lock:
        require_identity(host, work, lock.facts)
        name = release or choose_name(host, made, files, lock.facts)
        if not release:
            remember_name(work.root, made, host.name, name)
        changed = push_release(host, work, files, name, lock.facts)
        changed = send_certificate(host, work, certificate, lock.facts) or changed
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
