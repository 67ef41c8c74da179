"""The table of properties: which tests carry each tag, and what they said when they last ran.

Run as `python -m tests.properties.table` (scripts/properties).
"""

import ast
import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
ROWS = Path(__file__).with_name("properties.toml")
RESULTS = ROOT / ".deploy" / "properties.json"
TAG = re.compile(r"Feature: production-deployment-system, Property (\w+): (.+?)\s*$", re.MULTILINE)
BATS_TEST = re.compile(r'^@test\s+["\'](.+)["\']\s+\{')


@dataclass(frozen=True)
class Row:
    """One property; `due` when a test is required now."""

    id: str
    name: str
    for_any: str
    shown_on: str
    due: bool


@dataclass(frozen=True)
class Tagged:
    """A test that carries a tag: its row, the name beside it, and where it is."""

    row: str
    name: str
    file: str
    test: str

    @property
    def node(self) -> str:
        return f"{self.file}::{self.test}"


@dataclass(frozen=True)
class Result:
    """What a test said: passed, failed or skipped, and after how many examples, if it counted them."""

    outcome: str
    examples: int | None = None


def rows() -> list[Row]:
    """All rows, in the table's order."""
    return [Row(**row) for row in tomllib.loads(ROWS.read_text())["property"]]


def tagged_tests(root: Path = ROOT) -> list[Tagged]:
    """Every test below tests/ that carries a tag."""
    files = sorted((root / "tests").rglob("test_*.py")) + sorted((root / "tests").rglob("*.bats"))
    return [
        tagged
        for file in files
        if "node_modules" not in file.parts
        for tagged in tags_in(file.read_text(), str(file.relative_to(root)))
    ]


def tags_in(text: str, file: str) -> Iterator[Tagged]:
    """The tags of one file, each with the test that it stands in or above."""
    places = _bats_tests(text) if file.endswith(".bats") else _python_tests(text)
    for match in TAG.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        test = next((name for name, last in places if line <= last), None)
        if test is not None:
            yield Tagged(match[1], match[2].strip("\"'.").strip(), file, test)


def _python_tests(text: str) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    for node in ast.parse(text).body:
        members = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        functions = [each for each in members if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
        found += [(prefix + each.name, each.end_lineno or 0) for each in functions if each.name.startswith("test")]
    return found


def _bats_tests(text: str) -> list[tuple[str, int]]:
    lines = text.splitlines()
    starts = [(number, match[1]) for number, line in enumerate(lines, 1) if (match := BATS_TEST.match(line))]
    ends = [
        next((n for n, line in enumerate(lines[start:], start + 1) if line == "}"), len(lines)) for start, _ in starts
    ]
    return [(name, end) for (_, name), end in zip(starts, ends, strict=True)]


def results(file: Path | None = None) -> dict[str, Result]:
    """What each test said when it last ran, by node id without parameters."""
    try:
        stored: dict[str, dict[str, Any]] = json.loads((file or RESULTS).read_text())
    except FileNotFoundError:
        return {}
    return {node: Result(**entry) for node, entry in stored.items()}


def remember(stats: Mapping[str, Sequence[Any]]) -> None:
    """Add a pytest run's reports to the stored results; only tests with a tag are kept."""
    wanted = {tagged.node for tagged in tagged_tests()}
    seen: dict[str, Result] = {}
    for outcome in ("passed", "skipped", "failed", "error"):
        for report in stats.get(outcome, ()):
            node = str(getattr(report, "nodeid", "")).split("[")[0]
            if node in wanted:
                seen[node] = _join(
                    seen.get(node), Result("failed" if outcome == "error" else outcome, _examples(report))
                )
    _store(seen)


def remember_bats(report: str, file: str) -> None:
    """Add what bats printed in its TAP form for one file."""
    wanted = {tagged.node for tagged in tagged_tests()}
    seen = {}
    for match in re.finditer(r"^(not ok|ok) \d+ (.+?)(?: in \d+ms)?(?: # (skip).*)?$", report, re.MULTILINE):
        node = f"{file}::{match[2]}"
        if node in wanted:
            seen[node] = Result("skipped" if match[3] else "passed" if match[1] == "ok" else "failed")
    _store(seen)


def _store(seen: Mapping[str, Result]) -> None:
    if seen:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(
            json.dumps({node: vars(result) for node, result in (results() | dict(seen)).items()}, indent=1) + "\n"
        )


def _examples(report: Any) -> int | None:
    counts = [int(value) for key, value in getattr(report, "user_properties", ()) if key == "examples"]
    return sum(counts) if counts else None


def _join(one: Result | None, other: Result) -> Result:
    """Parameters of one test: the worst outcome, all examples together (a parameter that counts nothing is one)."""
    if one is None:
        return other
    order = ("passed", "skipped", "failed")
    counts = [result.examples for result in (one, other)]
    total = sum(1 if count is None else count for count in counts)
    return Result(max(one.outcome, other.outcome, key=order.index), total)


def states() -> list[tuple[Row, list[tuple[Tagged, Result | None]], str | None]]:
    """Each row with its tests, what they said, and what is wrong with it, if anything."""
    tests, said = tagged_tests(), results()
    table = []
    for row in rows():
        carried = [(test, said.get(test.node)) for test in tests if test.row == row.id]
        table.append((row, carried, _fault(row, carried)))
    return table


def _fault(row: Row, carried: Sequence[tuple[Tagged, Result | None]]) -> str | None:
    if row.due and not carried:
        return "no test carries its tag"
    wrong = [
        f"{test.node} says {test.name!r}, the table {row.name!r}"
        for test, _ in carried
        if test.name.lower() != row.name.lower()
    ]
    wrong += [f"{test.node} {said.outcome}" for test, said in carried if said and said.outcome != "passed"]
    return "; ".join(wrong) or None


def faults() -> list[str]:
    """One line for each row that is due and not shown, for each tagged test that did not pass, and for unknown ids."""
    known = {row.id for row in rows()}
    unknown = [f"{test.node}: there is no property {test.row}" for test in tagged_tests() if test.row not in known]
    return unknown + [f"property {row.id} ({row.name}): {fault}" for row, _, fault in states() if fault]


def render() -> str:
    """The table as text, faults last."""
    lines = []
    for row, carried, fault in states():
        said = "FAULT" if fault else "not due yet" if not carried else _summary([result for _, result in carried])
        lines.append(f"{row.id:>4}  {row.name:<44} {said}")
        lines += [f"      {test.node}" for test, _ in carried]
    wrong = faults()
    due = [row for row in rows() if row.due]
    lines += [
        "",
        f"{len(rows())} properties, {len(due)} due; " + (f"{len(wrong)} at fault:" if wrong else "none at fault"),
    ]
    return "\n".join(lines + [f"  {line}" for line in wrong])


def _summary(said: Sequence[Result | None]) -> str:
    if None in said:
        return "not run here yet (scripts/properties --run)"
    counted = sum(result.examples for result in said if result and result.examples)
    return f"passed, {counted} examples" if counted else "passed"


def main() -> int:
    """Print the table; `--bats FILE` first takes in what bats printed (standard input)."""
    if sys.argv[1:2] == ["--bats"]:
        remember_bats(sys.stdin.read(), sys.argv[2])
        return 0
    if sys.argv[1:2] == ["--tests"]:
        print("\n".join(sorted({test.node for test in tagged_tests() if test.file.endswith(".py")})))
        return 0
    print(render())
    return 1 if faults() else 0


if __name__ == "__main__":
    sys.exit(main())
