"""Addresses on the command line: what a setting takes for one."""

from __future__ import annotations

import click

from authsvc.settings import NO_ADDRESS, is_address


def address(_context: click.Context, _parameter: click.Parameter, given: str | None) -> str | None:
    """Return what was given, if it is one or nothing was.

    Raises:
        BadParameter: It is none.
    """
    if given is not None and not is_address(given):
        raise click.BadParameter(NO_ADDRESS)
    return given
