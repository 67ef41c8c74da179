"""What the pages name exists: files, tasks with their options, and the places that links lead to."""

import inspect
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks import STEPS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
NAMES = {path.name for place in ("tasks", "scripts", "tests", "compose") for path in (ROOT / place).rglob("*")}
COMMON_OPTIONS = {"--json", "--verbose", "--set", "--list", "--help"}
WITH_VALUE_OF_A_TASK = {
    f"--{name}" for name in ("release", "wait", "service", "lines", "tail", "since", "to", "backup", "message")
}
# fab's own options that take a value
WITH_VALUE = {"-H", "-S", "-i", "--set"}
ELSEWHERE = {"host.sh", "deploy.sh"}
"""The first is made from scripts/host/ and lies in each release; the second is named as not there yet."""

every_page = pytest.mark.parametrize("page", [pytest.param(page, id=page.name) for page in PAGES])


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def code(text: str) -> Iterator[str]:
    """Every command line: those of code blocks, and what stands in backticks."""
    for block in re.findall(r"^ *```\w*\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
        yield from (line.strip().removeprefix("$ ") for line in block.splitlines())
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL))


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@every_page
def test_tasks_and_their_options_exist(page: Path) -> None:
    for line in code(text_of(page)):
        if match := re.search(r"(?:^|[ /])fab (.*)", line):
            assert unknown_words(match[1]) == [], f"{page.name}: {line}"


def unknown_words(arguments: str) -> list[str]:
    """What fab would not know of these arguments; words in capitals and … stand for what the reader puts there."""
    options = {step.__name__.replace("_", "-"): inspect.signature(step).parameters for step in STEPS}
    known, unknown = set(COMMON_OPTIONS), []
    words = iter(shlex.split(re.split(r";|\s[<>|&]|\s#", " " + arguments)[0].replace("…", ""), posix=True))
    for word in words:
        if word == "--":  # a command that is not ours
            break
        if word in WITH_VALUE or (word in WITH_VALUE_OF_A_TASK and word in known):
            next(words, None)
        elif word in options:
            known |= {f"--{name.replace('_', '-')}" for name in options[word]}
            if any(each.kind is each.KEYWORD_ONLY and each.default is each.empty for each in options[word].values()):
                next(words, None)  # given without its option's name
        elif word not in known and not re.fullmatch(r"[A-Z]+", word):
            unknown.append(word)
    return unknown


@every_page
def test_files_of_the_repository_exist(page: Path) -> None:
    for words in code(text_of(page)):
        for word in words.split():
            if re.fullmatch(r"(?:docs|scripts|tasks|tests|containers|compose|examples)/[\w./-]+", word):
                assert (ROOT / word).exists(), f"{page.name}: {word}"
            elif re.fullmatch(r"\w+\.(?:py|sh)", word):
                assert word in NAMES | ELSEWHERE, f"{page.name}: {word}"


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if "://" in target:
            continue
        name, _, place = target.partition("#")
        other = (page.parent / name).resolve() if name else page
        assert other.exists(), f"{page.name}: {target}"
        assert not place or place in anchors(other), f"{page.name}: {target}"
