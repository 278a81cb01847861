"""``authsvc edge-keys``: public keys for regions that hold no secret."""

from __future__ import annotations

import asyncio
import base64
import math
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from authsvc.cli.failing import told_in_one_line
from authsvc.directory.edge_file import EdgeFileWriter
from authsvc.directory.edge_signer import new_signer, read_signer
from authsvc.directory.sql import SQLDirectory
from authsvc.errors import DirectoryUnavailable
from authsvc.service.policy import timestamp
from authsvc.settings import read_settings
from authsvc.wiring.backends import cipher, open_directory_engine
from authsvc.wiring.clock import CLOCK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authsvc.directory.edge_signer import Signer
    from authsvc.settings import Settings


ATTEMPTS = 5
PAUSE = 2.0
"""Seconds between two of them."""


def _hours(_context: click.Context, _parameter: click.Parameter, given: float) -> float:
    # No bound keeps it out: whatever it is compared with, the answer is no.
    if math.isnan(given):
        raise click.BadParameter("must be a number of hours")
    return given


def _replaceable(_context: click.Context, _parameter: click.Parameter, given: Path) -> Path:
    # Whoever may would put the export in the place of a device or a pipe, for everybody.
    if given.exists() and not given.is_file():
        raise click.BadParameter("is there, and is no file")
    return given


@click.group("edge-keys")
def edge_keys() -> None:
    """Export public keys for edge regions, which verify V4A with them and hold no secret.

    See docs/edge.md.

    \b
    Example:
      authsvc edge-keys new-signer /etc/authsvc/edge-signer.pem
    """


@edge_keys.command("new-signer")
@click.argument("file", type=click.Path(path_type=Path))
def new(file: Path) -> None:
    """Make a key that signs exports: the private half goes to FILE, the public half is printed.

    \b
    Example:
      authsvc edge-keys new-signer /etc/authsvc/edge-signer.pem
    """
    with told_in_one_line():
        private, public = new_signer()
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as written:
            written.write(private)
        click.echo(
            "# Give this to every edge region, one a line (two at once while one key replaces another):"
        )
        click.echo(f"AUTHSVC_EDGE_SIGNERS={base64.b64encode(public).decode()}")


@edge_keys.command()
@click.argument("file", type=click.Path(path_type=Path), callback=_replaceable)
@click.option(
    "--signer",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The private half of the signing key, as new-signer made it.",
)
@click.option(
    "--valid-for",
    default=24.0,
    show_default=True,
    type=click.FloatRange(min=0, max=24 * 31, min_open=True),
    callback=_hours,
    help="Hours the file may be believed.",
)
def export(*, file: Path, signer: Path, valid_for: float) -> None:
    """Write the public key of every access key of this region's directory to FILE, signed.

    FILE is replaced when the new one is whole. It holds no secret, but names users, their accounts and e-mail
    addresses. How far it has come is told on standard error.

    \b
    Example:
      authsvc edge-keys export edge.keys --signer /etc/authsvc/edge-signer.pem --valid-for 6
    """
    with told_in_one_line():
        settings = read_settings()
        key = read_signer(signer.read_bytes())
        with _replaced(file) as written:
            asyncio.run(_export(settings, written, key, valid_for * 3600))


async def _export(settings: Settings, file: IO[bytes], signer: Signer, seconds: float) -> None:
    """Write the file; from its beginning again, a few times, if the database did not answer in between."""
    for left in reversed(range(ATTEMPTS)):
        try:
            await _written(settings, file, signer, seconds)
        except DirectoryUnavailable as error:
            if not left:
                raise
            click.echo(f"{error.message}; beginning again", err=True)
            file.seek(0)
            file.truncate()
            await asyncio.sleep(PAUSE)
        else:
            return


async def _written(settings: Settings, file: IO[bytes], signer: Signer, seconds: float) -> None:
    now = CLOCK.now()
    writer = EdgeFileWriter(
        file, signer, region=settings.region_id, exported_at=now, expires_at=now + seconds
    )
    unreadable = 0
    async with open_directory_engine(settings) as engine:
        directory = SQLDirectory(engine, cipher=cipher(settings), clock=CLOCK)
        async for page in directory.everybody():
            for holding in page:
                writer.add(holding)
            unreadable += sum(holding.credential is None for holding in page)
            if page:
                click.echo(f"{writer.records} keys", err=True)
    writer.close()
    click.echo(f"{writer.records} keys, {unreadable} of them with a secret that cannot be read")
    click.echo(f"valid until {timestamp(now + seconds)}")


@contextmanager
def _replaced(file: Path) -> Iterator[IO[bytes]]:
    """Write beside the file and put the result in its place, or leave it as it is; readers see one or the other."""
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as written:
        try:
            yield written
            written.flush()
            os.fsync(written.fileno())
            Path(written.name).replace(file)
        except BaseException:
            Path(written.name).unlink()
            raise
