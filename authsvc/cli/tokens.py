"""``authsvc tokens``: secrets for callers."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

import click

from authsvc.faces.callers import GRANTS, NAME, NAMED, new_token, token_digest
from authsvc.faces.keystone.passwords import PasswordHash

if TYPE_CHECKING:
    from typing import TextIO


@click.group()
def tokens() -> None:
    """Make tokens for the callers file.

    \b
    Example:
      authsvc tokens new swift --grant verify --grant secret
    """


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
      authsvc tokens new swift --grant verify --grant secret
    """
    if not NAME.fullmatch(name):
        raise click.BadParameter(NAMED, param_hint="NAME")
    token = new_token()
    listed = ", ".join(f'"{grant}"' for grant in dict.fromkeys(grants))
    click.echo(f"# Hand this to the caller; it cannot be shown again:\n{token}\n")
    click.echo("# Add this to the callers file (two hashes at once while one token replaces another):")
    click.echo(f'[[caller]]\nname = "{name}"\ntoken_sha256 = ["{token_digest(token)}"]\ngrants = [{listed}]')


@tokens.command()
@click.argument("user")
@click.option(
    "--password-file",
    type=click.File("r"),
    help="File with the password to take (- for standard input); without it one is made.",
)
def password(user: str, password_file: TextIO | None) -> None:
    """Make a password for a store that logs in as Keystone's service user USER; only its hash is kept.

    \b
    Example:
      authsvc tokens password swift
    """
    if not user:
        raise click.BadParameter("the user's name is empty", param_hint="USER")
    if any("\ud800" <= character <= "\udfff" for character in user):
        raise click.BadParameter("the user's name is not text in UTF-8", param_hint="USER")
    given = None if password_file is None else password_file.read().removesuffix("\n")
    if given is not None and (not given or "\0" in given):
        raise click.BadParameter("the password is empty, or holds a NUL", param_hint="--password-file")
    chosen = secrets.token_urlsafe(32) if given is None else given
    if given is None:
        click.echo(f"# Hand this to the store; it cannot be shown again:\n{chosen}\n")
    click.echo("# Add this below the store's entry in the callers file (two hashes at once while rotating):")
    # TOML's strings are JSON's, but for one character.
    quoted = json.dumps(user, ensure_ascii=False).replace("\x7f", "\\u007f")
    click.echo(
        f'[caller.keystone]\nuser = {quoted}\npassword_scrypt = ["{PasswordHash.make(chosen.encode())}"]'
    )
