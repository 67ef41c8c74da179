"""Build contexts: which files, and a hash that changes with everything that goes in and with nothing else."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.context import context_files, context_name, ignored, input_hash, stage

NAMES = st.from_regex(r"[a-z]{1,6}(/[a-z]{1,6})?\.txt", fullmatch=True)
TREES = st.dictionaries(NAMES, st.binary(max_size=40), min_size=1, max_size=5)


def write(place: Path, files: Mapping[str, bytes | str]) -> None:
    for name, content in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def digest(
    root: Path,
    *,
    arguments: Mapping[str, str] | None = None,
    bases: Mapping[str, object] | None = None,
    platform: str = "linux/amd64",
) -> str:
    files = context_files(root / "containers", "backend", root / "application")
    return input_hash(files, arguments=arguments or {}, bases=bases or {}, platform=platform)


def world(place: Path, application: Mapping[str, bytes | str]) -> Path:
    write(place / "containers" / "backend", {"Dockerfile": "FROM scratch\n", "start": "#!/bin/sh\n"})
    write(place / "application", application)
    return place


def listed(root: Path) -> list[str]:
    return [file.path for file in context_files(root / "containers", "backend", root / "application")]


@given(TREES, st.data())
def test_the_hash_changes_with_what_goes_in(tree: dict[str, bytes], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as place:
        root = world(Path(place), tree)
        before = digest(root)
        name = data.draw(st.sampled_from(sorted(tree)))
        path = root / "application" / name
        change = data.draw(st.sampled_from(["content", "path", "executable", "removed", "added", "link"]))
        if change == "content":
            path.write_bytes(tree[name] + b"x")
        elif change == "path":
            path.rename(path.with_suffix(".other"))
        elif change == "executable":
            path.chmod(path.stat().st_mode | 0o100)
        elif change == "removed":
            path.unlink()
        elif change == "added":
            write(root / "application", {"new.new": b""})
        else:
            path.unlink()
            path.symlink_to("elsewhere")
        assert digest(root) != before, change


@given(TREES, st.sampled_from([0o000, 0o022, 0o027, 0o077]), st.integers(0, 2_000_000_000))
def test_the_hash_does_not_change_with_time_place_or_umask(tree: dict[str, bytes], umask: int, time: int) -> None:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        before = digest(world(Path(one), tree))
        old = os.umask(umask)
        try:
            again = world(Path(other) / "deeper", tree)
        finally:
            os.umask(old)
        for path in again.rglob("*"):
            os.utime(path, (time, time))
        assert digest(again) == before


def test_the_hash_changes_with_arguments_bases_and_platform(tmp_path: Path) -> None:
    root = world(tmp_path, {"a.txt": "a"})
    seen = {
        digest(root),
        digest(root, arguments={"API_USER_UID": "1001"}),
        digest(root, arguments={"API_USER_UID": "1002"}),
        digest(root, arguments={"API_USER_GID": "1001"}),
        digest(root, bases={"node_image": {"layers": ["sha256:1"]}}),
        digest(root, bases={"node_image": {"layers": ["sha256:2"]}}),
        digest(root, bases={"nginx_image": {"layers": ["sha256:1"]}}),
        digest(root, platform="linux/arm64"),
    }
    assert len(seen) == 8
    assert digest(root, arguments={"a": "1", "b": "2"}) == digest(root, arguments={"b": "2", "a": "1"})


def test_content_cannot_pass_for_a_path(tmp_path: Path) -> None:
    one = world(tmp_path / "one", {"a.txt": "1", "b.txt": "2"})
    other = world(tmp_path / "other", {"a.txt": "2", "b.txt": "1"})
    assert digest(one) != digest(other)


def test_what_is_never_in_a_context(tmp_path: Path) -> None:
    root = world(tmp_path, {
        "package.json": "{}", "src/a.js": "", ".git/config": "[remote]", "node_modules/x/index.js": "", ".DS_Store": "",
        "src/.DS_Store": "", "src/.git/HEAD": "",
    })  # fmt: skip
    assert listed(root) == ["app/package.json", "app/src/a.js", "container/Dockerfile", "container/start"]


def test_both_ignore_files_count_and_ours_wins(tmp_path: Path) -> None:
    root = world(tmp_path, {
        ".dockerignore": "# theirs\n\n*.md\n!.env\n!keep.md\nsecret/\n", "keep.md": "", "a.md": "", ".env": "KEY=1",
        "secret/key.pem": "", ".env.production": "", "main.js": "",
    })  # fmt: skip
    write(root / "containers" / "backend", {"app.dockerignore": ".env\n!.env.production\n.dockerignore\n"})
    found = listed(root)
    assert [name for name in found if name.startswith("app/")] == ["app/.env.production", "app/keep.md", "app/main.js"]


def test_ignored_reads_patterns_in_order(tmp_path: Path) -> None:
    write(tmp_path, {"one": "a\n  b  \n# no\n\n", "two": "!a\n"})
    assert ignored(tmp_path / "one", tmp_path / "missing", tmp_path / "two")[-3:] == ["a", "b", "!a"]


def test_a_service_without_sources_has_its_container_files_only(tmp_path: Path) -> None:
    write(tmp_path / "edge", {"Dockerfile": "", "nginx.conf": ""})
    assert [file.path for file in context_files(tmp_path, "edge", None)] == [
        "container/Dockerfile",
        "container/nginx.conf",
    ]


def test_a_staged_context_has_fixed_modes_and_times_by_content(tmp_path: Path) -> None:
    root = world(tmp_path, {"a.txt": "a", "deep/b.sh": "b"})
    (root / "application" / "deep" / "b.sh").chmod(0o700)
    (root / "application" / "a.txt").chmod(0o600)
    (root / "application" / "link").symlink_to("a.txt")
    target = tmp_path / "context"
    write(target, {"app/left-over.txt": "from the last build"})
    old = os.umask(0o077)
    try:
        stage(context_files(root / "containers", "backend", root / "application"), target)
    finally:
        os.umask(old)
    found = {path.relative_to(target).as_posix(): path for path in target.rglob("*")}
    assert sorted(found) == [
        "app", "app/a.txt", "app/deep", "app/deep/b.sh", "app/link", "container", "container/Dockerfile",
        "container/start",
    ]  # fmt: skip
    assert found["app/link"].readlink() == Path("a.txt")
    modes = {name: path.stat().st_mode & 0o777 for name, path in found.items() if not path.is_symlink()}
    assert {name for name, mode in modes.items() if mode == 0o755} == {"app", "app/deep", "app/deep/b.sh", "container"}
    assert {mode for name, mode in modes.items() if found[name].is_file() and name != "app/deep/b.sh"} == {0o644}
    assert {path.lstat().st_mtime for path in found.values() if path.is_dir() and not path.is_symlink()} == {946684800}


def test_a_file_of_the_same_size_has_another_time(tmp_path: Path) -> None:
    times: list[int] = []
    for content in ("one", "two", "one"):
        root = world(tmp_path / f"{len(times)}", {"main.js": content})
        stage(context_files(root / "containers", "backend", root / "application"), tmp_path / "context")
        times.append((tmp_path / "context" / "app" / "main.js").stat().st_mtime_ns)
    assert times[0] == times[2] != times[1]
    assert 946684800 <= times[0] / 1e9 < 946684800 + 9 * 366 * 86400


def test_a_context_has_another_name_for_each_input() -> None:
    names = {context_name("backend", digest * 32) for digest in ("1a", "2b")}
    assert names == {"backend-1a1a1a1a1a1a1a1a", "backend-2b2b2b2b2b2b2b2b"}


@pytest.mark.parametrize("service", ["frontend", "backend", "database", "edge"])
def test_this_repository_has_a_context_for_each_service(service: str) -> None:
    containers = Path(__file__).resolve().parents[2] / "containers"
    assert "container/Dockerfile" in [file.path for file in context_files(containers, service, None)]
