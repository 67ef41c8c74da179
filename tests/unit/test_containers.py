"""Files that several images need: each has its copy, and the copies are equal.

A build sees containers/<service>/ and nothing beside it, so that a service's input is that directory and no more. A
link into another one would be staged as a link and lead nowhere. What is the same must therefore stay the same here.
"""

from pathlib import Path

import pytest

CONTAINERS = Path(__file__).resolve().parents[2] / "containers"


@pytest.mark.parametrize(
    ("name", "services"),
    [("mime.types", ("edge", "frontend")), ("install-packages", ("backend", "frontend"))],
)
def test_copies_are_equal(name: str, services: tuple[str, str]) -> None:
    one, other = (CONTAINERS / service / name for service in services)
    assert one.read_bytes() == other.read_bytes(), f"copy the change: {one} and {other} differ"


def test_both_halves_keep_the_same_out_of_a_build_but_for_what_vite_reads() -> None:
    backend, frontend = (patterns(service) for service in ("backend", "frontend"))
    assert backend - frontend == {"**/.env*"}
    assert frontend - backend == {".env*", "!.env", "!.env.production"}


def test_no_file_has_an_equal_one_that_this_page_does_not_name() -> None:
    by_content: dict[bytes, set[str]] = {}
    for path in sorted(CONTAINERS.glob("*/*")):
        by_content.setdefault(path.read_bytes(), set()).add(path.name)
    copies = [path.name for path in CONTAINERS.glob("*/*") if sum(1 for _ in CONTAINERS.glob(f"*/{path.name}")) > 1]
    distinct = {"Dockerfile", "app.dockerignore", "nginx.conf", "probe", "start"}
    assert set(copies) == distinct | {"mime.types", "install-packages"}
    assert all(len(names) == 1 for names in by_content.values())


def test_nothing_here_is_a_link() -> None:
    assert [path for path in CONTAINERS.rglob("*") if path.is_symlink()] == []


def patterns(service: str) -> set[str]:
    """The patterns of a service's app.dockerignore, without comments."""
    lines = (CONTAINERS / service / "app.dockerignore").read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("#")}
