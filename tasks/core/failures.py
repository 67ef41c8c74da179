"""The report of a failed activation: what the host's scripts kept of it, as a person and as a program read it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tasks.core.diagnosis import ACTIVATION, Diagnosis, diagnose
from tasks.core.logins import host_of
from tasks.core.protocols import Answer
from tasks.core.reasons import typed

_SHOWN = 20
"""How many log lines of a service are shown; the host's log has more."""


@dataclass(frozen=True)
class FailureReport:
    """Read a failed activation's result, from whoever followed it or from the file that is kept of it."""

    answer: Answer
    target: str
    """The host as -H named it, for commands to type."""

    def value(self, key: str) -> str:
        """Give one value, with the host put into the commands in it."""
        return typed(self.answer.value(key), self.target)

    @property
    def release(self) -> str:
        """The release that did not come up."""
        return self.value("release")

    @property
    def reason(self) -> str:
        """What failed, in one line."""
        return self.value("failed.reason") or "the activation was cut off"

    @property
    def logs(self) -> Mapping[str, list[str]]:
        """The last lines of each service that failed, the one that is blamed first."""
        found: dict[str, list[str]] = {}
        for text in self.answer.values("line"):
            service, _, line = text.partition(" ")
            found.setdefault(service, []).append(line)
        first = self.value("failed.service")
        return {service: found[service][-_SHOWN:] for service in sorted(found, key=lambda each: each != first)}

    @property
    def known(self) -> Diagnosis | None:
        """The known failure that this is, as its reason says, else as the logs do."""
        service = self.value("failed.service")
        symptoms = [f"{self.value('failed.step')}/{service}: {self.reason}", self.value("failed.answer")]
        symptoms += [f"{name}| {line}" for name, lines in self.logs.items() for line in lines]
        symptoms += self.answer.values("lost")
        return diagnose("\n".join(symptoms), ACTIVATION)

    def title(self, host: str) -> str:
        """Say what was tried, where, and what came back: step, service, reason."""
        parts = ((key, self.value(f"failed.{key}")) for key in ("step", "service"))
        where = ", ".join(f"{key} {value}" for key, value in parts if value)
        return f"{self.release} did not come up on {host}{f' ({where})' if where else ''}: {self.reason}"

    def lines(self) -> Iterator[str]:
        """Write what is known beside the title: what was tried, containers, log lines, cause and check."""
        if tried := self.value("failed.tried"):
            answer = self.value("failed.answer")
            yield f"tried: {tried}; the last answer: {answer or 'none'}"
        for text in self.answer.values("container"):
            service, _, fault = text.partition(" ")
            if fault.partition(" (restarts")[0] not in self.reason:
                yield f"{service} {fault}"
        yield from self.answer.values("lost")
        for service, lines in self.logs.items():
            yield f"last lines of {service}:"
            yield from (f"  | {line}" for line in lines)
        if known := self.known:
            yield f"cause: {known.cause}"
            yield f"check: {typed(known.check, self.target)}"
            yield f"kept: {known.preserved}"

    def serving(self) -> str:
        """Say what served when the report was made; nothing when that is not known."""
        slot, active = self.value("slot"), self.value("active")
        if not slot:
            return "what serves now is not known; the next task that changes the host finishes or undoes it"
        if slot == "none":
            return "nothing serves; the database, its data and the volumes are kept"
        if self.value("answers") == "no":
            return f"slot {slot} with {active} is served, but the published port does not answer"
        if self.value("put_back").startswith("put back"):
            return f"{active} still serves from slot {slot}"
        return f"slot {slot} is served; the next task that changes the host verifies it, or undoes it"

    def next(self) -> str:
        """Give the next command: the host's own, else that of the known failure."""
        own = self.value("failed.next")
        if not own and (known := self.known):
            own = typed(known.remedy, self.target)
        return own or "mend what the last lines name"

    def _exit_code(self) -> int | None:
        """Find the exit code of the container or the command that failed."""
        said = re.search(r"exit code (\d+)", self.reason) or re.fullmatch(r"(\d+)", self.value("failed.code"))
        return int(said[1]) if said else None

    def as_json(self) -> dict[str, object]:
        """Give the same for programs (shape: docs/operating.md)."""
        names = ("release", "previous", "task", "time", "log")
        failed = ("step", "service", "reason", "tried", "answer")
        seq = self.value("seq")
        return {
            "schema": 1,
            "host": host_of(self.target),
            "seq": int(seq) if seq.isdigit() else None,
            **{name: self.value(name) or None for name in names},
            **{name: self.value(f"failed.{name}") or None for name in failed},
            "exit_code": self._exit_code(),
            "out_of_memory": "more memory than its limit" in self.reason,
            "containers": [dict(zip(("service", "state"), text.split(" ", 1), strict=True))
                           for text in self.answer.values("container")],
            "logs": self.logs,
            "not_captured": list(self.answer.values("lost")),
            "diagnosis": self.known.as_json(self.target) if self.known else None,
            "serving": {"release": self.value("active") or None, "slot": self.value("slot") or None,
                        "answers": self.value("answers") != "no" if self.value("slot") not in ("", "none") else False},
            "put_back": self.value("put_back") or None,
            "next": self.next(),
        }  # fmt: skip
