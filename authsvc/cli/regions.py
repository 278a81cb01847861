"""``authsvc regions``: the registry of regions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from authsvc.cli.arguments import address
from authsvc.cli.failing import told_in_one_line
from authsvc.model import Region
from authsvc.regions.sql import SQLRegions
from authsvc.settings import read_settings
from authsvc.wiring.backends import open_directory_engine
from authsvc.wiring.clock import CLOCK

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


NUMBER = click.IntRange(min=1, max=2**31 - 1)
LONGEST = 255
"""Characters of both columns."""


def _name(_context: click.Context, _parameter: click.Parameter, given: str | None) -> str | None:
    if given is not None and not (given.strip() and given.isprintable() and len(given) <= LONGEST):
        raise click.BadParameter(f"must be 1 to {LONGEST} printable characters")
    return given


def _endpoint(context: click.Context, parameter: click.Parameter, given: str | None) -> str | None:
    endpoint = address(context, parameter, given)
    if endpoint is not None and len(endpoint) > LONGEST:
        raise click.BadParameter(f"must not be longer than {LONGEST} characters")
    return endpoint


@click.group()
def regions() -> None:
    """Show the registry of regions; change it where authsvc owns the directory.

    In front of CloudStack's database only `list` works: its management server owns the rows.

    \b
    Example:
      authsvc regions list
    """


@regions.command("list")
def list_() -> None:
    """Print every region: id, name, endpoint.

    \b
    Example:
      authsvc regions list
    """

    async def work(registry: SQLRegions) -> None:
        for region in await registry.list():
            click.echo(f"{region.id}\t{region.name}\t{region.endpoint}")

    _run(work, writing=False)


@regions.command()
@click.argument("number", type=NUMBER)
@click.argument("name", callback=_name)
@click.argument("endpoint", callback=_endpoint)
def add(number: int, name: str, endpoint: str) -> None:
    """Add the region NUMBER with its NAME and ENDPOINT.

    \b
    Example:
      authsvc regions add 2 north https://north.example.com/client/
    """
    _run(lambda registry: registry.add(Region(id=number, name=name, endpoint=endpoint)))


@regions.command()
@click.argument("number", type=NUMBER)
@click.option("--name", callback=_name, help="The new name.")
@click.option("--endpoint", callback=_endpoint, help="The new endpoint.")
def update(number: int, name: str | None, endpoint: str | None) -> None:
    """Change the name or endpoint of the region NUMBER.

    \b
    Example:
      authsvc regions update 2 --endpoint https://north-2.example.com/client/
    """
    if name is None and endpoint is None:
        raise click.UsageError("give --name, --endpoint or both")
    _run(lambda registry: registry.update(number, name=name, endpoint=endpoint))


@regions.command()
@click.argument("number", type=NUMBER)
def remove(number: int) -> None:
    """Remove the region NUMBER.

    \b
    Example:
      authsvc regions remove 2
    """
    _run(lambda registry: registry.remove(number))


def _run(work: Callable[[SQLRegions], Awaitable[None]], *, writing: bool = True) -> None:
    async def run() -> None:
        async with open_directory_engine(read_settings(), writing=writing) as engine:
            await work(SQLRegions(engine, clock=CLOCK))

    with told_in_one_line():
        asyncio.run(run())
