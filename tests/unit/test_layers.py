"""The three layers, read from the imports: core is pure, steps see protocols, the binding alone knows libraries."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TASKS = ROOT / "tasks"
MODULES = sorted(path.relative_to(ROOT) for path in TASKS.rglob("*.py"))
CORE = [path for path in MODULES if path.parts[1] == "core"]
BINDING = [path for path in MODULES if path.parts[1] == "binding"]
STEPS = [path for path in MODULES if path not in CORE and path not in BINDING]

SSH = {"fabric", "invoke", "paramiko"}
OUTSIDE = SSH | {"subprocess", "socket", "threading", "concurrent", "rich", "colorama", "requests", "urllib"}
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "shared", "lib"}


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse((ROOT / path).read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} is a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def named(names: list[Path]) -> list[object]:
    return [pytest.param(path, id=path.as_posix()) for path in names]


def test_all_layers_are_there() -> None:
    assert len(CORE) > 15
    assert len(STEPS) > 8
    assert {path.name for path in BINDING} >= {"ssh.py", "host_keys.py", "command_line.py"}


@pytest.mark.parametrize("path", named(CORE))
def test_core_knows_only_itself(path: Path) -> None:
    for name in imports(path):
        assert not name.startswith("tasks") or name.startswith("tasks.core"), f"{path} imports {name}"
        assert name.partition(".")[0] not in OUTSIDE, f"{path} imports {name}"


@pytest.mark.parametrize("path", named(STEPS))
def test_steps_know_no_ssh_library_and_no_binding(path: Path) -> None:
    for name in imports(path):
        assert name.partition(".")[0] not in SSH, f"{path} imports {name}"
        assert not name.startswith("tasks.binding"), f"{path} imports {name}"


@pytest.mark.parametrize("path", named([path for path in STEPS if path.name != "workstation.py"]))
def test_steps_start_programs_through_the_workstation_only(path: Path) -> None:
    assert not {name.partition(".")[0] for name in imports(path)} & {"subprocess", "pty"}
    calls = [
        ast.unparse(node.func) for node in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(node, ast.Call)
    ]
    assert not {"os.system", "os.popen", "os.execv", "os.execvp"} & set(calls)


def test_core_has_no_reference_to_a_step_by_another_way() -> None:
    for path in CORE:
        assert "importlib" not in set(imports(path)), path


@pytest.mark.parametrize("path", named(MODULES))
def test_modules_are_named_for_what_they_hold(path: Path) -> None:
    assert not {part.removesuffix(".py") for part in path.parts} & VAGUE


def test_no_module_hides_one_of_the_standard_library() -> None:
    """Invoke puts tasks/ itself on the path: tasks/logging.py would be everybody's logging."""
    mine = {path.stem for path in TASKS.glob("*.py")} | {path.name for path in TASKS.iterdir() if path.is_dir()}
    assert not mine & set(sys.stdlib_module_names)


def test_only_the_public_list_and_the_binding_make_the_command_line() -> None:
    assert set(imports(Path("fabfile.py"))) == {
        "tasks.FROM_SOURCES",
        "tasks.STEPS",
        "tasks.binding.namespace",
    }
