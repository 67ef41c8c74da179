"""The frontend: what the build left is what a visitor gets, and on the port that was set."""

import gzip
import http.client
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from docker.models.containers import Container
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tasks.core.errors import SettingsError
from tests.properties.conftest import Examples
from tests.properties.stack import Stack, execute, lab_settings
from tests.properties.test_stack_database import hundred

# From the standards that register them (HTML, RFC 9239, RFC 8081 …), not from our mime.types.
TYPES = {
    "html": "text/html",
    "js": "text/javascript",
    "mjs": "text/javascript",
    "css": "text/css",
    "json": "application/json",
    "map": "application/json",
    "webmanifest": "application/manifest+json",
    "wasm": "application/wasm",
    "svg": "image/svg+xml",
    "png": "image/png",
    "jpg": "image/jpeg",
    "webp": "image/webp",
    "avif": "image/avif",
    "ico": "image/x-icon",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "ttf": "font/ttf",
    "otf": "font/otf",
    "txt": "text/plain",
    "pdf": "application/pdf",
    "mp4": "video/mp4",
}
UTF8 = {"text/html", "text/javascript", "text/css", "text/plain", "application/json", "application/manifest+json"}

WORDS = st.text(
    st.characters(codec="utf-8", categories=("L", "N"), include_characters="-_ .%#?&+'\"()[]{}@~;=!,$"),
    min_size=1,
    max_size=20,
)
NAMES = WORDS.filter(lambda word: not word.startswith(".") and word == word.strip() and len(word.encode()) < 200)
HASHED = st.from_regex(r"[a-z]{1,9}-[A-Za-z0-9_-]{8}", fullmatch=True)
PATHS = st.builds(
    lambda folders, name, extension: "/".join([*folders, f"{name}.{extension}"]),
    st.lists(NAMES, max_size=2) | st.just(["assets"]),
    NAMES | HASHED,
    st.sampled_from(sorted(TYPES)),
)
CONTENTS = st.binary(max_size=3000) | st.text(max_size=50).map(lambda text: (text * 200).encode())


