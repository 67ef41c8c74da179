"""An HTTP/1.1 connection that sends a request once, and never again."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit


class BrokenAnswerError(Exception):
    """The connection ended before the answer did."""


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
        """Send once, read the answer to its end."""
        status, headers = await self.begin(request, halt=halt)
        return Answer(status, headers, b"".join([block async for block in self.blocks(status, headers)]))

    async def begin(self, request: bytes, *, halt: float = 0.0) -> tuple[int, dict[str, str]]:
        """Send once, read the answer's head; `halt` is how many seconds to wait before the last ten bytes."""
        if halt:
            self.writer.write(request[:-10])
            await asyncio.sleep(halt)
            request = request[-10:]
        self.writer.write(request)
        await self.writer.drain()
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            raise BrokenAnswerError(f"closed after {len(error.partial)} bytes of the head") from error
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        return int(first.split()[1]), headers

    async def blocks(self, status: int, headers: dict[str, str]) -> AsyncIterator[bytes]:
        """Read the answer's body to its end, as it comes."""
        try:
            if headers.get("transfer-encoding", "").lower() == "chunked":
                while size := int((await self.reader.readuntil(b"\r\n")).split(b";")[0], 16):
                    yield (await self.reader.readexactly(size + 2))[:-2]
                await self.reader.readexactly(2)
            elif status != 204:
                yield await self.reader.readexactly(int(headers.get("content-length", "0")))
        except asyncio.IncompleteReadError as error:
            raise BrokenAnswerError(f"closed after {len(error.partial)} bytes of the body") from error

    def close(self) -> None:
        self.writer.close()


@dataclass(frozen=True)
class Server:
    """Where requests go."""

    host: str
    port: int
    tls: bool

    @classmethod
    def at(cls, url: str) -> "Server":
        address = urlsplit(url)
        tls = address.scheme == "https"
        return cls(address.hostname or "", address.port or (443 if tls else 80), tls)

    @property
    def context(self) -> ssl.SSLContext | None:
        return ssl._create_unverified_context() if self.tls else None  # noqa: S323 - the tests' own certificates

    async def open(self) -> Connection:
        reader, writer = await asyncio.open_connection(self.host, self.port, ssl=self.context)
        return Connection(reader, writer)

    def request(self, path: str, post: bytes | None = None, *, keep: bool = False) -> bytes:
        """Give a request's bytes: a GET, or a POST of this JSON."""
        method = "GET" if post is None else "POST"
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}", "Accept: */*"]
        lines += [] if keep else ["Connection: close"]
        lines += [] if post is None else ["Content-Type: application/json", f"Content-Length: {len(post)}"]
        return "\r\n".join([*lines, "", ""]).encode() + (post or b"")
