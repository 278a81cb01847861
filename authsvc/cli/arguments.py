"""What arguments and options of several commands have to be."""

from __future__ import annotations

import click

from authsvc.settings import NO_ADDRESS, is_address


def address(_context: click.Context, _parameter: click.Parameter, given: str | None) -> str | None:
    """Return what was given, if it is what a setting takes for an address, or nothing was.

    Raises:
        BadParameter: It is none.
    """
    if given is not None and not is_address(given):
        raise click.BadParameter(NO_ADDRESS)
    return given


def printable(_context: click.Context, _parameter: click.Parameter, given: str) -> str:
    """Return what was given, if it can be repeated in a line of a message.

    Raises:
        BadParameter: It cannot, or is empty.
    """
    if not (given.strip() and given.isprintable()):
        raise click.BadParameter("must be printable, and not empty")
    return given
