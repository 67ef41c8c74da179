"""What we read is what Docker Compose reads: settings files, and which variables of a compose file are missing.

Compose is asked without an engine: `docker compose config`, hundreds of files or texts in one call.
"""

import io
import json
import os
import random
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import dotenv
import pytest

from tasks.core.interpolation import missing_variables
from tasks.core.settings import parse_env_text
from tasks.core.settings.dialects import DIALECTS, Answer
from tests.properties.conftest import Examples
from tests.properties.release import seeded

FILES, TEXTS, NEEDED = 400, 400, 40

pytestmark = pytest.mark.timeout(600)


def compose_config(place: Path, services: Mapping[str, Mapping[str, object]]) -> subprocess.CompletedProcess[str]:
    """Have Compose show what it makes of services, with nothing of ours in its environment."""
    place.mkdir(exist_ok=True)
    whole = {name: {"image": "none", **service} for name, service in services.items()}
    (place / "compose.json").write_text(json.dumps({"name": "x", "services": whole}))
    kept = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    return subprocess.run(
        ["docker", "compose", "--env-file", "/dev/null", "-f", "compose.json", "config", "--format", "json"],
        cwd=place,
        env=kept | {"SET": "1", "EMPTY": ""},
        capture_output=True,
        text=True,
        check=False,
    )


# --- settings files ---


ORDINARY = (*"aB7é🙂=:,/%{}!&;|<~*.()`^?", "word", "x y", "a#b")
VARIABLE, IN_SINGLE = "a variable without quotes, or in double quotes", "a variable in single quotes"
DOLLARS, TAB, CRLF = "two dollars, not in single quotes", "a tab before `#`, without quotes", "CRLF within quotes"
NOTHING = "white space alone before `#`"
PIECES: dict[str, dict[str, str]] = {
    "": {"\\": "", "\\n": "", "'": "", '"': "", "#": "", "$X": VARIABLE, "${X}": VARIABLE,
         "${NONE:-d}": VARIABLE, "$$-": DOLLARS},
    "'": {"\\n": "", "\\x": "", "\\'": "", '"': "", " # ": "", "\n": "", "$X": "", "${X}": IN_SINGLE, "$$-": "",
          "$(id)": "", r"\\": r"`\\` in single quotes"},
    '"': {r"\n": "", r"\t": "", r"\x": "", r"\"": "", r"\\": "", "'": "", " # ": "", "\n": "", "$X": VARIABLE,
          "${X}": VARIABLE, "$$-": DOLLARS, r"\'": r"`\'` in double quotes", r"\$-": r"`\$` in double quotes",
          r"\0101": r"`\0` and digits in double quotes"},
}  # fmt: skip
"""What a value may have in it beside ORDINARY, by its quote, and the dialect that it makes."""
ODD = {dialect.name: dialect.example for dialect in DIALECTS if dialect.ours is Answer.REFUSED}
"""Lines that we refuse, which set A."""


@dataclass
class File:
    """A settings file, and the names of the dialects that each variable is written in; "" is the file itself."""

    text: str
    dialects: dict[str, set[str]]


def some_file(chance: random.Random) -> File:
    """Write a file in every way that a file can be written in."""
    lines, dialects = ["X=1"], {"X": set[str](), "": set[str]()}
    for number in range(chance.randint(1, 6)):
        line, dialects[f"K{number}"] = _assignment(chance, f"K{number}")
        lines += [line] if chance.random() < 0.8 else ["", "  # a 'comment: $X=1", line]
    if chance.random() < 0.15:
        name = chance.choice(sorted(ODD))
        lines.append(ODD[name])
        dialects[""].add(name)
    text = "\n".join(lines) + chance.choice(("", "\n", "\n\n"))
    if chance.random() < 0.2:
        text = text.replace("\n", "\r\n")
        for line, key in ((line, line.partition("=")[0].split()[-1]) for line in lines if "=" in line):
            if "\n" in line and key in dialects:
                dialects[key].add(CRLF)
    return File(("\ufeff" if chance.random() < 0.2 else "") + text, dialects)


def _assignment(chance: random.Random, key: str) -> tuple[str, set[str]]:
    quote = chance.choice(tuple(PIECES))
    chosen = [chance.choice((*ORDINARY, *PIECES[quote])) for _ in range(chance.randint(0, 8))]
    if not quote and chosen and chosen[0] in ("'", '"', "#"):
        chosen[0] = "a"
    found = {PIECES[quote].get(piece, "") for piece in chosen} - {""}
    behind = chance.choice(("", "", " # b 'c", "\t# b", "  "))
    if behind == "\t# b" and not quote:
        found.add(TAB)
    before, equals = chance.choice(("", "export ", "  ", "\texport\t")), chance.choice(("=", "=", " = ", " =", "= "))
    if not quote and not "".join(chosen).strip() and behind.strip():
        found.add(NOTHING)
    return f"{before}{key}{equals}{quote}{''.join(chosen)}{quote}{behind}", found


def by_ours(text: str) -> dict[str, str] | Answer:
    file = parse_env_text(text.removeprefix("\ufeff"), name=".env")
    return Answer.REFUSED if file.faults else {key: entry.value for key, entry in file.entries.items()}


def by_dotenv(text: str) -> dict[str, str]:
    found = dotenv.dotenv_values(stream=io.StringIO(text.removeprefix("\ufeff"), newline=""), interpolate=True)
    return {key: value for key, value in found.items() if value is not None}


