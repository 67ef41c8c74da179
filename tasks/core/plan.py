"""What a deployment will change on a host, decided from facts alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from tasks.core.certificates import Certificate
from tasks.core.facts import SERVICES, HostFacts
from tasks.core.host_certificate import certificate_change
from tasks.core.migrations import Pending
from tasks.core.releases import PLATFORM, ReleaseFiles, platform_settings, release_facts
from tasks.core.units import counted, size

INTERRUPTIONS = {
    "edge": "about a second of refused connections while its container is replaced",
    "slots": "requests fail for about two seconds while it and the slot that serves start anew",
    "database": "requests that need it fail for about two seconds, longer when its stop has much to write",
}
"""What people notice while a platform service is replaced, or what looks at slots/ is started anew.

Measured by tests/live/test_database_platform.py.
"""


@dataclass(frozen=True)
class ImageChange:
    """What happens to one image: `there`, or `ship` with the number of layers and bytes the host may lack.

    `switch`: the host has it already, and serves another one.
    """

    service: str
    content_name: str
    action: str
    layers: int
    size: int


@dataclass(frozen=True)
class PlatformChange:
    """A platform service that must be made or replaced, why, and what people notice of it."""

    service: str
    why: str
    interruption: str


@dataclass(frozen=True)
class Plan:
    """Everything that will change; `nothing` when the host serves exactly this already, and all is healthy."""

    release: str
    active: str
    target_slot: str
    images: tuple[ImageChange, ...]
    platform: tuple[PlatformChange, ...]
    configuration: tuple[str, ...]
    migrations: Pending
    unhealthy: tuple[str, ...]
    same_configuration: bool
    unfinished: str
    edited: bool = False
    installation: tuple[str, ...] = ()
    behind: bool = False
    """Whether the database lacks migrations of the release that serves, as after a restore."""
    certificate: str = ""
    """What another certificate changes; empty where the host serves the one that is wanted."""

    @property
    def nothing(self) -> bool:
        """Whether a deployment has nothing to do."""
        return self._is_so and not self.certificate

    @property
    def is_certificate_alone(self) -> bool:
        """Whether another certificate is all there is to do: it needs no activation."""
        return self._is_so and bool(self.certificate)

    @property
    def _is_so(self) -> bool:
        missing = any(image.action == "ship" for image in self.images)
        waiting = self.unhealthy or missing or self.platform or self.unfinished or self.installation
        return self.same_configuration and not waiting and not self.behind

    def lines(self) -> list[str]:
        """Write it for people, one change a line."""
        lines = list(self.installation)
        lines += [
            f"image {image.service}: {counted(image.layers, 'layer')} the host lacks, "
            f"{size(image.size)} unpacked in all"
            for image in self.images
            if image.action == "ship"
        ]
        lines += [
            f"image {image.service}: another one than serves now, and on the host already: nothing is sent"
            for image in self.images
            if image.action == "switch"
        ]
        lines += [f"{change.service}: {change.why}; {change.interruption}" for change in self.platform]
        lines += [self.certificate] if self.certificate else []
        lines += [str(self.migrations)] if self.migrations.names else []
        named = {"settings": self.configuration, "not healthy now": self.unhealthy}
        lines += [f"{what}: {', '.join(names)}" for what, names in named.items() if names]
        if self.unfinished:
            lines.append(f"an activation was cut off at {self.unfinished}: it is finished or undone first")
        if self.edited:
            lines.append(f"the files of {self.active} were changed on the host: a new release takes its place")
        if self.active and not self.same_configuration and not lines:
            lines = ["this tool's own files differ: compose/ or scripts/host/"]
        return lines

    def as_json(self) -> dict[str, object]:
        """Give a form for --json."""
        pending = {
            "migrations": self.migrations.names,
            "migrations_unread": self.migrations.unread,
            "never_ended": self.migrations.never_ended,
            "dump": self.migrations.dump,
        }
        return {**asdict(self), **pending, "nothing": self.nothing}


def make_plan(
    files: ReleaseFiles,
    release: str,
    facts: HostFacts,
    installation: tuple[str, ...] = (),
    *,
    certificate: Certificate | None = None,
) -> Plan:
    """Compare what is wanted with what the host has.

    `installation` says what is missing of the engine itself; `certificate` is the workstation's, where it has one.
    """
    active = facts.active
    return Plan(
        release=release,
        active=active.name if active else "",
        target_slot="green" if facts.served_slot == "blue" else "blue",
        images=tuple(_image_change(service, files, facts) for service in SERVICES),
        platform=tuple(change for change in (_platform_change(name, files, facts) for name in PLATFORM) if change),
        configuration=_configuration_changes(files, facts),
        migrations=facts.migrations.pending(files.migrations),
        unhealthy=unhealthy(facts),
        same_configuration=active is not None and active.configuration_hash == files.configuration_hash,
        unfinished=facts.unfinished,
        edited=active is not None and active.is_edited,
        installation=installation,
        behind=active is not None and facts.migrations.is_behind(active.name),
        certificate=certificate_change(facts.certificate, certificate),
    )


def _image_change(service: str, files: ReleaseFiles, facts: HostFacts) -> ImageChange:
    image = files.images[service]
    if image.is_on(facts):
        serves = facts.active_facts.get(f"image.{service}", image.content_name)
        return ImageChange(service, image.content_name, "there" if serves == image.content_name else "switch", 0, 0)
    missing = [layer for layer in image.layers if layer not in layers_on(facts)]
    return ImageChange(service, image.content_name, "ship", len(missing), image.size)


def layers_on(facts: HostFacts) -> frozenset[str]:
    """Give the diff ids that the host surely has: on a classic store only; a containerd store keeps blobs."""
    if facts.engine.store == "containerd":
        return frozenset()
    return frozenset(layer for image in facts.images for layer in image.layers)


def _platform_change(service: str, files: ReleaseFiles, facts: HostFacts) -> PlatformChange | None:
    """Say why a service does not stay as it is: the host's own verdict, and what this release wants of it."""
    found = facts.container(service, "platform")
    why = [facts.faults[service]] if service in facts.faults else []
    if found and found.fingerprint != files.environment[f"{service.upper()}_FINGERPRINT"]:
        why.append(_what_differs(service, files, facts))
    return PlatformChange(service, ", ".join(why), _interruption(service, facts)) if why else None


