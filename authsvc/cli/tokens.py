"""``authsvc tokens``: secrets for callers."""

from __future__ import annotations

import click

from authsvc.faces.callers import GRANTS, new_token, token_digest


@click.group()
def tokens() -> None:
    """Make tokens for the callers file."""


@tokens.command("new")
@click.argument("name")
@click.option(
    "--grant",
    "grants",
    multiple=True,
    required=True,
    type=click.Choice(sorted(GRANTS)),
    help="What the caller may ask for; give it once for each.",
)
def new(name: str, grants: tuple[str, ...]) -> None:
    """Make a token for the caller NAME; it is shown once, only its hash is kept.

    \b
    Example:
      authsvc tokens new swift --grant verify --grant identify
    """
    token = new_token()
    listed = ", ".join(f'"{grant}"' for grant in dict.fromkeys(grants))
    click.echo(f"# Hand this to the caller; it cannot be shown again:\n{token}\n", err=False)
    click.echo("# Add this to the callers file (two hashes at once while one token replaces another):")
    click.echo(f'[[caller]]\nname = "{name}"\ntoken_sha256 = ["{token_digest(token)}"]\ngrants = [{listed}]')