class SlotConnection(http.client.HTTPConnection):
    """HTTP over the slot's Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self.path))


@pytest.fixture(scope="module")
def web(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path, Container]]:
    """A frontend whose pages are a directory here, and Node to publish into it as the build does."""
    place = tmp_path_factory.mktemp("web")
    for name in ("slot", "html", "work"):
        (place / name).mkdir()
        (place / name).chmod(0o777)
    place.chmod(0o755)
    published = {
        str(place / "slot"): {"bind": "/run/slots/blue"},
        str(place / "html"): {"bind": "/usr/share/nginx/html", "mode": "ro"},
    }
    environment = {"RELEASE": "r", "SLOT": "blue", "BACKEND_PORT": "3000", "CLIENT_MAX_BODY_SIZE": "1m"}
    labels = {"app": stack.app, "service": "client"}
    nginx = stack.client.containers.run(
        stack.images["frontend"],
        read_only=True,
        cap_drop=["ALL"],
        tmpfs={"/tmp": "mode=1777"},
        environment=environment,
        volumes=published,
        detach=True,
        labels=labels,
    )
    node = stack.client.containers.run(
        stack.settings.node_image,
        ["sleep", "3600"],
        init=True,
        volumes={str(place): {"bind": str(place)}},
        detach=True,
        labels=labels,
    )
    script = Path(__file__).parents[2] / "containers/frontend/publish.mjs"
    shutil.copy(script, place / "work")
    yield place, place / "slot" / "app.sock", node
    nginx.remove(force=True)
    node.remove(force=True)


def get(path: Path, url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = SlotConnection(path)
    connection.request("GET", url, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, {key.lower(): value for key, value in answer.getheaders()}, body


def test_assets_are_served(web: tuple[Path, Path, Container], examples: Examples) -> None:
    """Whatever files a build leaves, each is served byte for byte, plain and compressed, with its type; others are not.

    Feature: production-deployment-system, Property 1: Static asset accessibility

    Turned red by: leaving `mjs` out of mime.types (application/octet-stream), or `gzipSync(content)` →
    `gzipSync(content.subarray(1))` in publish.mjs.
    """
    place, slot, node = web
    source, target, html = place / "work/dist", place / "work/out", place / "html"

    def holds(files: dict[str, bytes]) -> None:
        assume(not any(one.startswith(other + "/") for one in files for other in files))
        for directory in (source, target):
            shutil.rmtree(directory, ignore_errors=True)
        for name, content in {"index.html": b"<title>page</title>", **files}.items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes(content)
        code, output = execute(node, ["node", str(place / "work/publish.mjs"), str(source), str(target)])
        assert code == 0, output
        for old in html.iterdir():
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        for layer in ("media", "code"):
            shutil.copytree(target / layer, html, dirs_exist_ok=True)
        for name, content in files.items():
            kind = TYPES[name.rpartition(".")[2]]
            expected = kind + ("; charset=utf-8" if kind in UTF8 or kind == "image/svg+xml" else "")
            for encoding in ("identity", "gzip"):
                status, headers, body = get(slot, "/" + quote(name), **{"Accept-Encoding": encoding})
                assert status == 200, (name, status)
                assert headers["content-type"] == expected, (name, headers)
                if headers.get("content-encoding") == "gzip":
                    assert encoding == "gzip"
                    body = gzip.decompress(body)
                assert body == content, name
            assert get(slot, "/" + quote(f"absent-{name}"))[0] in ((404,) if "html" not in name else (404, 200))
        status, headers, body = get(slot, "/any/deep/link")
        assert (status, body, headers["cache-control"]) == (200, b"<title>page</title>", "no-cache")
        examples()

    hundred(given(st.dictionaries(PATHS, CONTENTS, min_size=1, max_size=5))(holds))()
    assert examples.count >= 100


INVALID = (
    st.integers(max_value=0).map(str)
    | st.integers(min_value=65536).map(str)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0\n\r"), max_size=12).filter(
        lambda text: not (text.strip().isascii() and text.strip().isdigit())
    )
    | st.sampled_from(["80;id", "$(id)", "8 0", "0x50", "8e1", "８０", "80,443", "127.0.0.1:80", "80/tcp", "-1", "1.0"])
)


def test_port_is_the_one_set(stack: Stack, examples: Examples, full: bool) -> None:
    """On any port that is free the edge answers, with the page of the active release, and no longer on the one before.

    Feature: production-deployment-system, Property 2: Port configuration

    The everyday run takes 25 ports (each recreates the edge, a second or two), --full a hundred.
    Turned red by: `"${HTTP_PORT:?}:80"` → `"8080:80"` in platform.yml.
    """
    number = 100 if full else 25
    previous = [stack.settings.http_port]

    def holds(port: int) -> None:
        assume(port != previous[0] and is_free(port))
        stack.platform("up", "-d", "edge", HTTP_PORT=str(port))
        stack.wait_for("edge", "probe")
        assert page_release(port) == stack.release
        assert is_free(previous[0])
        previous[0] = port
        examples()

    settings(hundred, max_examples=number)(given(st.integers(1, 65535))(holds))()
    stack.platform("up", "-d", "edge")
    stack.wait_for("edge", "probe")
    assert examples.count >= number


def test_invalid_port_is_refused(stack: Stack, examples: Examples, tmp_path: Path) -> None:
    """What is no port is refused by the settings, with its key, before anything could start.

    Feature: production-deployment-system, Property 2: Port configuration

    Turned red by: `whole(1, 65535` → `whole(1, 99999` for http_port (core/settings/network.py).
    """
    known = {container.id for container in stack.client.containers.list(all=True)}

    def holds(value: str) -> None:
        with pytest.raises(SettingsError) as refused:
            lab_settings(tmp_path / "checkout", {"HTTP_PORT": value})
        assert "HTTP_PORT" in f"{refused.value}{refused.value.detail}"
        examples()

    hundred(given(INVALID)(holds))()
    ours = [
        c for c in stack.client.containers.list(all=True, filters={"label": f"app={stack.app}"}) if c.id not in known
    ]
    assert not ours
    assert examples.count >= 100


def is_free(port: int) -> bool:
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("0.0.0.0", port))
        except OSError:
            return False
        return True


def page_release(port: int) -> str | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status == 200
    return answer.getheader("X-Release")
