"""``authsvc settings``: every setting, its default and its meaning."""

from __future__ import annotations

import dataclasses

import click

from authsvc.settings import PREFIX, Settings


@click.command("settings")
def settings() -> None:
    """Print every setting as a Markdown table, the one in docs/operations.md.

    \b
    Example:
      authsvc settings
    """
    click.echo(settings_table())


def settings_table() -> str:
    """Return the table: name, default, meaning."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for field in dataclasses.fields(Settings):
        shown = field.metadata["shown"]
        default = f"`{shown}`" if shown else ""
        rows.append(f"| `{PREFIX}{field.name.upper()}` | {default} | {field.metadata['about']} |")
    return "\n".join(rows)
