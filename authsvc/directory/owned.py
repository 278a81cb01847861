"""The directory authsvc owns: the same tables, made by our migrations and written by ``authsvc users``."""

from __future__ import annotations

import base64
import re
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, DateTime, MetaData, String, Table, insert, inspect, select, update

from authsvc.directory.tables import ACCOUNT, API_KEYPAIR, DOMAIN, USER
from authsvc.model import AccessKey, AccountType, Secret, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from authsvc.directory.cipher import SecretCipher

MARKER = "authsvc_directory"
NOT_OWNED = (
    "these users are CloudStack's: its management server owns the rows; use its createUser, disableUser and "
    "registerUserKeys, or give authsvc a database of its own and run `authsvc migrate`"
)
_ACCESS_KEY = re.compile(r"[!-~]{1,255}")

# Columns that are written and never read.
_WRITTEN_PAIR = Table(
    "api_keypair",
    MetaData(),
    *(Column(column.name, column.type, primary_key=column.primary_key) for column in API_KEYPAIR.c),
    Column("name", String(255)),
    Column("created", DateTime),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """What ``add_user`` made; the only time the secret key is shown."""

    id: str
    access_key: AccessKey
    secret: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A user as ``users list`` shows it."""

    id: str
    name: str
    account: str
    domain: str
    state: str
    access_keys: tuple[str, ...]


def migrate(connection: Connection, branch: str | None = None) -> None:
    """Bring the tables up to date: all of them, or those of one branch.

    Raises:
        ValueError: The database holds CloudStack's tables.
    """
    # Here and not above: 12 MiB, which a process that serves CloudStack's tables never needs.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_scripts()))
    config.attributes["connection"] = connection
    command.upgrade(config, f"{branch}@head" if branch else "heads")


class OwnedDirectory:
    """Writes users; refuses where the marker of our own migrations is missing."""

    def __init__(self, engine: AsyncEngine, *, cipher: SecretCipher) -> None:
        """Take an engine that may write."""
        self._engine = engine.execution_options(writing=True)
        self._cipher = cipher

    async def migrate(self) -> None:
        """Make the tables, or bring them up to date.

        Raises:
            ValueError: The database holds CloudStack's tables.
        """
        async with self._engine.begin() as connection:
            await connection.run_sync(migrate)

    async def add_user(
        self,
        name: str,
        *,
        account: str | None = None,
        domain: str = "/",
        admin: bool = False,
        access_key: str | None = None,
        secret: Secret | None = None,
    ) -> NewUser:
        """Add a user with a key pair; account and domain are made where they are missing.

        Args:
            name: User name, unique in its domain.
            account: Account name; the user's own when None.
            domain: Path such as ``/`` or ``/sales/north/``.
            admin: Whether a new account is a root administrator's.
            access_key: Made up when None: 64 random bytes, base64url, as CloudStack makes them.
            secret: The same.

        Raises:
            ValueError: The name or the key is taken or cannot be one, or the rows are CloudStack's.
        """
        _require_printable("a user's name", name, longest=255)
        _require_printable("an account's name", account or name, longest=100)
        _require_printable("a domain's path", f"/{domain.strip('/')}/", longest=255)
        made = _new_user(access_key, secret)
        async with self._engine.begin() as connection:
            await _require_owned(connection)
            domain_id = await _domain(connection, domain)
            await _require_new(connection, name, domain_id, made.access_key)
            account_id = await _account(connection, account or name, domain_id, admin=admin)
            person = {"uuid": made.id, "username": name, "account_id": account_id, "created": _now()}
            user_id = await _inserted(
                connection, USER, person | {"state": State.ENABLED.value, "source": "NATIVE"}
            )
            await self._add_pair(connection, name, account_id, user_id, made)
        return made

    async def _add_pair(
        self, connection: AsyncConnection, name: str, account_id: int, user_id: int, made: NewUser
    ) -> None:
        pair = {
            "uuid": str(uuid.uuid4()),
            "name": f"{name}'s key pair",
            "account_id": account_id,
            "user_id": user_id,
            "api_key": made.access_key,
            "secret_key": self._cipher.encrypt(made.secret),
            "created": _now(),
        }
        await _inserted(connection, _WRITTEN_PAIR, pair)

    async def list_users(self) -> Sequence[Listed]:
        """Return every live user, by domain, account and name.

        Raises:
            ValueError: The rows are CloudStack's.
        """
        query = (
            select(
                USER.c.uuid, USER.c.username, ACCOUNT.c.account_name, DOMAIN.c.path, USER.c.state, USER.c.id
            )
            .join_from(USER, ACCOUNT, ACCOUNT.c.id == USER.c.account_id)
            .join(DOMAIN, DOMAIN.c.id == ACCOUNT.c.domain_id)
            .where(USER.c.removed.is_(None))
            .order_by(DOMAIN.c.path, ACCOUNT.c.account_name, USER.c.username)
        )
        async with self._engine.connect() as connection:
            await _require_owned(connection)
            pairs = select(API_KEYPAIR.c.user_id, API_KEYPAIR.c.api_key).where(
                API_KEYPAIR.c.removed.is_(None)
            )
            keys: dict[int, list[str]] = {}
            for user_id, key in await connection.execute(pairs):
                keys.setdefault(user_id, []).append(key)
            return [
                Listed(id=i, name=n, account=a, domain=d, state=s, access_keys=tuple(keys.get(number, ())))
                for i, n, a, d, s, number in await connection.execute(query)
            ]

    async def set_state(self, user: str, state: State) -> None:
        """Enable, disable or lock the user with this uuid or, if it is the only one, this name.

        Raises:
            ValueError: No such user, more than one, or the rows are CloudStack's.
        """
        await self._change(user, {"state": state.value})

    async def remove_user(self, user: str) -> None:
        """Remove the user, named as in ``set_state``; its key pairs go with it."""
        await self._change(user, {"removed": _now()})

    async def _change(self, user: str, values: dict[str, Any]) -> None:
        async with self._engine.begin() as connection:
            await _require_owned(connection)
            named = select(USER.c.id).where(
                USER.c.removed.is_(None), (USER.c.uuid == user) | (USER.c.username == user)
            )
            found = (await connection.scalars(named)).all()
            if len(found) != 1:
                raise ValueError(
                    f"{len(found)} users are called {user}; give the id" if found else f"no user {user}"
                )
            await connection.execute(update(USER).where(USER.c.id == found[0]).values(values))
            if "removed" in values:
                pairs = update(API_KEYPAIR).where(
                    API_KEYPAIR.c.user_id == found[0], API_KEYPAIR.c.removed.is_(None)
                )
                await connection.execute(pairs.values(removed=values["removed"]))


def _new_user(access_key: str | None, secret: Secret | None) -> NewUser:
    if access_key is not None and not _ACCESS_KEY.fullmatch(access_key):
        raise ValueError("an access key is 1 to 255 printable ASCII characters, none of them a space")
    if secret is not None and not secret:
        raise ValueError("the secret key is empty")
    return NewUser(
        id=str(uuid.uuid4()),
        access_key=AccessKey(access_key or _random_key()),
        secret=secret or Secret(_random_key()),
    )


def _require_printable(what: str, name: str, *, longest: int) -> None:
    """Return if the column could hold the name, and a line of a list show it."""
    if not (name.strip() and name.isprintable() and len(name) <= longest):
        raise ValueError(f"{what} must be 1 to {longest} printable characters")


async def _require_owned(connection: AsyncConnection) -> None:
    if not await connection.run_sync(lambda sync: inspect(sync).has_table(MARKER)):
        raise ValueError(NOT_OWNED)


async def _require_new(connection: AsyncConnection, name: str, domain_id: int, access_key: str) -> None:
    taken = (
        select(USER.c.id)
        .join(ACCOUNT, ACCOUNT.c.id == USER.c.account_id)
        .where(USER.c.username == name, USER.c.removed.is_(None), ACCOUNT.c.domain_id == domain_id)
    )
    if await connection.scalar(taken) is not None:
        raise ValueError(f"there is a user {name} in that domain already")
    held = select(API_KEYPAIR.c.id).where(
        API_KEYPAIR.c.api_key == access_key, API_KEYPAIR.c.removed.is_(None)
    )
    if await connection.scalar(held) is not None:
        raise ValueError("somebody holds that access key already")


async def _domain(connection: AsyncConnection, path: str) -> int:
    """Return the domain's number; make it and what is missing above it."""
    number, walked = 1, "/"
    for level, name in enumerate((part for part in path.split("/") if part), 1):
        walked += f"{name}/"
        found = await connection.scalar(
            select(DOMAIN.c.id).where(DOMAIN.c.path == walked, DOMAIN.c.removed.is_(None))
        )
        if found is None:
            row = {"parent": number, "name": name, "path": walked, "level": level, "state": "Active"}
            found = await _inserted(connection, DOMAIN, row | {"uuid": str(uuid.uuid4())})
        number = found
    return number


async def _account(connection: AsyncConnection, name: str, domain_id: int, *, admin: bool) -> int:
    named = select(ACCOUNT.c.id, ACCOUNT.c.type).where(
        ACCOUNT.c.account_name == name, ACCOUNT.c.domain_id == domain_id, ACCOUNT.c.removed.is_(None)
    )
    found = (await connection.execute(named)).first()
    if found is not None:
        if admin and found.type != AccountType.ADMIN:
            raise ValueError(f"there is an account {name} in that domain already, and not an administrator's")
        return int(found.id)
    kind = AccountType.ADMIN if admin else AccountType.NORMAL
    row = {"account_name": name, "domain_id": domain_id, "uuid": str(uuid.uuid4()), "type": kind.value}
    return await _inserted(
        connection, ACCOUNT, row | {"role_id": 1 if admin else 2, "state": State.ENABLED.value}
    )


async def _inserted(connection: AsyncConnection, table: Table, row: dict[str, Any]) -> int:
    result = await connection.execute(insert(table).values(row))
    key = result.inserted_primary_key
    if key is None:
        raise LookupError(table.name)
    return int(key[0])


def _random_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(64)).rstrip(b"=").decode()


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


def _scripts() -> Path:
    """Find the migrations: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).parents[1]
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parent / "migrations"
