"""What stays open under a load: downloads, and WebSockets on which every message has to come back.

Each second one of each begins. They last `hold` seconds, which is less than DRAIN_SECONDS: nothing may cut them. One
WebSocket more stays for good: after a switch it is cut, but not before DRAIN_SECONDS are over; then it is opened anew.
Failed is a stream that ends before its time, stands still for over 2 s, or gives back another text.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from tests.live.applications import Application
from tests.live.connection import BrokenAnswerError, Server

TOO_LONG = 2.0
EACH = 0.2  # seconds from an echo to the next message


class Serving:
    """Which release answers, and since when, as the answers tell."""

    def __init__(self) -> None:
        self.release = ""
        self.since = 0.0
        self.switches = -1

    def saw(self, release: str, asked: float) -> None:
        """Take an answer in; what was asked before the last switch says nothing about now."""
        if release not in ("", self.release) and asked > self.since:
            self.release, self.since = release, time.monotonic()
            self.switches += 1


class Streams:
    """Downloads and WebSockets against one application, while a load says what serves."""

    def __init__(
        self,
        server: Server,
        application: Application,
        hold: float,
        serving: Serving,
        failed: Callable[[str, str], None],
    ) -> None:
        self.server = server
        self.application = application
        self.hold = hold
        self.serving = serving
        self.failed = failed
        self.downloads = 0
        self.web_sockets = 0
        self.echoes = 0
        self.cut_after: list[float] = []

    async def run(self, stop: asyncio.Event) -> None:
        """Begin one of each every second until `stop` is set; wait for their ends."""
        lasting = asyncio.create_task(self._for_good())
        tasks = [lasting]
        while not stop.is_set():
            tasks.append(asyncio.create_task(self._judged("download", self._download)))
            tasks.append(asyncio.create_task(self._judged("WebSocket", self._web_socket)))
            await asyncio.sleep(1)
        lasting.cancel()
        await asyncio.wait(tasks)

    async def _judged(self, what: str, stream: Callable[[], Awaitable[None]]) -> None:
        try:
            await stream()
        except (OSError, BrokenAnswerError, TimeoutError, ValueError, WebSocketException) as error:
            self.failed(what, f"{type(error).__name__} {error}")

    async def _download(self) -> None:
        self.downloads += 1
        began, body = time.monotonic(), b""
        async with asyncio.timeout(TOO_LONG) as patience:
            connection = await self.server.open()
            try:
                path = f"{self.application.download}?seconds={self.hold}"
                status, headers = await connection.begin(self.server.request(path))
                async for block in connection.blocks(status, headers):
                    body += block
                    patience.reschedule(asyncio.get_running_loop().time() + TOO_LONG)
            finally:
                connection.close()
        if status != 200 or not body.endswith(b"whole\n") or time.monotonic() < began + self.hold:
            raise BrokenAnswerError(f"{status}, {len(body)} bytes in {time.monotonic() - began:.1f} s")

    async def _web_socket(self) -> None:
        self.web_sockets += 1
        async with self._connected() as socket:
            until = time.monotonic() + self.hold
            while time.monotonic() < until:
                await self._echo(socket)

    async def _for_good(self) -> None:
        while True:
            await self._judged("WebSocket for good", self._until_cut)

    async def _until_cut(self) -> None:
        async with self._connected() as socket:
            release = socket.response.headers["X-Release"] if socket.response else ""
            try:
                while True:
                    await self._echo(socket)
            except ConnectionClosed:
                if release == self.serving.release:
                    raise
                self.cut_after.append(round(time.monotonic() - self.serving.since, 2))

    def _connected(self) -> connect:
        address = f"{'wss' if self.server.tls else 'ws'}://{self.server.host}:{self.server.port}"
        return connect(
            address + self.application.web_socket,
            ssl=self.server.context,
            open_timeout=TOO_LONG,
            compression=None,
            proxy=None,
        )

    async def _echo(self, socket: ClientConnection) -> None:
        text = secrets.token_hex(8)
        async with asyncio.timeout(TOO_LONG):
            await socket.send(text)
            if await socket.recv() != text:
                raise BrokenAnswerError("another text came back")
        self.echoes += 1
        await asyncio.sleep(EACH)