def by_compose(place: Path, texts: list[str]) -> list[dict[str, str] | Answer]:
    """Have Compose read every text, as the env_file of a service of its own; those that it refuses one by one."""
    place.mkdir()
    for number, text in enumerate(texts):
        (place / f"{number}.env").write_bytes(text.encode())
    refused: set[int] = set()
    while True:
        asked = [number for number in range(len(texts)) if number not in refused]
        done = compose_config(place, {f"s{number}": {"env_file": [f"{number}.env"]} for number in asked})
        if done.returncode == 0:
            break
        found = re.search(r"(\d+)\.env", done.stderr)
        assert found, done.stderr
        assert int(found[1]) not in refused, done.stderr
        refused.add(int(found[1]))
    shown = json.loads(done.stdout)["services"]
    return [
        Answer.REFUSED
        if number in refused
        else {key: value.replace("$$", "$") for key, value in (shown[f"s{number}"].get("environment") or {}).items()}
        for number in range(len(texts))
    ]


def test_each_row_of_the_table_is_true(tmp_path: Path) -> None:
    """Turned red by: another value in any row of DIALECTS (tasks/core/settings/dialects.py)."""
    texts = [f"X=1\n{dialect.example}\n" for dialect in DIALECTS]
    for dialect, text, compose in zip(DIALECTS, texts, by_compose(tmp_path / "rows", texts), strict=True):
        found = [by_ours(text), compose, by_dotenv(text)]
        values = [each if isinstance(each, Answer) else each.get("A", Answer.DROPPED) for each in found]
        assert values == [dialect.ours, dialect.compose, dialect.dotenv], dialect.name
        assert len(set(map(str, values))) > 1, f"no difference: {dialect.name}"


def test_a_settings_file_means_the_same_to_all_but_for_the_table(
    tmp_path: Path, examples: Examples, full: bool
) -> None:
    """Random files, read by all three: each difference is a row of the table, and each row is met.

    Everyday: 400 files; with --full 10 000.

    Turned red by: no `.replace("\\r\\n", "\\n")` in parse_env_text; any row left out of DIALECTS.
    """
    chance, met = seeded(), set[str]()
    for number in range(25 if full else 1):
        files = [some_file(chance) for _ in range(FILES)]
        by_all = zip(files, by_compose(tmp_path / str(number), [file.text for file in files]), strict=True)
        for file, compose in by_all:
            met |= _explained(file, {"compose": compose, "dotenv": by_dotenv(file.text)})
            examples()
    assert met == {dialect.name for dialect in DIALECTS}, "rows that were never met"


def _explained(file: File, others: dict[str, dict[str, str] | Answer]) -> set[str]:
    """Give the dialects that alone explain why others read the file otherwise; fail where none does."""
    ours = by_ours(file.text)
    if ours is Answer.REFUSED:
        assert file.dialects[""], f"refused: {file}"
        return file.dialects[""]
    assert not file.dialects[""], f"not refused: {file}"
    assert isinstance(ours, dict)
    assert ours.keys() == file.dialects.keys() - {""}, file
    reasons: set[str] = set()
    for name, other in others.items():
        assert isinstance(other, dict), f"{name} refuses {file}"
        assert other.keys() == ours.keys(), file
        for key in ours:
            if ours[key] != other[key]:
                rows = [each for each in DIALECTS if each.name in file.dialects[key]]
                explaining = {row.name for row in rows if row.ours != getattr(row, name)}
                assert explaining, f"{key}: {ours[key]!r} is {other[key]!r} to {name}: {file}"
                reasons |= explaining if len(explaining) == 1 else set()
    return reasons


# --- variables of compose files ---


def test_what_is_missing_is_what_compose_misses(tmp_path: Path, examples: Examples) -> None:
    """Random texts with variables, nested and not: Compose warns of those that we name, and of no others.

    Turned red by: no look into the word in `_braced` (tasks/core/interpolation.py), or only where it is used.
    """
    chance, known = seeded(), {"SET": "1", "EMPTY": ""}
    texts = {f"s{number}": _text(chance, f"N{number}", 3) for number in range(TEXTS)}
    services = {name: {"environment": {"V": text}} for name, text in texts.items()}
    done = compose_config(tmp_path / "texts", services)
    assert done.returncode == 0, done.stderr
    warned = set(re.findall(r'The \\"(\w+)\\" variable is not set', done.stderr))
    named = {found.name for text in texts.values() for found in missing_variables(text, known)}
    assert named == warned
    assert len(named) > TEXTS / 4
    examples(len(texts))
    for number in range(NEEDED):
        text = _text(chance, "N", 1) + chance.choice(
            (
                "${SET:?}",
                "${EMPTY:?e}",
                "${EMPTY?}",
                "${NONE?why}",
                "${NONE:?}",
                "${",
                "${}",
                "${1}",
                "${SET",
                "${SET x}",
            )
        )
        refused = compose_config(tmp_path / f"n{number}", {"s": {"environment": {"V": text}}})
        ours = [found for found in missing_variables(text, known) if "used here" not in found.what]
        assert bool(refused.returncode) == bool(ours), (text, refused.stderr)
        assert all(found.name in refused.stderr for found in ours), (text, refused.stderr)
        examples()


def _text(chance: random.Random, names: str, depth: int) -> str:
    """Write a text with variables that are set, empty, or not there under names of their own."""
    return "".join(_part(chance, f"{names}_{number}", depth) for number in range(chance.randint(0, 4)))


def _part(chance: random.Random, name: str, depth: int) -> str:
    name = chance.choice(("SET", "EMPTY", name, name))
    word = _text(chance, name + "w", depth - 1) if depth else "w"
    forms = ("$" + name + " ", "${" + name + "}", "a: b", "$$" + name, " $ ", "$1", "é")
    operators = tuple("${" + name + operator + word + "}" for operator in ("-", ":-", "+", ":+"))
    return chance.choice(forms + operators)
