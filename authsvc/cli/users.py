"""``authsvc users``: the people of a directory authsvc owns."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TextIO

import click

from authsvc.cli.arguments import printable
from authsvc.cli.failing import told_in_one_line
from authsvc.directory.owned import OwnedDirectory
from authsvc.model import Secret, State
from authsvc.settings import read_settings
from authsvc.wiring.backends import cipher, migrate_own, open_directory_engine, open_own_engine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from authsvc.settings import Settings


@click.group()
def users() -> None:
    """Manage the users of the directory authsvc owns.

    In front of CloudStack's database every one of these refuses: its management server owns the rows.

    \b
    Example:
      authsvc users add alice --account acme
    """


@users.command()
@click.argument("name")
@click.option("--account", help="Account name; the user's own name if not given.")
@click.option("--domain", default="/", show_default=True, help="Path of the domain, such as /sales/north/.")
@click.option("--admin", is_flag=True, help="Make a new account a root administrator's.")
@click.option("--access-key", help="The access key; made up if not given.")
@click.option(
    "--secret-key-file",
    type=click.File(encoding="utf-8"),
    help="File that holds the secret key, - for standard input; made up if not given.",
)
def add(
    *,
    name: str,
    account: str | None,
    domain: str,
    admin: bool,
    access_key: str | None,
    secret_key_file: TextIO | None,
) -> None:
    """Add the user NAME with a key pair, and print the keys; the secret key is shown this once.

    \b
    Example:
      authsvc users add alice --account acme --domain /sales/
    """
    given = None if secret_key_file is None else Secret(secret_key_file.read().removesuffix("\n"))

    async def work(directory: OwnedDirectory) -> None:
        made = await directory.add_user(
            name, account=account, domain=domain, admin=admin, access_key=access_key, secret=given
        )
        click.echo(f"id         {made.id}\naccess key {made.access_key}")
        if given is None:
            click.echo(f"secret key {made.secret.reveal()}")

    _run(work)


@users.command("list")
def list_() -> None:
    """Print every user: id, state, domain, account, name, access keys.

    \b
    Example:
      authsvc users list
    """

    async def work(directory: OwnedDirectory) -> None:
        for user in await directory.list_users():
            keys = ",".join(user.access_keys)
            click.echo(f"{user.id}\t{user.state}\t{user.domain}\t{user.account}\t{user.name}\t{keys}")

    _run(work)


@users.command()
@click.argument("user", callback=printable)
def disable(user: str) -> None:
    """Disable the user with this id or name: its keys stop working.

    \b
    Example:
      authsvc users disable alice
    """
    _run(lambda directory: directory.set_state(user, State.DISABLED))


@users.command()
@click.argument("user", callback=printable)
def enable(user: str) -> None:
    """Enable the user with this id or name again.

    \b
    Example:
      authsvc users enable alice
    """
    _run(lambda directory: directory.set_state(user, State.ENABLED))


@users.command()
@click.argument("user", callback=printable)
def remove(user: str) -> None:
    """Remove the user with this id or name, and its keys.

    \b
    Example:
      authsvc users remove alice
    """
    _run(lambda directory: directory.remove_user(user))


@click.command()
def migrate() -> None:
    """Make the tables authsvc owns, or bring them up to date; CloudStack's are never touched.

    With AUTHSVC_OWN_DATABASE_URL that database is meant, and the directory is left alone.

    \b
    Example:
      AUTHSVC_DATABASE_URL=mysql://authsvc:…@db/authsvc authsvc migrate
      AUTHSVC_OWN_DATABASE_URL=mysql://authsvc:…@db/authsvc authsvc migrate
    """

    async def own(settings: Settings) -> None:
        async with open_own_engine(settings) as engine:
            await migrate_own(engine)

    with told_in_one_line():
        settings = read_settings()
        if settings.own_database_url is None:
            _run(lambda directory: directory.migrate())
        else:
            asyncio.run(own(settings))
    click.echo("the tables are up to date")


def _run(work: Callable[[OwnedDirectory], Awaitable[None]]) -> None:
    async def run() -> None:
        async with _opened() as directory:
            await work(directory)

    with told_in_one_line():
        asyncio.run(run())


@asynccontextmanager
async def _opened() -> AsyncIterator[OwnedDirectory]:
    settings = read_settings()
    async with open_directory_engine(settings, writing=True) as engine:
        yield OwnedDirectory(engine, cipher=cipher(settings))
