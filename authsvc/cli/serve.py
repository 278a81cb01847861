"""``authsvc serve``: the service as a process."""

from __future__ import annotations

import asyncio

import click

from authsvc.cli.failing import told_in_one_line
from authsvc.cli.process import run


@click.command()
def serve() -> None:
    """Run the service from AUTHSVC_* until SIGTERM, which drains it.

    Not ready first, so that balancers stop sending; then requests in flight finish; then it closes. A second
    signal ends it at once.

    \b
    Example:
      AUTHSVC_DATABASE_URL=mysql://authsvc:…@db/cloud AUTHSVC_CALLERS=callers.toml authsvc serve
    """
    with told_in_one_line():
        from authsvc.settings import read_settings  # noqa: PLC0415

        settings = read_settings()
        asyncio.run(run(settings))
