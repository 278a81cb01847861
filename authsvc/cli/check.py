"""``authsvc check``: would it serve?"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import click

from authsvc.cli.ext_authz import check_port
from authsvc.cli.extras import extra
from authsvc.cli.faces import chosen_faces
from authsvc.cli.failing import told_in_one_line
from authsvc.cli.files import read_callers, server_tls
from authsvc.directory.sql import SQLDirectory
from authsvc.errors import AuthError, ChangesUnavailable
from authsvc.events.ledger import Ledger
from authsvc.settings import SettingsError, read_settings
from authsvc.wiring.backends import (
    cipher,
    edge_directory,
    keeps_certificates,
    open_certificates,
    open_directory_engine,
    shared_cache,
    stream_arguments,
)
from authsvc.wiring.clock import CLOCK
from authsvc.wiring.rules import accepted_schemes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from authsvc.settings import Settings

Finding = tuple[str, str]
"""``ok``, ``warn`` or ``fail``, and one line."""


@click.command()
def check() -> None:
    """Try the settings out: connect to everything, probe the schema, decrypt secrets, compare clocks.

    One line a finding; exit status 0 only if it could serve.

    \b
    Example:
      AUTHSVC_DATABASE_URL=mysql://authsvc:…@db/cloud authsvc check
    """
    with told_in_one_line():
        try:
            settings = read_settings()
        except SettingsError as error:
            failed = [("fail", problem) for problem in error.problems]
        else:
            click.echo("ok    settings: all can be read")
            failed = asyncio.run(_check(settings))
        for level, line in failed:
            click.echo(f"{level:5} {line}")
        raise SystemExit(1 if failed else 0)


async def _check(settings: Settings) -> list[Finding]:
    failed = []
    async for level, line in _findings(settings):
        if level == "fail":
            failed.append((level, line))
        else:
            click.echo(f"{level:5} {line}")
    return failed


async def _findings(settings: Settings) -> AsyncIterator[Finding]:
    for finding in _audit(settings):
        yield finding
    path = settings.edge_keys
    database = (_directory(settings), _stream(settings), _own(settings), _redis(settings))
    for source in database if path is None else (_edge(settings, path),):
        async for finding in source:
            yield finding
    try:
        callers = read_callers(settings)
        server_tls(settings)
        check_port(settings)
        for face in chosen_faces(settings):
            face.routes(callers)
    except (ValueError, OSError) as error:
        for line in str(error).splitlines():
            yield "fail", f"callers and TLS: {line}"
    else:
        if callers.all:
            yield "ok", f"callers: {', '.join(sorted(caller.name for caller in callers.all))}"
        else:
            yield "warn", "callers: none, so nobody may ask; see `authsvc tokens new --help`"
    timeless = settings.timeless & accepted_schemes(settings)
    if timeless:
        names = ", ".join(sorted(timeless))
        yield "warn", f"policy: {names} signatures may carry no time and can be replayed for ever"


def _audit(settings: Settings) -> Iterator[Finding]:
    if settings.audit is None:
        return
    trouble = Ledger(settings.audit).trouble()
    if trouble is None:
        yield "ok", f"audit: {settings.audit} takes lines"
    else:
        level = "fail" if settings.audit_strict else "warn"
        yield level, f"audit: {settings.audit}: {trouble}"


async def _directory(settings: Settings) -> AsyncIterator[Finding]:
    try:
        async with open_directory_engine(settings) as engine:
            directory = SQLDirectory(engine, cipher=cipher(settings), clock=CLOCK)
            for line in await directory.examine():
                level = "warn" if line.startswith("the clock") and _seconds(line) > 1 else "ok"
                yield level, f"directory: {line}"
    except AuthError as error:
        for reason in error.detail.get("reasons", [error.message]):
            yield "fail", f"directory: {reason}"
    except ValueError as error:
        yield "fail", f"directory: {error}"


async def _stream(settings: Settings) -> AsyncIterator[Finding]:
    if settings.stream != "binlog":
        return
    try:
        with extra("AUTHSVC_STREAM", "binlog"):
            from authsvc.stream.binlog import examine_binlog  # noqa: PLC0415
        for level, line in await examine_binlog(stream_arguments(settings)):
            yield level, f"changes: {line}"
    except ChangesUnavailable as error:
        yield "fail", f"changes: {error.message}"
    except ValueError as error:
        yield "fail", f"changes: {error}"


async def _own(settings: Settings) -> AsyncIterator[Finding]:
    if not keeps_certificates(settings):
        yield "ok", "certificates: none, no AUTHSVC_OWN_DATABASE_URL"
        return
    try:
        async with open_certificates(settings) as certificates:
            count = len(await certificates.list())
    except AuthError as error:
        cause = error.__cause__
        why = "" if cause is None else f" ({type(cause).__name__})"
        yield "fail", f"certificates: {error.message}{why}; has `authsvc migrate` been run?"
    except ValueError as error:
        yield "fail", f"certificates: {error}"
    else:
        yield "ok", f"certificates: {count} kept"


async def _edge(settings: Settings, path: Path) -> AsyncIterator[Finding]:
    try:
        for line in await edge_directory(settings, path).examine():
            yield "ok", f"directory: {line}"
    except AuthError as error:
        for reason in error.detail.get("reasons", [error.message]):
            yield "fail", f"directory: {reason}"
    accepted = accepted_schemes(settings)
    if not accepted:
        yield "fail", "policy: an edge region verifies sigv4a alone, and AUTHSVC_SCHEMES leaves it out"
    else:
        refused = ", ".join(sorted(settings.schemes - accepted)) or "none"
        yield "ok", f"policy: {', '.join(sorted(accepted))} can be verified here; refused: {refused}"


async def _redis(settings: Settings) -> AsyncIterator[Finding]:
    if settings.redis_url is None:
        yield "ok", "shared cache: none, each process remembers for itself"
        return
    try:
        cache = shared_cache(settings.redis_url)
    except ValueError as error:
        yield "fail", f"shared cache: {error}"
        return
    name, written = f"authsvc:check:{os.urandom(8).hex()}", os.urandom(32)
    try:
        await cache.put(name, written, ttl=5)
        (found,) = await cache.get(name)
    except AuthError as error:
        yield "fail", f"shared cache: {error.message}"
    else:
        if found == written:
            yield "ok", "shared cache: keeps and gives back"
        else:
            yield "fail", "shared cache: gave back something else"
    await cache.close()


def _seconds(line: str) -> float:
    return abs(float(line.split()[3]))
