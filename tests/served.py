"""An application as a process serves it: behind connections of ours, as long as its requests are plain."""

from __future__ import annotations

from aiohttp import web
from aiohttp.test_utils import TestServer

from authsvc.cli.connections import REST, Connections
from authsvc.cli.listener import stop_accepting

IDLE = 75.0


class Served(TestServer):
    """aiohttp's test server, behind the connections that a process has."""

    __test__ = False

    async def _make_runner(self, **options):
        return Runner(self.app, **options)


class Runner(web.AppRunner):
    """aiohttp's runner, which gives a site our connections to make, and ends them."""

    def __init__(self, app, *, idle=IDLE, rest=REST, **options):
        super().__init__(app, **options)
        self.connections = None
        self._idle, self._rest = idle, rest

    async def setup(self):
        await super().setup()
        self.connections = Connections(self.app, super().server, idle=self._idle, rest=self._rest)

    @property
    def server(self):
        return self.connections if self.connections is not None else super().server

    async def cleanup(self):
        for site in self.sites:
            await stop_accepting(site._server)
        if self.connections is not None:
            self.connections.close()
        await super().cleanup()
