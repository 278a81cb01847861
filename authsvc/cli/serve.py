"""``authsvc serve``: the service as a process."""

from __future__ import annotations

import asyncio

import click

from authsvc.cli.failing import told_in_one_line
from authsvc.cli.listener import Inherited
from authsvc.cli.process import run
from authsvc.cli.supervisor import supervise


@click.command()
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    help="Processes behind one listener, one for each core that is to be used; without it there is this one.",
)
@click.option("--inherited", type=int, nargs=4, hidden=True)  # by a worker, from its supervisor
def serve(workers: int | None, inherited: tuple[int, int, int, int] | None) -> None:
    """Run the service from AUTHSVC_* until SIGTERM, which drains it.

    Not ready first, so that balancers stop sending; then requests in flight finish; then it closes. A second
    signal ends it at once. The callers file and the TLS certificate are read again when they change.

    With --workers, a process that ends by itself is replaced; SIGHUP replaces all of them one after the other, by
    processes that have read callers, keys and certificates anew, without losing a request. Each remembers for
    itself, up to AUTHSVC_CACHE_SIZE keys, and has its own connections to the database.

    \b
    Example:
      AUTHSVC_DATABASE_URL=mysql://authsvc:…@db/cloud authsvc serve
      authsvc serve --workers 4
    """
    with told_in_one_line():
        from authsvc.settings import read_settings  # noqa: PLC0415

        settings = read_settings()
        if inherited:
            asyncio.run(run(settings, Inherited.adopt(*inherited)))
        elif workers:
            asyncio.run(supervise(settings, workers))
        else:
            asyncio.run(run(settings))
