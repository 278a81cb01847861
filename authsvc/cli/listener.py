"""Sockets that listen already: made by one process, used by several."""

from __future__ import annotations

import asyncio
import os
import select
import socket
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

BACKLOG = 1024
"""Connections that may wait to be accepted."""

AT_ONCE = 4
"""Connections a worker accepts before it looks after those it has, so that one does not take all there are."""


class Listener(socket.socket):
    """A socket that was made to listen when it was bound.

    asyncio takes one number for how many connections may wait and how many it accepts in one go, and makes the
    socket listen with it; here they are two, and the first is set.
    """

    def listen(self, backlog: int = BACKLOG) -> None:
        """Do nothing: it listens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inherited:
    """What a worker gets from its supervisor.

    Attributes:
        faces: The listener all workers share.
        ops: A listener of its own on the loopback.
        leash: A pipe that ends with the supervisor.
        patience: Seconds to wait to be ready before connections are accepted.
    """

    faces: Listener
    ops: Listener
    leash: int
    patience: int

    @classmethod
    def adopt(cls, faces: int, ops: int, leash: int, patience: int) -> Inherited:
        """Take over the descriptors the process was started with, and how long it may take to become ready."""
        return cls(faces=Listener(fileno=faces), ops=Listener(fileno=ops), leash=leash, patience=patience)

    def let_go(self) -> bool:
        """Say whether the supervisor is gone."""
        ended, _, _ = select.select([self.leash], [], [], 0)
        return bool(ended)


def listen_on(host: str, port: int) -> Listener:
    """Bind and listen.

    Raises:
        OSError: The address cannot be had.
    """
    (family, kind, protocol, _, address), *_ = socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(BACKLOG)
        return Listener(fileno=made.detach())
    except BaseException:
        made.close()
        raise


async def stop_accepting(server: asyncio.Server) -> None:
    """Close a server's sockets, and lose nobody whose connection was accepted.

    asyncio makes something of a connection one turn of its loop after it has accepted it, and drops it without a
    word if its server was closed in between.
    """
    for listening in server.sockets:
        asyncio.get_running_loop().remove_reader(listening.fileno())
    await asyncio.sleep(0)
    server.close()


def address_of(listener: socket.socket, *, tls: bool = False) -> str:
    """Return where it listens, as a URL."""
    return url(listener.getsockname(), tls=tls)


def url(address: tuple[Any, ...], *, tls: bool = False) -> str:
    """Return the URL of a socket's address."""
    host, port, *_ = address
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    """Make a pipe: the end to hand on, closed afterwards, and the end to keep."""
    given, kept = os.pipe()
    try:
        yield given, kept
    except BaseException:
        os.close(kept)
        raise
    finally:
        os.close(given)
