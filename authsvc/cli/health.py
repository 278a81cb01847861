"""``authsvc health``: ask a running service how it is, with nothing else installed."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import click

from authsvc.cli.arguments import address
from authsvc.cli.failing import fail, told_in_one_line
from authsvc.settings import read_settings

PATIENCE = 2.0
"""Seconds a healthy ops port may take, at the most."""

ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses that are listened on, and the one to ask instead."""


@click.command()
@click.option(
    "--ready", is_flag=True, help="Ask whether requests should be sent to it, not only whether it lives."
)
@click.option(
    "--url",
    callback=address,
    help="Its ops port, such as http://127.0.0.1:8181; from AUTHSVC_* if not given.",
)
def health(ready: bool, url: str | None) -> None:
    """Ask the ops port whether the service is alive; exit status 0 says yes.

    What it says of itself goes to standard output, as JSON. Made for places that can run a command and have no
    client, such as a container's health check.

    \b
    Example:
      authsvc health --ready
    """
    with told_in_one_line():
        base = url or _own()
        try:
            status, said = asyncio.run(_ask(f"{base.rstrip('/')}/{'readyz' if ready else 'livez'}"))
        except (aiohttp.ClientError, TimeoutError) as error:
            fail(f"{base} does not answer: {type(error).__name__}")
    click.echo(json.dumps(said))
    raise SystemExit(0 if status == 200 else 1)  # noqa: PLR2004 - HTTP's own number


def _own() -> str:
    settings = read_settings()
    host = ANYWHERE.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.ops_port}"


async def _ask(url: str) -> tuple[int, object]:
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    async with aiohttp.ClientSession(timeout=timeout) as http, http.get(url) as response:
        return response.status, await response.json()
