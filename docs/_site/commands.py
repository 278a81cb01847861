"""The command line, as its own help tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from authsvc.cli.main import whole

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH = 76
"""Columns that fit on a page without scrolling."""


def commands() -> str:
    """Write every command: its usage, what it does, its options, an example."""
    return "\n".join(_command(whole(), "authsvc", None, 2))


def _command(command: click.Command, name: str, parent: click.Context | None, level: int) -> Iterator[str]:
    settings = command.context_settings | {"terminal_width": WIDTH, "max_content_width": WIDTH}
    context = click.Context(command, info_name=name, parent=parent, **settings)
    yield f"{'#' * min(level, 3)} `{context.command_path}`\n"
    yield f"```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for inner, each in sorted(command.commands.items()):
            yield from _command(each, inner, context, level + 1)
