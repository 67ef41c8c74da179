"""The application's values on their way into the backend: in its environment, or as files that it reads."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Collection, Mapping

from tasks.core.packing import packed
from tasks.core.secret import Secret

SECRETS_DIRECTORY = "/run/secrets"
"""Where the backend finds the application's values that are files (APP_FILES)."""


def compose_application(values: Mapping[str, Secret], files: Collection[str] = ()) -> bytes:
    """Write the application's settings as a compose file in JSON, `$` doubled so that nothing is interpolated.

    Of those that are `files` it has the path alone, and the volume with them, which is the slot's.
    """
    environment = {name: value.reveal().replace("$", "$$") for name, value in values.items() if name not in files}
    environment |= {f"{name}_FILE": f"{SECRETS_DIRECTORY}/{name}" for name in values if name in files}
    if not environment:
        return compose_json({"services": {}}).encode() + b"\n"
    service: dict[str, object] = {"environment": environment}
    whole: dict[str, object] = {"services": {"backend": service, "migrate": service}}
    if any(name in files for name in values):
        mount = {"type": "volume", "source": "secrets", "target": SECRETS_DIRECTORY, "read_only": True}
        service["volumes"] = [{**mount, "volume": {"nocopy": True}}]
        whole["volumes"] = {"secrets": {"external": True, "name": "${APP_NAME:?}_secrets_${SLOT:?}"}}
    return compose_json(whole).encode() + b"\n"


def secret_files(values: Mapping[str, Secret], files: Collection[str]) -> bytes:
    """Pack the values that are `files` as tar, each under its name, for its owner alone to read; nothing for none."""
    chosen = sorted(values.keys() & set(files))
    return packed({name: (values[name].reveal().encode(), 0o400) for name in chosen}) if chosen else b""


def compose_json(data: object) -> str:
    """Write JSON that Compose reads, which takes it for YAML: no surrogate pairs, no control character as it stands.

    Sources: RFC 8259, section 7 (what JSON escapes as a pair), YAML 1.2.2, section 5.1 (what is printable).
    """
    text = json.dumps(data, sort_keys=True, ensure_ascii=False)
    return re.sub("[^\x20-\x7e\U00010000-\U0010ffff]", lambda found: f"\\u{ord(found[0]):04x}", text)


def digest(value: Secret, *, app: str, way: str) -> str:
    """Tell a changed value, or one that takes another way, from an unchanged one; kept in a 0600 file only."""
    return hmac.new(app.encode() + way.encode(), value.reveal().encode(), hashlib.sha256).hexdigest()[:16]


def slow_digest(*contents: bytes, app: str) -> bytes:
    """Digest secrets for a place that others may read: each guess takes about 50 ms and 16 MiB (scrypt, RFC 7914)."""
    digests = b"".join(hashlib.sha256(content).digest() for content in contents)
    return hashlib.scrypt(digests, salt=app.encode(), n=2**14, r=8, p=1, dklen=32)
