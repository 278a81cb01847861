"""The heads of plain requests: read by aiohttp, and read once for as long as clients repeat them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from aiohttp import hdrs, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpProcessingError, HttpRequestParser, HttpVersion11

from authsvc.faces.body import MAX_BODY

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    from aiohttp.http import RawRequestMessage

END: Final = b"\r\n\r\n"
"""What a head ends with."""

MOST: Final = 256
"""Heads remembered: those of one client differ in the length of the body alone, as a rule."""

LONGEST: Final = 2048
"""Bytes of a head that is worth remembering."""

_METHODS: Final = frozenset({hdrs.METH_GET, hdrs.METH_POST})
_BUFFER: Final = 2**16


class Route(NamedTuple):
    """What of the application answers a request: the match of its router, and the handler with the middlewares around it."""

    match: web.UrlMappingMatchInfo
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Head:
    """The head of a plain request.

    Attributes:
        message: As aiohttp's parser read it.
        body: Bytes of the body that follows.
        route: Who answers, once that was looked for.
    """

    message: RawRequestMessage
    body: int
    route: Route | None = None


class Heads:
    """Reads heads, and remembers those that come again and have a body, as the same bytes say the same each time.

    A head that no body follows holds what is asked for itself, and hardly ever comes again.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin with none."""
        self._loop = loop
        self._nobody = BaseProtocol(loop)
        self._known: dict[bytes, Head] = {}
        self._came: set[int] = set()

    def read(self, raw: bytes) -> Head | None:
        """Return what the bytes say, the ``END`` included; None if they are not the head of a plain request."""
        known = self._known.get(raw)
        if known is not None:
            return known
        head = self._parse(raw)
        if head is not None and head.body and len(raw) <= LONGEST:
            self._remember(raw, head)
        return head

    def _remember(self, raw: bytes, head: Head) -> None:
        """Remember what comes for the second time: heads that are new each time, or anybody's, displace nothing."""
        name = hash(raw)
        if name not in self._came:
            if len(self._came) >= MOST:
                self._came.clear()
            self._came.add(name)
            return
        if len(self._known) >= MOST:
            del self._known[next(iter(self._known))]
        self._known[raw] = head

    def _parse(self, raw: bytes) -> Head | None:
        parser = HttpRequestParser(
            self._nobody, self._loop, _BUFFER, payload_exception=web.RequestPayloadError
        )
        try:
            messages, _, _ = parser.feed_data(raw)
        except HttpProcessingError:
            return None
        if len(messages) != 1:
            return None
        message, payload = messages[0]
        length = _length(message)
        # A body in chunks is not over where none is stated. A parser that sees the head end elsewhere has taken what follows for
        # a body, or for another request.
        if length is None or payload.total_bytes or payload.is_eof() != (length == 0):
            return None
        return Head(message, length)


def _length(message: RawRequestMessage) -> int | None:
    """Return how many bytes the body has; None if the request is not plain."""
    headers = message.headers
    if (
        message.method not in _METHODS
        or message.version != HttpVersion11
        or message.should_close
        or message.upgrade
        or message.compression
        or not message.path.startswith("/")
        or hdrs.EXPECT in headers
    ):
        return None
    length = int(headers.get(hdrs.CONTENT_LENGTH, "0"))  # the parser takes nothing but digits, once
    return length if length <= MAX_BODY else None
