"""Building images on the workstation, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from shutil import rmtree
from threading import Event

from tasks.core import builders
from tasks.core.build_output import failed_step
from tasks.core.builders import ContainerRuntime, ImageBuild, LocalImage
from tasks.core.context import context_name, stage
from tasks.core.diagnosis import BUILD, diagnose
from tasks.core.errors import BuildFailed, DeployError
from tasks.core.image_inputs import ImageInput, base_images, image_inputs
from tasks.core.images import DockerImage
from tasks.core.workspace import Workspace
from tasks.image_store import ImageStore

_SHOWN = 20
"""How many lines of a failed step are shown; its log file has all of them."""


class Builder:
    """Build images side by side, for one platform."""

    def __init__(self, work: Workspace, runtime: ContainerRuntime, platform: str) -> None:
        """Build nothing yet."""
        self._work, self._runtime, self.platform = work, runtime, platform
        self.store = ImageStore(work.workstation, runtime)
        self._stopped = Event()

    def inputs(self) -> list[ImageInput]:
        """Say what the four images are made from; fetches base images that are not there."""
        bases = self.store.bases(base_images(self._work.settings))
        for tag, image in bases.items():
            if self.platform != f"linux/{image.architecture}":
                raise BuildFailed(
                    f"the base image {tag} in the local store is for {image.architecture}, "
                    f"the host needs {self.platform}",
                    remedy=f"pull it for that platform: {self._runtime.name} pull --platform {self.platform} {tag}",
                )
        return image_inputs(self._work.settings, self._work.root, bases, self.platform)

    def build(self, wanted: list[ImageInput]) -> dict[str, DockerImage]:
        """Build two images at a time. After a failure no further one is begun; an interrupt ends those under way."""
        with ThreadPoolExecutor(max_workers=2) as pool:
            jobs = {each.service: pool.submit(self._build, each) for each in wanted}
            try:
                wait(jobs.values(), return_when=FIRST_EXCEPTION)
            except BaseException:
                self._stopped.set()
                self._work.workstation.stop()
                raise
            finally:
                for job in jobs.values():
                    job.cancel()
        failed = next((job for job in jobs.values() if not job.cancelled() and job.exception()), None)
        return {service: job.result() for service, job in ({"": failed} if failed else jobs).items()}

    def _build(self, wanted: ImageInput) -> DockerImage:
        if self._stopped.is_set():
            raise BuildFailed(f"building the {wanted.service} image was not begun")
        # a name of its own: another checkout may build the same on this engine
        temporary = f"{wanted.name}:build-{wanted.input[:12]}-{token_hex(4)}"
        try:
            self._run(wanted, temporary)
            archived = self.store.archived(temporary)
            local = self.store.inspect(temporary)[temporary]
            made = describe(wanted, local, archived.digest[:12], digest="sha256:" + archived.digest)
            made = replace(made, layers=archived.layers, build_timestamp=archived.created)
            self.store.tag(temporary, made.content_name)
        except BaseException:
            self._stopped.set()
            raise
        finally:
            self.store.untag(temporary)
        return made

    def _run(self, wanted: ImageInput, temporary: str) -> None:
        root = self._work.root
        log = root / ".deploy" / f"build-{wanted.service}.log"
        context = root / ".deploy" / "context" / context_name(wanted.service, wanted.input)
        lines: list[str] = []
        with self._work.console.progress(f"build {wanted.service}") as progress, log.open("w") as file:

            def listen(line: str) -> None:
                lines.append(line)
                file.write(line + "\n")
                progress.note(line)
                self._work.console.detail(f"{wanted.service}: {line}")

            try:
                command = builders.build(self._runtime.name, self._image(wanted, temporary, context))
                self._work.workstation.run(command, listen=listen)
            except DeployError as error:
                raise failure(wanted.service, lines, error, log.relative_to(root)) from error
            finally:
                rmtree(context, ignore_errors=True)

    def _image(self, wanted: ImageInput, temporary: str, context: Path) -> ImageBuild:
        root, settings = self._work.root, self._work.settings
        stage(wanted.files, context)
        return ImageBuild(
            service=wanted.service,
            dockerfile=root / "containers" / wanted.service / "Dockerfile",
            context=context,
            tag=temporary,
            labels={"app": settings.app_name, "service": wanted.service, "input": wanted.input},
            arguments=wanted.arguments,
            platform=self.platform,
            ca_file=settings.build_ca_file,
        )


def failure(service: str, lines: Sequence[str], error: DeployError, log: Path) -> BuildFailed:
    """Say why a build failed: the step and its last lines, and the remedy where the failure is a known one."""
    step = failed_step(lines)
    known = diagnose("\n".join([*step.output, step.reason] if step else [*lines, error.detail]), BUILD)
    remedy = f"{known.remedy}; check {known.check}" if known else "mend what the last lines name"
    return BuildFailed(
        f"building the {service} image failed" + (f": {known.cause}" if known else ""),
        detail=step.excerpt(_SHOWN, known.signature if known else "") if step else error.detail or error.what,
        remedy=f"{remedy}; the whole output is in {log}",
    )


def describe(wanted: ImageInput, image: LocalImage, tag: str, *, digest: str) -> DockerImage:
    """Say what is known of an image that is in the local store."""
    return DockerImage(wanted.name, tag, digest, image.size, image.created, "local", image.layers, wanted.input)
