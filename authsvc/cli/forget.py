"""``authsvc forget``: drop one key from every cache."""

from __future__ import annotations

import asyncio
import json
from typing import TextIO

import aiohttp
import click

from authsvc.cli.arguments import address, printable
from authsvc.cli.failing import fail, told_in_one_line
from authsvc.errors import Unavailable
from authsvc.model import AccessKey
from authsvc.settings import read_settings
from authsvc.wiring.service import open_service


# An access key may begin with a dash. So there are no short options here, and what is no option is the key.
@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("access_key", callback=printable)
@click.option(
    "--url", callback=address, help="A running service to tell directly, such as http://127.0.0.1:8180."
)
@click.option(
    "--token-file", type=click.File(encoding="utf-8"), help="File with a caller token that has grant admin."
)
def forget(access_key: str, url: str | None, token_file: TextIO | None) -> None:
    """Make every cache of the region drop ACCESS_KEY, so that the database is asked for it again.

    Through Redis it reaches every process within AUTHSVC_FRESH_FOR. Without Redis there is one process, to be
    told over --url. Nobody's rights change: disable the user for that.

    \b
    Example:
      authsvc forget plgWJfZK4gyS3mOMTVmjUVg-X-jlWlnfaUJ9GAbBbf9EdM-k
      authsvc forget plgWJfZK… --url http://127.0.0.1:8180 --token-file token
    """
    with told_in_one_line():
        settings = read_settings()
        if settings.redis_url is None and url is None:
            fail("no AUTHSVC_REDIS_URL, so there is one process to tell: give --url and --token-file")

        async def work() -> None:
            if settings.redis_url is not None:
                async with open_service(settings) as service:
                    await service.forget(AccessKey(access_key))
                click.echo(
                    "every process of the region will have forgotten it within "
                    f"{settings.fresh_for:g} seconds"
                )
            if url is not None:
                await _tell(url, access_key, "" if token_file is None else token_file.read().strip())
                click.echo(f"{url} has forgotten it")

        try:
            asyncio.run(work())
        except Unavailable as error:
            fail(f"not forgotten: {error.message}; try again")


async def _tell(url: str, access_key: str, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    timeout = aiohttp.ClientTimeout(total=5)
    try:
        async with (
            aiohttp.ClientSession(headers=headers, timeout=timeout) as http,
            http.post(f"{url.rstrip('/')}/v1/forget", json={"access_key": access_key}) as response,
        ):
            if response.ok:
                return
            status, said = response.status, await response.read()
    except (aiohttp.ClientError, TimeoutError) as error:
        fail(f"{url} does not answer: {type(error).__name__}")
    try:
        fail(f"{url} answered {status}: {json.loads(said)['error']['message']}")
    except (ValueError, TypeError, LookupError):
        fail(f"{url} answered {status}, and not as authsvc does")
