"""The compose files of the checkout, which users edit: what they refer to, and nothing will define on the host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from tasks.core.faults import Fault
from tasks.core.interpolation import missing_variables
from tasks.core.settings.release import defined_on_host
from tasks.core.settings.schema import Settings

_FORM = "a variable of a release's .env (docs/host-layout.md), or one with a default, as ${NAME:-default}"


def composed_files(settings: Settings) -> Mapping[str, str]:
    """Give the compose files of a release by their names there, with those they have in compose/."""
    files = {"docker-compose.yml": "slot.yml", "platform.yml": "platform.yml"}
    return {**files, "https.yml": "https.yml"} if settings.enable_https else files


def compose_faults(root: Path, settings: Settings) -> list[Fault]:
    """Name every variable of the compose files that nothing will define, and what is no YAML, with its line."""
    known = defined_on_host(settings)
    return [
        fault for name in composed_files(settings).values() for fault in _faults(root / "compose" / name, root, known)
    ]


def _faults(path: Path, root: Path, known: Mapping[str, str]) -> Iterator[Fault]:
    name = path.relative_to(root).as_posix()
    try:
        text = path.read_text(encoding="utf-8")
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
    except FileNotFoundError:
        yield Fault("", "is missing", "the file, as the checkout brings it", name)
    except (OSError, UnicodeDecodeError):
        yield Fault("", "cannot be read", "a file with UTF-8 text", name)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}:{mark.line + 1}" if mark else name
        yield Fault("", f"is not YAML: {getattr(error, 'problem', None) or 'cannot be read'}", "", where)
    else:
        for scalar in _values(tree, set()):
            start = scalar.start_mark
            written = text[start.index : scalar.end_mark.index]
            for missing in missing_variables(written, known):
                line = start.line + 1 + written.count("\n", 0, missing.at)
                yield Fault(missing.name, missing.what, _FORM if missing.name else "$$ for a dollar", f"{name}:{line}")


def _values(node: yaml.Node | None, seen: set[int]) -> Iterator[yaml.ScalarNode]:
    """Give every scalar that Compose interpolates: values, never keys; what is referred to twice once."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        yield node
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from _values(each, seen)
    elif isinstance(node, yaml.MappingNode):
        for _, value in node.value:
            yield from _values(value, seen)