def _interruption(service: str, facts: HostFacts) -> str:
    found = facts.container(service, "platform")
    if service == "edge" and "frontend" in facts.faults:
        return INTERRUPTIONS["slots"]
    if found and found.state == "running":
        return INTERRUPTIONS[service]
    return "it does not serve until then" if facts.active else "it is made, and nobody notices"


def _what_differs(service: str, files: ReleaseFiles, facts: HostFacts) -> str:
    """Say why its fingerprint is another than that of the active release."""
    known = facts.active_facts
    if not known:
        return "its image or the settings it reads differ"
    differ = [] if known.get(f"image.{service}") == files.images[service].content_name else ["its image"]
    differ += [key for key in platform_settings(service, files.environment) if known.get(key) != files.environment[key]]
    differ = differ or ["its compose file"]
    return f"{', '.join(differ)} {'differ' if len(differ) > 1 else 'differs'}"


def _configuration_changes(files: ReleaseFiles, facts: HostFacts) -> tuple[str, ...]:
    if not facts.active_facts:
        return ()
    new = release_facts(files, "", "")
    keys = set(files.environment) | {key for key in new if key.startswith("application.")}
    keys |= {key for key in facts.active_facts if key.startswith("application.")}
    generated = ("_IMAGE", "_FINGERPRINT")
    changed = {key for key in keys if new.get(key) != facts.active_facts.get(key) and not key.endswith(generated)}
    return tuple(sorted(key.removeprefix("application.") for key in changed))


def unhealthy(facts: HostFacts) -> tuple[str, ...]:
    """Name the services that should serve and do not; none before the first deployment."""
    if not facts.active:
        return ()
    slots = {"database": "platform", "edge": "platform"}
    bad = []
    for service in SERVICES:
        found = facts.container(service, slots.get(service, facts.served_slot))
        # `starting` is what Docker says until its first check, ten seconds after a start that we had checked
        is_bad = found is None or found.state != "running" or found.health == "unhealthy" or service in facts.faults
        if is_bad or (service == "database" and facts.database_fault):
            bad.append(service)
    return tuple(bad)
