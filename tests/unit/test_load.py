"""The load client against servers that misbehave: each loss is counted, and nothing else is."""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable

import pytest

from tests.live.load import Load, Report

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
SECONDS, RATE = 0.5, 60.0


class Server:
    """A small application: answers, and keeps what is posted. `wrong` may answer a request in its own way instead."""

    def __init__(self, wrong: Callable[[int, asyncio.StreamWriter], bool] | None = None) -> None:
        self.rows: list[dict[str, object]] = []
        self.requests = 0
        self.wrong = wrong

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            try:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
            except (asyncio.IncompleteReadError, ConnectionError):
                break
            size = next(
                (int(line.split(":")[1]) for line in head.split("\r\n") if line.startswith("Content-Length")), 0
            )
            body = await reader.readexactly(size)
            self.requests += 1
            if self.wrong and "before" not in head and self.wrong(self.requests, writer):
                continue
            self.answer(head, body, writer)
        writer.close()

    def answer(self, head: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        if head.startswith("POST"):
            row = {"id": len(self.rows) + 1, **json.loads(body)}
            self.rows.append(row)
            reply(writer, 201, json.dumps(row))
        else:
            reply(writer, 200, json.dumps(self.rows[::-1]) if head.startswith("GET /api") else "<html>")


def reply(writer: asyncio.StreamWriter, status: int, body: str) -> None:
    writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nX-Release: r1\r\n\r\n{body}".encode())


def load_on(server: Server, *, posts: float = 0.2) -> Report:
    """Run the load against the server, which lives only for it."""

    async def run() -> Report:
        listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        async with listener:
            report = await Load(f"http://127.0.0.1:{port}", rate=RATE, posts=posts).run(SECONDS)
            await asyncio.sleep(0.05)  # for the server's ends to close
        return report

    return asyncio.run(run())


def test_good_server_loses_nothing() -> None:
    server = Server()
    report = load_on(server)
    assert report.lost == 0
    assert report.requests == SECONDS * RATE
    assert report.acknowledged == report.posts == len(server.rows)
    assert report.releases == {"r1": report.requests}


def every_fifth(do: Callable[[asyncio.StreamWriter], None]) -> Callable[[int, asyncio.StreamWriter], bool]:
    def wrong(number: int, writer: asyncio.StreamWriter) -> bool:
        if number % 5 == 0:
            do(writer)
        return number % 5 == 0

    return wrong


def reset(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


def end_early(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\nhalf")
    writer.close()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (lambda writer: reply(writer, 502, "bad gateway"), "502 b'bad gateway'"),
        (lambda writer: reply(writer, 404, ""), "404"),
        (reset, "closed after|reset"),
        (end_early, "closed after 4 bytes of the body"),
    ],
    ids=["502", "404", "reset", "cut"],
)
def test_each_failure_is_counted_and_not_repeated(fault: Callable[[asyncio.StreamWriter], None], said: str) -> None:
    server = Server(every_fifth(fault))
    report = load_on(server, posts=0)
    assert report.failed == report.requests // 5 == len(report.failures)
    assert server.requests == report.requests
    assert all(re.search(said, failure) for failure in report.failures)


def test_silence_is_a_failure_after_two_seconds() -> None:
    report = load_on(Server(lambda number, _writer: number == 3), posts=0)
    assert report.failed == 1
    assert "TimeoutError" in report.failures[0]


def test_nobody_listening_fails_every_request() -> None:
    report = asyncio.run(Load("http://127.0.0.1:9", rate=RATE).run(SECONDS))
    assert report.failed == report.requests == SECONDS * RATE


def test_acknowledged_post_that_is_gone_is_missing() -> None:
    server = Server()
    keep = server.answer

    def forget(head: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        keep(head, body, writer)
        if len(server.rows) == 2:
            server.rows[1] = server.rows[0]

    server.answer = forget  # type: ignore[method-assign]
    report = load_on(server, posts=1)
    assert (report.missing, report.twice, report.failed) == (1, 1, 0)
    assert report.lost == 2


def test_request_cut_in_the_middle_of_its_body_is_a_failure() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    server = Server()
    server.serve = cut  # type: ignore[method-assign]
    report = load_on(server, posts=1)
    assert report.failed == report.posts >= report.halting_posts > 0


def test_late_generator_does_not_send_what_is_old_all_at_once() -> None:
    """The loop stands still for 2 s of 4: one second of it is made good, and the report says so.

    Turned red by: `due + 1 / self.rate` alone in Load.run.
    """

    async def run() -> Report:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.5, time.sleep, 2)
        asyncio.get_running_loop().call_later(4, stop.set)
        return await Load("http://127.0.0.1:9", rate=RATE).run(None, stop)

    report = asyncio.run(run())
    assert report.requests < 3.5 * RATE
    assert report.sent_per_second < RATE
    assert report.milliseconds["generator late"]["longest"] > 1900
