"""A constant load that never repeats a request, and counts what was lost.

Run as `python -m tests.live.load http://HOST --seconds 30 --rate 200`; prints JSON, exits 1 when anything was lost.

Requests leave at a constant rate whatever the answers take (a slow server does not slow the load). Half of them open a
connection of their own; the others use kept ones, each held idle for 0-7 s between two requests. A tenth are POSTs, and
half of those halt in the middle of their body, so that some request is in flight at every moment of a switch.
Failed is what a person would notice: not 2xx, a connection refused or reset, an answer that ends early, or over 2 s.
A kept connection that the server closed *while it was idle* is no failed request, any client sees that before it sends;
it is counted by itself. Every POST is looked for afterwards: each acknowledged one must be there exactly once.
How late the generator itself was is measured too: on a busy machine it is what a slow answer may be due to.
"""

import argparse
import asyncio
import json
import os
import random
import secrets
import sys
import time
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.live.applications import GUESTBOOK, TRACKER, Application
from tests.live.connection import Answer, BrokenAnswerError, Connection, Server
from tests.live.streams import TOO_LONG, Serving, Streams

IDLE = 7.0
HALT = 5.0
BEHIND = 1.0  # seconds that a late generator makes good; what is older is not sent later, all at once
LATE = "generator late"


@dataclass
class Report:
    """What was sent, what came back, and every failure with its second."""

    url: str
    seconds: float = 0.0
    rate: float = 0.0
    sent_per_second: float = 0.0
    """Less than the rate when the generator's own machine was too busy."""
    requests: int = 0
    posts: int = 0
    halting_posts: int = 0
    kept_connections: int = 0
    new_connections: int = 0
    closed_while_idle: int = 0
    failed: int = 0
    failures: list[str] = field(default_factory=list)
    acknowledged: int = 0
    missing: int = 0
    twice: int = 0
    downloads: int = 0
    web_sockets: int = 0
    echoes: int = 0
    cut_after: list[float] = field(default_factory=list)
    """Seconds from a switch until the WebSocket that would stay for good was cut."""
    switches: int = 0
    releases: dict[str, int] = field(default_factory=dict)
    milliseconds: dict[str, dict[str, float]] = field(default_factory=dict)
    """How long answers took, by phase; and how late the generator was."""

    @property
    def lost(self) -> int:
        """Failed requests, and POSTs acknowledged but not there exactly once."""
        return self.failed + self.missing + self.twice


