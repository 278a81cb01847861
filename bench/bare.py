"""The yardstick: an aiohttp handler that reads a request and answers bytes it was given. ``python -m bench.bare PORT FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

from aiohttp import web


def main() -> None:
    """Serve each file of the folder under its own name until killed."""
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    answers = {path.name: path.read_bytes() for path in folder.iterdir()}

    async def handler(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=answers[request.match_info["name"]], content_type="application/json")

    app = web.Application(client_max_size=1 << 20)
    app.router.add_route("*", "/{name}", handler)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)


if __name__ == "__main__":
    main()
