"""Failures that we know, each found in the output of a real one (tests/cases, Docker 26, PostgreSQL 15, nginx 1.30)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tasks.builders import failure
from tasks.core.build_output import failed_step
from tasks.core.diagnosis import BUILD, KNOWN, diagnose
from tasks.core.errors import DeployError
from tests.unit.test_docs import unknown_words

CASES = Path(__file__).parents[1] / "cases" / "builds"

EXPECTED = {
    # case: (what is said, what the excerpt shows, what to do)
    "base-image": ("a base image cannot be pulled", "lookup registry.example", "docker save"),
    "certificate": ("an authority that the build does not know", "code SELF_SIGNED_CERT_IN_CHAIN", "BUILD_CA_FILE"),
    "disk-full": ("no space left on this machine", "ENOSPC: no space left on device", "docker builder prune"),
    "lock-file": (
        "the lock file does not fit package.json",
        "Invalid: lock file's ws@8.23.0 does not satisfy ws@8.22.0",
        "npm install --package-lock-only",
    ),
    "prisma-engine": ("Prisma's engine could not be downloaded", "ENOTFOUND binaries.prisma.sh", "docs/application.md"),
    "registry-unreachable": ("the npm registry cannot be reached", "code ECONNREFUSED", ".npmrc"),
    "unknown": ("building the backend image failed", "  line 30", "mend what the last lines name"),
}


def lines(case: str) -> list[str]:
    return (CASES / f"{case}.log").read_text().splitlines()


def test_every_case_and_every_entry_is_looked_at() -> None:
    assert {path.stem for path in CASES.glob("*.log")} == set(EXPECTED)
    found = {diagnose("\n".join(lines(case)), BUILD) for case in EXPECTED}
    assert found == {None, *BUILD}


@pytest.mark.parametrize("case", EXPECTED)
def test_a_failed_build(case: str) -> None:
    what, shown, remedy = EXPECTED[case]
    error = failure("backend", lines(case), DeployError("ended with 1", detail="Dockerfile:1\n-----"), Path("b.log"))
    assert what in error.what
    assert shown in error.detail
    assert remedy in error.remedy
    assert "the whole output is in b.log" in error.remedy
    assert "Dockerfile:1" not in error.detail, "the Dockerfile's excerpt is not the error"
    assert len(error.detail.splitlines()) <= 21


def test_the_step_is_named_without_its_mounts() -> None:
    step = failed_step(lines("lock-file"))
    assert step is not None
    assert step.excerpt(1).splitlines()[0] == "[packages 4/4] RUN sh /tmp/install-packages"


def test_a_step_that_was_cancelled_is_not_the_one_that_failed() -> None:
    step = failed_step(["#5 ERROR: context canceled", "#6 [b 2/2] RUN false", "#6 0.1 why", "#6 ERROR: exit code: 1"])
    assert step is not None
    assert (step.name, step.output, step.reason) == ("[b 2/2] RUN false", ("why",), "exit code: 1")


def test_a_builder_that_says_nothing_is_told_as_it_is() -> None:
    error = failure(
        "edge", [], DeployError("`finch build …` ended with exit code 1", detail="(it said nothing)"), Path("e")
    )
    assert error.detail == "(it said nothing)"


SEED = {
    # the design's "Error Handling", bullet by bullet: its group, the failure, the case that shows it
    "Database Container Failures": {
        "Socket creation failure": "socket-not-made",
        "Peer authentication configuration errors": "peer",
        "Data volume mount failures": "data-volume",
    },
    "Backend API Container Failures": {
        "Socket connection failures": "socket-refused",
        "Prisma client errors": "prisma",
        "User permission errors": "role",
    },
    "Web Frontend Container Failures": {
        "Certificate loading errors": "certificate",
        "Port binding conflicts": "port",
        "Static asset missing": "page",
    },
    "SSH Connection Failures": {
        "Connection timeout": "unreachable",
        "Authentication failure": "login",
        "Host key verification": "host-key",
    },
    "Dependency Installation Failures": {
        "Docker installation failure": "installation",
        "Version incompatibility": "version",
        "Permission errors": "privilege",
    },
    "Image Build/Transfer Failures": {
        "Build failures": "build",
        "Transfer failures": "transfer",
        "Image corruption": "corruption",
    },
    "Configuration Errors": {
        "Missing required values": "settings",
        "Invalid certificate files": "certificate-file",
        "Environment variable errors": "interpolation",
    },
    "Socket Volume Issues": {
        "Permission denied": "socket-denied",
        "Mount failures": "mount",
        "Socket file missing": "socket-missing",
    },
    "Data Volume Issues": {
        "Disk space exhausted": "disk",
        "Corruption detected": "corrupt-data",
        "Mount failures": "data-denied",
    },
    "Timeout Handling": {
        "Database health check timeout": "database-late",
        "Backend API timeout": "backend-late",
        "Frontend timeout": "frontend-late",
    },
    "Persistent Failures": {
        "Retry logic": "no-answer",
        "Failure threshold": "threshold",
        "Diagnostic capture": "not-captured",
    },
}
"""A group's last bullet, "Recovery", is what each entry of it says was preserved, and its remedy."""

MORE = {"memory": "memory limit", "image": "not on the host any more", "migration": "Prisma",
        "migration-plain": "a migration did not come to its end", "crash": "stopped at its start",
        "edge-trial": "does not pass on to the release", "port-taken": "another process listens"}  # fmt: skip
"""Failures that the design does not list: a part of the cause."""


def text(case: str) -> str:
    return (CASES.parent / "failures" / f"{case}.txt").read_text()


def bullets() -> dict[str, str]:
    return {f"{group}: {failure}": case for group, each in SEED.items() for failure, case in each.items()}


def test_every_bullet_of_the_design_has_one_entry_with_what_was_preserved() -> None:
    listed = [each for each in KNOWN if each.bullet]
    assert sorted(each.bullet for each in listed) == sorted(bullets())
    assert [each.bullet for each in listed if not (each.cause and each.check and each.remedy and each.preserved)] == []


@pytest.mark.parametrize(("bullet", "case"), bullets().items())
def test_a_real_failure_finds_the_entry_of_its_bullet(bullet: str, case: str) -> None:
    """Looked for among all of them: an entry that fits too much would take the others' place."""
    found = diagnose(text(case), KNOWN)
    assert found is not None
    assert found.bullet == bullet


@pytest.mark.parametrize(("case", "cause"), MORE.items())
def test_other_failures_are_known_too(case: str, cause: str) -> None:
    found = diagnose(text(case), KNOWN)
    assert found is not None
    assert cause in found.cause


def test_every_case_is_looked_at() -> None:
    there = {path.stem for path in (CASES.parent / "failures").glob("*.txt")}
    assert there == {*bullets().values(), *MORE}


@pytest.mark.parametrize("entry", [each for each in KNOWN if each not in BUILD], ids=lambda each: each.cause[:40])
def test_every_remedy_names_a_command_that_exists(entry: object) -> None:
    remedy, check = getattr(entry, "remedy", ""), getattr(entry, "check", "")
    typed = re.findall(r"\bfab (-H HOST [a-z-]+(?: --[a-z-]+(?: [A-Z_]+=\S+)?)*|[a-z-]+)", f"{remedy}\n{check}")
    assert [words for words in typed if unknown_words(words)] == []
    assert "fab " in remedy, "a remedy ends with a command to type"