class Load:
    """A run of the load against one address."""

    def __init__(
        self,
        url: str,
        *,
        rate: float,
        application: Application = TRACKER,
        posts: float = 0.1,
        patience: float = TOO_LONG,
        hold: float = 0.0,
    ) -> None:
        self.server = Server.at(url)
        self.rate = rate
        self.application = application
        self.posts = posts
        self.patience = patience
        self.run_id = secrets.token_hex(4)
        self.random = random.Random(self.run_id)
        self.idle: list[Connection] = []
        self.acknowledged: set[str] = set()
        self.first_id: int | None = None
        self.phase = "answers"
        self.times: defaultdict[str, list[float]] = defaultdict(list)
        self.late = self.times[LATE]
        self.releases: Counter[str] = Counter()
        self.serving = Serving()
        self.streams = Streams(self.server, application, hold, self.serving, self._failed) if hold else None
        self.report = Report(url, rate=rate)
        self.began = 0.0

    async def run(self, seconds: float | None, stop: asyncio.Event | None = None) -> Report:
        """Load for `seconds`, or until `stop` is set; then look for the POSTs."""
        stop = stop or asyncio.Event()
        due = self.began = time.monotonic()
        tasks: set[asyncio.Task[None]] = set()
        if self.streams:
            tasks.add(asyncio.create_task(self.streams.run(stop)))
        number = 0
        while not stop.is_set() and (seconds is None or number < seconds * self.rate):
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self.late.append(time.monotonic() - due)
            due = max(due + 1 / self.rate, time.monotonic() - BEHIND)
            task = asyncio.create_task(self._request(number))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            number += 1
        stop.set()
        self.report.sent_per_second = round(number / (time.monotonic() - self.began), 1)
        await asyncio.gather(*tasks)
        self.report.seconds = round(time.monotonic() - self.began, 1)
        for connection in self.idle:
            connection.close()
        await self._look_for_posts()
        await asyncio.sleep(0.05)  # closing takes the loop a round
        return self._finished()

    async def _request(self, number: int) -> None:
        title = f"load {self.run_id} {number}" if self.random.random() < self.posts else None
        path = self.application.rows if title else self.random.choice(self.application.gets)
        keep = self.random.random() < 0.5
        self.report.requests += 1
        self.report.posts += title is not None
        halt = self.random.uniform(0.2, HALT) if title and self.random.random() < 0.5 else 0.0
        self.report.halting_posts += halt > 0
        started, phase = time.monotonic(), self.phase
        connection: Connection | None = None
        try:
            async with asyncio.timeout(self.patience + halt):
                connection = (self._kept() if keep else None) or await self._open()
                body = json.dumps({self.application.column: title}).encode() if title else None
                answer = await connection.ask(self.server.request(path, body, keep=keep), halt=halt)
            self.serving.saw(answer.headers.get("x-release", ""), started)
            self._judge(answer, title, f"{'POST' if title else 'GET'} {path}")
        except (OSError, BrokenAnswerError, TimeoutError, ValueError, asyncio.LimitOverrunError) as error:
            self._failed(f"{'POST' if title else 'GET'} {path}", f"{type(error).__name__} {error}")
            keep = False
        self.times[phase].append(time.monotonic() - started - halt)
        if connection:
            self._put_back(connection, keep=keep and answer.headers.get("connection", "").lower() != "close")

    def _judge(self, answer: Answer, title: str | None, what: str) -> None:
        self.releases[answer.headers.get("x-release", "none")] += 1
        if not 200 <= answer.status < 300:
            self._failed(what, f"{answer.status} {answer.body[:120]!r}")
        elif title:
            stored = json.loads(answer.body)["id"]
            self.acknowledged.add(title)
            self.first_id = stored if self.first_id is None else min(self.first_id, stored)

    def _failed(self, what: str, why: str) -> None:
        self.report.failed += 1
        late = max(self.late[-round(self.rate * TOO_LONG) :], default=0.0)
        busy = f"generator up to {late * 1000:.0f} ms late, load average {os.getloadavg()[0]:.1f}"
        self.report.failures.append(f"{time.monotonic() - self.began:.2f} s: {what}: {why} ({busy})")

    def _kept(self) -> Connection | None:
        """A kept connection whose idle time is over; those that the server closed meanwhile are counted and dropped."""
        now = time.monotonic()
        for connection in [each for each in self.idle if each.is_closed]:
            self.report.closed_while_idle += 1
            self.idle.remove(connection)
            connection.close()
        due = [each for each in self.idle if each.ready_at <= now]
        if not due:
            return None
        connection = min(due, key=lambda each: each.ready_at)
        self.idle.remove(connection)
        self.report.kept_connections += 1
        return connection

    def _put_back(self, connection: Connection, *, keep: bool) -> None:
        if keep and not connection.is_closed:
            connection.ready_at = time.monotonic() + self.random.uniform(0, IDLE)
            self.idle.append(connection)
        else:
            connection.close()

    async def _open(self) -> Connection:
        self.report.new_connections += 1
        return await self.server.open()

    async def _look_for_posts(self) -> None:
        """Read back, newest first, until before the first of ours."""
        found: Counter[str] = Counter()
        if self.first_id is None:
            return
        before = ""
        while True:
            connection = await self._open()
            answer = await connection.ask(self.server.request(self.application.rows + before))
            connection.close()
            page: list[dict[str, Any]] = json.loads(answer.body)
            texts = [row[self.application.column] for row in page]
            found.update(text for text in texts if text.startswith(f"load {self.run_id} "))
            if len(page) < self.application.page or page[-1]["id"] < self.first_id:
                break
            before = f"?before={page[-1]['id']}"
        self.report.missing = sum(1 for title in self.acknowledged if not found[title])
        self.report.twice = sum(1 for title in self.acknowledged if found[title] > 1)

    def _finished(self) -> Report:
        self.report.acknowledged = len(self.acknowledged)
        self.report.releases = dict(self.releases)
        self.report.switches = self.serving.switches
        self.report.milliseconds = {phase: spread(times) for phase, times in self.times.items()}
        if self.streams:
            self.report.downloads = self.streams.downloads
            self.report.web_sockets = self.streams.web_sockets
            self.report.echoes = self.streams.echoes
            self.report.cut_after = self.streams.cut_after
        return self.report


def spread(seconds: list[float]) -> dict[str, float]:
    """Median, 99th percentile and longest, in milliseconds."""
    ordered = sorted(seconds)
    at = {"median": len(ordered) // 2, "p99": len(ordered) * 99 // 100, "longest": len(ordered) - 1}
    return {name: round(ordered[place] * 1000, 1) for name, place in at.items()}


def main() -> int:
    """Run the load from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.live.load", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second (default: 100)")
    parser.add_argument("--posts", type=float, default=0.1, help="share of POSTs (default: 0.1)")
    parser.add_argument("--hold", type=float, default=0.0, help="seconds of downloads and WebSockets (default: none)")
    parser.add_argument("--guestbook", action="store_true", help="against tests/apps/guestbook: it has such streams")
    options = parser.parse_args()
    application = GUESTBOOK if options.guestbook else TRACKER
    load = Load(options.url, rate=options.rate, application=application, posts=options.posts, hold=options.hold)
    report = asyncio.run(load.run(options.seconds))
    print(json.dumps(asdict(report), indent=1))
    return 1 if report.lost else 0


if __name__ == "__main__":
    sys.exit(main())
