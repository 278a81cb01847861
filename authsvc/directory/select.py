"""The queries, built once for the shape a database has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, bindparam, exists, func, literal, null, select

from authsvc.directory.tables import (
    ACCOUNT,
    API_KEYPAIR,
    CONFIGURATION,
    DOMAIN,
    DOMAIN_DETAILS,
    ROLES,
    USER,
)

if TYPE_CHECKING:
    from sqlalchemy import BindParameter, ColumnElement, Table
    from sqlalchemy.sql.elements import ColumnClause

    from authsvc.directory.shape import Shape

MOST_TWINS = 16
"""Rows looked at: MySQL's collation matches twins that differ in case or trailing space."""

_ACCESS = "api.key.access"
_FOR_CHILDREN = "enable.domain.settings.for.child.domain"


def user_key_query(shape: Shape) -> Select[Any]:
    """Select by ``user.api_key`` = :access_key, live users of live accounts in live domains only."""
    return _user_keys(shape).where(USER.c.api_key == bindparam("access_key")).limit(MOST_TWINS + 1)


def key_pair_query(shape: Shape) -> Select[Any]:
    """Select by ``api_keypair.api_key`` = :access_key; removed pairs too, because a removed one is a revocation."""
    return _key_pairs(shape).where(API_KEYPAIR.c.api_key == bindparam("access_key")).limit(MOST_TWINS + 1)


def page_queries(shape: Shape) -> list[tuple[Select[Any], Select[Any]]]:
    """Select, of each place that keeps keys, the next :most :after a number, and everything about :access_keys."""
    among: BindParameter[Any] = bindparam("access_keys", expanding=True)
    places = (
        (API_KEYPAIR, shape.key_pairs, _key_pairs),
        (USER, shape.user_keys, _user_keys),
    )
    return [
        (
            select(table.c.id, table.c.api_key)
            .where(table.c.id > bindparam("after"), table.c.api_key.is_not(None), table.c.removed.is_(None))
            .order_by(table.c.id)
            .limit(bindparam("most")),
            joined(shape).where(table.c.api_key.in_(among)),
        )
        for table, there, joined in places
        if there
    ]


def _user_keys(shape: Shape) -> Select[Any]:
    pair: list[ColumnElement[Any]] = [
        USER.c.api_key.label("api_key"),
        USER.c.secret_key.label("secret_key"),
        null().label("pair_uuid"),
    ]
    return _joined(shape, pair)


def _key_pairs(shape: Shape) -> Select[Any]:
    permissions = shape.permissions
    restricted: ColumnElement[Any] = literal(1)
    if permissions is not None:
        restricted = exists(
            select(permissions.c.api_keypair_id).where(permissions.c.api_keypair_id == API_KEYPAIR.c.id)
        )
    pair: list[ColumnElement[Any]] = [
        API_KEYPAIR.c.api_key.label("api_key"),
        API_KEYPAIR.c.secret_key.label("secret_key"),
        API_KEYPAIR.c.uuid.label("pair_uuid"),
        API_KEYPAIR.c.account_id.label("pair_account"),
        API_KEYPAIR.c.start_date.label("pair_start"),
        API_KEYPAIR.c.end_date.label("pair_end"),
        API_KEYPAIR.c.removed.label("pair_removed"),
        restricted.label("pair_restricted"),
    ]
    return _joined(shape, pair, API_KEYPAIR.c.user_id == USER.c.id)


def user_query(shape: Shape) -> Select[Any]:
    """Select the user with the uuid :user_id, live in a live account in a live domain."""
    return _joined(shape, [null().label("pair_uuid")]).where(USER.c.uuid == bindparam("user_id"))


def secrets_queries(shape: Shape) -> list[Select[Any]]:
    """Select the newest stored secrets of each place that keeps them, to try the cipher on."""
    places = ((API_KEYPAIR, shape.key_pairs), (USER, shape.user_keys))
    return [
        select(table.c.secret_key)
        .where(table.c.secret_key.is_not(None), table.c.secret_key != "", table.c.removed.is_(None))
        .order_by(table.c.id.desc())
        .limit(16)
        for table, there in places
        if there
    ]


def _joined(
    shape: Shape, pair: list[ColumnElement[Any]], holder: ColumnElement[bool] | None = None
) -> Select[Any]:
    source = USER.join(ACCOUNT, ACCOUNT.c.id == USER.c.account_id).join(
        DOMAIN, DOMAIN.c.id == ACCOUNT.c.domain_id
    )
    if holder is not None:
        source = source.join(API_KEYPAIR, holder)
    columns = [*pair, *_principal(shape)]
    if shape.has(ACCOUNT, "role_id") and shape.has(ROLES, "id", "uuid", "name", "role_type"):
        source = source.outerjoin(ROLES, ROLES.c.id == ACCOUNT.c.role_id)
        columns += [ROLES.c[name].label(f"role_{name}") for name in ("uuid", "name", "role_type")]
    return (
        select(*columns)
        .select_from(source)
        .where(USER.c.removed.is_(None), ACCOUNT.c.removed.is_(None), DOMAIN.c.removed.is_(None))
    )


def _principal(shape: Shape) -> list[ColumnElement[Any]]:
    columns: list[ColumnElement[Any]] = [
        column.label(f"{table.name}_{column.name}")
        for table in (USER, ACCOUNT, DOMAIN)
        for column in table.c
        if column.name not in ("api_key", "secret_key") and shape.has(table, column.name)
    ]
    if shape.api_key_access:
        columns += [
            _domain_access(DOMAIN_DETAILS.c.domain_id == DOMAIN.c.id).label("domain_access"),
            _nearest_access().label("nearest_access"),
            _global(_FOR_CHILDREN).label("for_children"),
            _global(_ACCESS).label("global_access"),
        ]
    return columns


def _domain_access(which: ColumnElement[bool]) -> ColumnElement[Any]:
    return (
        select(func.min(DOMAIN_DETAILS.c.value))  # "false" before "true", should there be two
        .where(which, DOMAIN_DETAILS.c.name == _ACCESS)
        .correlate(DOMAIN)
        .scalar_subquery()
    )


def _nearest_access() -> ColumnElement[Any]:
    """Select the setting of the closest domain on the way to ROOT that has one (``DomainDetailsDaoImpl``)."""
    above: Table = DOMAIN.alias("above")  # type: ignore[assignment]
    return (
        select(DOMAIN_DETAILS.c.value)
        .join_from(DOMAIN_DETAILS, above, above.c.id == DOMAIN_DETAILS.c.domain_id)
        .where(
            DOMAIN_DETAILS.c.name == _ACCESS,
            above.c.removed.is_(None),
            func.instr(DOMAIN.c.path, above.c.path) == 1,
        )
        .order_by(func.length(above.c.path).desc(), DOMAIN_DETAILS.c.value)
        .limit(1)
        .correlate(DOMAIN)
        .scalar_subquery()
    )


def _global(name: str) -> ColumnElement[Any]:
    value: ColumnClause[Any] = CONFIGURATION.c.value
    return select(value).where(CONFIGURATION.c.name == name).limit(1).scalar_subquery()
