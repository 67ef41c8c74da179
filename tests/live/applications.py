"""What a load asks of an application."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Application:
    """Its paths; `rows` takes POSTs, and lists `page` of them, newest first, from before `?before=ID`."""

    gets: tuple[str, ...]
    rows: str
    column: str
    """What a POST fills."""
    page: int
    download: str = ""
    """Goes on for `?seconds=N`, and ends with a line `whole`."""
    web_socket: str = ""
    """Gives back every message."""


TRACKER = Application(
    ("/", "/api/activities", "/", "/activities/1", "/health"), rows="/api/activities", column="title", page=100
)
GUESTBOOK = Application(
    ("/", "/api/entries", "/", "/some/deep/link", "/health"),
    rows="/api/entries",
    column="text",
    page=50,
    download="/api/download",
    web_socket="/api/ws",
)
