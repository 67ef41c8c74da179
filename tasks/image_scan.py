"""No image that holds a secret is sent: images are looked through once for each set of secrets."""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path

from tasks.core.errors import SecretInImage
from tasks.core.image_inputs import base_images
from tasks.core.image_scan import VERSION, Finding, scan_archive
from tasks.core.images import DockerImage
from tasks.core.protocols import Progress
from tasks.core.secret_forms import Form, looked_for, secret_forms
from tasks.core.workspace import Workspace
from tasks.image_store import ImageStore
from tasks.last_build import write_whole
from tasks.runtime import find_runtime

_SHOWN = 20
"""How many findings a message has."""


def require_no_secrets(work: Workspace, images: Iterable[DockerImage]) -> None:
    """Look through the images that have not been looked through for these secrets; SecretInImage when one is found.

    Those that are not here cannot be sent from here, and are left out.
    """
    forms = secret_forms(work.settings)
    clean = CleanImages(work.root, forms)
    unknown = [image for image in images if image not in clean]
    if not unknown:
        return
    store = ImageStore(work.workstation, find_runtime(work))
    here = store.inspect(*(image.content_name for image in unknown))
    unknown = [image for image in unknown if image.content_name in here]
    if not unknown:
        return
    left_out = sorted(set(work.settings.application) - set(looked_for(work.settings)))
    if left_out:
        work.console.detail(f"not looked for in images, as too ordinary or allowed: {', '.join(left_out)}")
    found = _scan(work, store, unknown, forms)
    if found:
        raise _refusal(found)
    clean.add(unknown)


def _scan(work: Workspace, store: ImageStore, images: Sequence[DockerImage], forms: Sequence[Form]) -> list[Finding]:
    bases = store.inspect(*base_images(work.settings)).values()
    known = frozenset(layer for base in bases for layer in base.layers)
    services = ", ".join(image.service for image in images)
    with work.console.progress(f"looking for secrets in {services}") as progress:

        def read(blocks: Iterable[bytes]) -> list[Finding]:
            return scan_archive(_counted(blocks, progress), forms, known)

        return store.read_saved(read, *(image.content_name for image in images))


def _counted(blocks: Iterable[bytes], progress: Progress) -> Iterator[bytes]:
    for block in blocks:
        progress.advance(len(block))
        yield block


def _refusal(found: Sequence[Finding]) -> SecretInImage:
    """Say where the secrets are, and how they stay out."""
    lines = [str(finding) for finding in found[:_SHOWN]]
    if len(found) > _SHOWN:
        lines.append(f"and {len(found) - _SHOWN} more")
    remedies = []
    if any(finding.is_file for finding in found):
        remedies.append("keep files out of the build with the .dockerignore beside package.json")
    if not all(finding.is_file for finding in found):
        remedies.append("take values out of the Dockerfile (what a RUN needs: --mount=type=secret)")
    if names := dict.fromkeys(finding.setting for finding in found if finding.setting):
        remedies.append(f"where a value is no secret: IMAGES_MAY_HOLD={','.join(names)}")
    return SecretInImage(
        f"there are secrets in {', '.join(dict.fromkeys(finding.image for finding in found))}",
        detail="\n".join(lines),
        now="nothing was sent",
        remedy="; ".join(remedies) + "; docs/security.md says what is looked for",
    )


class CleanImages:
    """Remember which images were looked through for which secrets: .deploy/scanned-images.json, mode 0600.

    An entry is a keyed digest over image and secrets together: neither can be read or tried out without the file.
    """

    _NAME, _KEPT = "scanned-images.json", 200

    def __init__(self, root: Path, forms: Sequence[Form]) -> None:
        """Read what is remembered; a file that cannot be read is as good as none."""
        self._place = root / ".deploy"
        sought = json.dumps([VERSION, *sorted((form.secret, form.pattern.hex()) for form in forms)])
        self._looked_for = sha256(sought.encode()).hexdigest()
        try:
            data = json.loads((self._place / self._NAME).read_text())
            self._key, self._entries = bytes.fromhex(data["key"]), [str(entry) for entry in data["clean"]]
        except (OSError, ValueError, KeyError, TypeError):
            self._key, self._entries = secrets.token_bytes(32), []

    def __contains__(self, image: DockerImage) -> bool:
        """Tell whether an image was clean of these secrets when it was last looked through."""
        return self._entry(image) in self._entries

    def add(self, images: Iterable[DockerImage]) -> None:
        """Remember images as clean, and forget the oldest."""
        self._entries = [*self._entries, *map(self._entry, images)][-self._KEPT :]
        data = {"schema": 1, "key": self._key.hex(), "clean": self._entries}
        write_whole(self._place / self._NAME, json.dumps(data, indent=2) + "\n", mode=0o600)

    def _entry(self, image: DockerImage) -> str:
        text = json.dumps([self._looked_for, image.content_name, *image.layers])
        return hmac.new(self._key, text.encode(), sha256).hexdigest()
