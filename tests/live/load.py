"""A constant load that never repeats a request, and counts what was lost.

Run as `python -m tests.live.load http://HOST --seconds 30 --rate 100`; prints JSON, exits 1 when anything was lost.

Requests leave at a constant rate whatever the answers take (a slow server does not slow the load). Half of them open a
connection of their own; the others use kept ones, each held idle for 0-7 s between two requests. A tenth are POSTs, and
half of those halt in the middle of their body, so that some request is in flight at every moment of a switch.
Failed is what a person would notice: not 2xx, a connection refused or reset, an answer that ends early, or over 2 s.
A kept connection that the server closed *while it was idle* is no failed request, any client sees that before it sends;
it is counted by itself. Every POST is looked for afterwards: each acknowledged one must be there exactly once.
"""

import argparse
import asyncio
import json
import random
import secrets
import ssl
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

TOO_LONG = 2.0
IDLE = 7.0
HALT = 5.0
PAGE = 100
ACTIVITIES = "/api/activities"
PATHS = ("/", ACTIVITIES, "/", "/activities/1", "/health")


class BrokenAnswerError(Exception):
    """The connection ended before the answer did."""


@dataclass
class Report:
    """What was sent, what came back, and every failure with its second."""

    url: str
    seconds: float = 0.0
    rate: float = 0.0
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
    slowest_ms: int = 0
    median_ms: int = 0
    releases: dict[str, int] = field(default_factory=dict)

    @property
    def lost(self) -> int:
        """Failed requests, and POSTs acknowledged but not there exactly once."""
        return self.failed + self.missing + self.twice


@dataclass
class Answer:
    """A whole answer."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """One HTTP/1.1 connection, used for one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.ready_at = 0.0

    @property
    def is_closed(self) -> bool:
        """Whether the server has said goodbye: seen before anything is sent."""
        return self.reader.at_eof() or self.reader.exception() is not None or self.writer.is_closing()

    async def ask(self, request: bytes, *, halt: float = 0.0) -> Answer:
        """Send once, read the answer to its end; `halt` is how many seconds to wait before the last ten bytes."""
        if halt:
            self.writer.write(request[:-10])
            await asyncio.sleep(halt)
            request = request[-10:]
        self.writer.write(request)
        await self.writer.drain()
        status, headers = await self._head()
        return Answer(status, headers, await self._body(status, headers))

    async def _head(self) -> tuple[int, dict[str, str]]:
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            raise BrokenAnswerError(f"closed after {len(error.partial)} bytes of the head") from error
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        return int(first.split()[1]), headers

    async def _body(self, status: int, headers: dict[str, str]) -> bytes:
        try:
            if headers.get("transfer-encoding", "").lower() == "chunked":
                return await self._chunks()
            if status == 204:
                return b""
            return await self.reader.readexactly(int(headers.get("content-length", "0")))
        except asyncio.IncompleteReadError as error:
            raise BrokenAnswerError(f"closed after {len(error.partial)} bytes of the body") from error

    async def _chunks(self) -> bytes:
        body = b""
        while True:
            size = int((await self.reader.readuntil(b"\r\n")).split(b";")[0], 16)
            chunk = await self.reader.readexactly(size + 2)
            if size == 0:
                return body
            body += chunk[:-2]

    def close(self) -> None:
        self.writer.close()


