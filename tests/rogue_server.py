"""A database server that is none, and would like to hear a password."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

from authsvc.cli.listener import stop_accepting


class RogueServer:
    """Greets as MariaDB does, and keeps what it is told; ``switch`` asks for another way to say the password."""

    def __init__(self, greeting, switch=None):
        self.heard = b""
        self._greeting = greeting
        self._switch = switch
        self._visits = set()

    async def __aenter__(self):
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error):
        await stop_accepting(self._listener)
        await asyncio.gather(*self._visits)

    async def _serve(self, reader, writer):
        self._visits.add(asyncio.current_task())
        with contextlib.closing(writer), contextlib.suppress(ConnectionError):  # who gives up resets
            writer.write(self._greeting)
            if self._switch:
                self.heard += await reader.read(65536)
                body = b"\xfe" + self._switch + b"\x00" + b"s" * 20 + b"\x00"
                writer.write(struct.pack("<I", len(body) | 2 << 24) + body)
            while data := await reader.read(65536):
                self.heard += data


def greeting(server, plugin=None):
    """Return what the server greets with; with `plugin` as the way it would have the password said."""
    with socket.create_connection((server.host, server.port), timeout=5) as plain:
        plain.settimeout(5)
        said = plain.recv(65536)
    if plugin:
        body = said[4:].replace(b"mysql_native_password", plugin)
        said = struct.pack("<I", len(body)) + body
    return said
