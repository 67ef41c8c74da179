"""Downloads and WebSockets of the load against servers that misbehave: each loss is counted, and nothing else is."""

import asyncio
import re
import time
from dataclasses import dataclass, field

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from tests.live.applications import GUESTBOOK
from tests.live.connection import Server
from tests.live.streams import Serving, Streams

HOLD, SECONDS = 0.4, 0.1  # one download, one WebSocket, and the one for good


@dataclass
class Fake:
    """An application with both; what it does wrong is set."""

    download: str = "more\nwhole\n"
    download_takes: float = HOLD + 0.05
    status: int = 200
    echoes: int = 1000
    echo: str = ""
    serving: Serving = field(default_factory=Serving)
    switch_after: float | None = None

    async def web_socket(self, socket: ServerConnection) -> None:
        for _ in range(self.echoes):
            text = await socket.recv()
            await socket.send(self.echo or text)

    async def answer(self, socket: ServerConnection, request: Request) -> Response | None:
        if not request.path.startswith("/api/download?seconds="):
            return None
        await asyncio.sleep(self.download_takes)
        return socket.respond(self.status, self.download)

    def sign(self, _socket: ServerConnection, _request: Request, response: Response) -> None:
        response.headers["X-Release"] = "r1"


def streams_on(fake: Fake) -> tuple[Streams, list[str]]:
    """Run the streams against it; what failed."""
    failures: list[str] = []

    async def run() -> Streams:
        stop = asyncio.Event()
        async with serve(
            fake.web_socket, "127.0.0.1", 0, process_request=fake.answer, process_response=fake.sign
        ) as listener:
            port = next(iter(listener.sockets)).getsockname()[1]
            fake.serving.saw("r1", time.monotonic())
            streams = Streams(
                Server("127.0.0.1", port, tls=False),
                GUESTBOOK,
                HOLD,
                fake.serving,
                lambda what, why: failures.append(f"{what}: {why}"),
            )
            asyncio.get_running_loop().call_later(SECONDS, stop.set)
            if fake.switch_after is not None:
                asyncio.get_running_loop().call_later(fake.switch_after, fake.serving.saw, "r2", float("inf"))
            await streams.run(stop)
        return streams

    return asyncio.run(run()), failures


def test_good_server_cuts_nothing() -> None:
    streams, failures = streams_on(Fake())
    assert failures == []
    assert (streams.downloads, streams.web_sockets, streams.cut_after) == (1, 1, [])
    assert streams.echoes >= 4


@pytest.mark.parametrize(
    ("fake", "said"),
    [
        (Fake(download="more\n"), "download: .*200, 5 bytes"),
        (Fake(download_takes=0), "download: .*200, 11 bytes in 0.0 s"),
        (Fake(status=503), "download: .*503"),
        (Fake(download_takes=2.1), "download: TimeoutError"),
        (Fake(echoes=1), "WebSocket: ConnectionClosed"),
        (Fake(echo="another"), "WebSocket: .*another text came back"),
    ],
    ids=["cut", "too short", "503", "silent", "WebSocket cut", "another text"],
)
def test_each_loss_is_counted(fake: Fake, said: str) -> None:
    failures = streams_on(fake)[1]
    kinds = {failure.partition(":")[0].removesuffix(" for good") for failure in failures}
    assert kinds == {said.partition(":")[0]}
    assert any(re.match(said, failure) for failure in failures)


def test_web_socket_for_good_may_be_cut_by_a_switch_only() -> None:
    """Cut at its second message; the first was before the switch."""
    streams, failures = streams_on(Fake(echoes=2, switch_after=0.1))
    assert not [failure for failure in failures if "for good" in failure]
    assert streams.cut_after
    assert all(0 < seconds < 1 for seconds in streams.cut_after)
    assert "WebSocket for good" in streams_on(Fake(echoes=2))[1][0]


def test_an_answer_asked_for_before_the_switch_is_no_switch_back() -> None:
    serving = Serving()
    serving.saw("r1", time.monotonic())
    asked = time.monotonic()
    serving.saw("r2", time.monotonic())
    serving.saw("r1", asked)
    assert (serving.release, serving.switches) == ("r2", 1)
    serving.saw("r1", time.monotonic())
    assert (serving.release, serving.switches) == ("r1", 2)