class Load:
    """A run of the load against one address."""

    def __init__(
        self, url: str, *, rate: float, paths: Sequence[str] = PATHS, posts: float = 0.1, patience: float = TOO_LONG
    ) -> None:
        address = urlsplit(url)
        self.host = address.hostname or ""
        self.tls = address.scheme == "https"
        self.port = address.port or (443 if self.tls else 80)
        self.rate = rate
        self.paths = paths
        self.posts = posts
        self.patience = patience
        self.run_id = secrets.token_hex(4)
        self.random = random.Random(self.run_id)
        self.idle: list[Connection] = []
        self.acknowledged: set[str] = set()
        self.first_id: int | None = None
        self.times: list[float] = []
        self.releases: Counter[str] = Counter()
        self.report = Report(url, rate=rate)
        self.began = 0.0

    async def run(self, seconds: float | None, stop: asyncio.Event | None = None) -> Report:
        """Load for `seconds`, or until `stop` is set; then look for the POSTs."""
        stop = stop or asyncio.Event()
        self.began = time.monotonic()
        tasks: set[asyncio.Task[None]] = set()
        number = 0
        while not stop.is_set() and (seconds is None or number < seconds * self.rate):
            await asyncio.sleep(max(0.0, self.began + number / self.rate - time.monotonic()))
            task = asyncio.create_task(self._request(number))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            number += 1
        await asyncio.gather(*tasks)
        self.report.seconds = round(time.monotonic() - self.began, 1)
        for connection in self.idle:
            connection.close()
        await self._look_for_posts()
        await asyncio.sleep(0.05)  # closing takes the loop a round
        return self._finished()

    async def _request(self, number: int) -> None:
        title = f"load {self.run_id} {number}" if self.random.random() < self.posts else None
        path = ACTIVITIES if title else self.random.choice(self.paths)
        keep = self.random.random() < 0.5
        self.report.requests += 1
        self.report.posts += title is not None
        halt = self.random.uniform(0.2, HALT) if title and self.random.random() < 0.5 else 0.0
        self.report.halting_posts += halt > 0
        started = time.monotonic()
        connection: Connection | None = None
        try:
            async with asyncio.timeout(self.patience + halt):
                connection = (self._kept() if keep else None) or await self._open()
                answer = await connection.ask(self._text(path, title, keep=keep), halt=halt)
            self._judge(answer, title, f"{'POST' if title else 'GET'} {path}")
        except (OSError, BrokenAnswerError, TimeoutError, ValueError, asyncio.LimitOverrunError) as error:
            self._failed(f"{'POST' if title else 'GET'} {path}", f"{type(error).__name__} {error}")
            keep = False
        self.times.append(time.monotonic() - started - halt)
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
        self.report.failures.append(f"{time.monotonic() - self.began:.2f} s: {what}: {why}")

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
        context = ssl._create_unverified_context() if self.tls else None  # noqa: S323 - the tests' own certificates
        reader, writer = await asyncio.open_connection(self.host, self.port, ssl=context)
        return Connection(reader, writer)

    def _text(self, path: str, title: str | None, *, keep: bool) -> bytes:
        body = json.dumps({"title": title}).encode() if title else b""
        lines = [f"{'POST' if title else 'GET'} {path} HTTP/1.1", f"Host: {self.host}", "Accept: */*"]
        lines += [] if keep else ["Connection: close"]
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"] if title else []
        return "\r\n".join([*lines, "", ""]).encode() + body

    async def _look_for_posts(self) -> None:
        """Read back, newest first, until before the first of ours."""
        found: Counter[str] = Counter()
        if self.first_id is None:
            return
        before = ""
        while True:
            connection = await self._open()
            answer = await connection.ask(self._text(f"{ACTIVITIES}{before}", None, keep=False))
            connection.close()
            page: list[dict[str, Any]] = json.loads(answer.body)
            found.update(row["title"] for row in page if row["title"].startswith(f"load {self.run_id} "))
            if len(page) < PAGE or page[-1]["id"] < self.first_id:
                break
            before = f"?before={page[-1]['id']}"
        self.report.missing = sum(1 for title in self.acknowledged if not found[title])
        self.report.twice = sum(1 for title in self.acknowledged if found[title] > 1)

    def _finished(self) -> Report:
        self.report.acknowledged = len(self.acknowledged)
        self.report.releases = dict(self.releases)
        ordered = sorted(self.times)
        if ordered:
            self.report.slowest_ms = round(ordered[-1] * 1000)
            self.report.median_ms = round(ordered[len(ordered) // 2] * 1000)
        return self.report


def main() -> int:
    """Run the load from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.live.load", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second (default: 100)")
    parser.add_argument("--path", action="append", help="what to GET, instead of the sample application's pages")
    parser.add_argument("--posts", type=float, default=0.1, help="share of POSTs (default: 0.1)")
    options = parser.parse_args()
    load = Load(options.url, rate=options.rate, paths=options.path or PATHS, posts=options.posts)
    report = asyncio.run(load.run(options.seconds))
    print(json.dumps(asdict(report), indent=1))
    return 1 if report.lost else 0


if __name__ == "__main__":
    sys.exit(main())
