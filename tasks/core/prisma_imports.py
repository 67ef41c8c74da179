"""What Prisma's command line loads of the application: its configuration, and a schema engine of its own."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

_FILES = ("prisma.config.*s", "schema-engine/*.*js", "schema-engine/*.js", "schema-engine/*.ts")
_IMPORT = re.compile(
    r"^(?:import\s+(?!type\b)(?:[\w*{}\s,$]+?\s+from\s+)?|(?:const|let|var)\s+[\w{}\s,:$]+?=\s*require\()['\"]([^'\"\n]+)['\"]",
    re.MULTILINE,
)
_PACKAGE = re.compile(r"(@[a-z0-9-][a-z0-9._~-]*/)?[a-z0-9][a-z0-9._~-]*")
_BUILT_IN = {
    "assert", "buffer", "child_process", "console", "crypto", "dns", "events", "fs", "http", "http2", "https", "module",
    "net", "os", "path", "perf_hooks", "process", "querystring", "readline", "stream", "string_decoder", "timers",
    "tls", "tty", "url", "util", "v8", "vm", "worker_threads", "zlib",
}  # fmt: skip


def check_imports(backend: Path, locked: Collection[str]) -> Iterator[str]:
    """Name each import that the lock file's packages (`node_modules/…`) do not hold.

    Only what is certain: plain imports at the start of a line; types, paths, aliases and Node.js' own modules are left
    out.
    """
    for path in sorted({path for pattern in _FILES for path in backend.glob(pattern) if path.is_file()}):
        for name in dict.fromkeys(_IMPORT.findall(path.read_text("utf-8", errors="replace"))):
            found = _PACKAGE.match(name)
            package = found[0] if found else ""
            rest = name[len(package) :]
            if not package or (rest and not rest.startswith("/")) or package in _BUILT_IN:
                continue
            if f"node_modules/{package}" not in locked and not (backend / package.partition("/")[0]).exists():
                yield (
                    f"{path.relative_to(backend.parent)} imports {package}, which the lock file does not have, and "
                    f"Prisma's command line loads that file: run `npm install {package}` in {backend.name}/, "
                    "or remove the import"
                )
