"""The server for clients that block leaves nothing behind, or some other test pays for it."""

from __future__ import annotations

import contextlib
import gc
import socket
import threading

import pytest
from aiohttp import web

from tests.threaded import HOST, Threaded


async def welcome(_request):
    return web.Response(text="welcome")


@pytest.mark.parametrize("_time", range(5))
def test_who_knocks_at_the_last_moment_is_not_left_behind(_time):
    """As gateways do, to see whether somebody is there; what is left open is an error once it is collected."""
    with Threaded(welcome) as server:
        knocked, left = threading.Event(), threading.Event()

        def knock():
            with contextlib.suppress(OSError):  # nobody is there any more; or it is somebody else by then
                while not left.is_set():
                    socket.create_connection((HOST, server.port), timeout=1).close()
                    knocked.set()

        knocking = threading.Thread(target=knock)
        knocking.start()
        assert knocked.wait(10)
    left.set()
    knocking.join()
    gc.collect()
