"""A body that came whole with its head."""

from __future__ import annotations

from aiohttp.streams import EmptyStreamReader


class Whole(EmptyStreamReader):
    """A body that is there whole: a stream that has ended, and is not read yet."""

    __slots__ = ("_body",)

    def __init__(self, body: bytes) -> None:
        """Take the body."""
        super().__init__()
        self._body = body

    def at_eof(self) -> bool:
        """Say whether it is read."""
        return not self._body

    def read_nowait(self, n: int = -1) -> bytes:
        """Return it, or so many bytes of it."""
        end = len(self._body) if n < 0 else n
        body, self._body = self._body[:end], self._body[end:]
        return body

    async def read(self, n: int = -1) -> bytes:
        """Return it, or so many bytes of it."""
        return self.read_nowait(n)

    async def readany(self) -> bytes:
        """Return it."""
        return self.read_nowait()
