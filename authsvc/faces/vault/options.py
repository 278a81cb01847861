"""What a store's entry in the callers file says of how it keeps keys: the table ``[caller.vault]``."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from marshmallow import fields, post_load, validate

from authsvc.faces.options import Table, read_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authsvc.faces.callers import Caller

Form = Literal["versitygw", "ozone"]
"""What a secret looks like inside: an account as versitygw keeps it, or the secret key alone as Ozone does."""

Role = Literal["admin", "userplus", "user"]
"""versitygw's roles; ``userplus`` may make buckets."""

TABLE: Final = "vault"
_ROLES: Final[Mapping[str, Role]] = MappingProxyType({"admin": "admin", "user": "user"})


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultOptions:
    """One store.

    Attributes:
        form: What it expects a secret to look like.
        path: What it names before every access key, so that a key may hold slashes; None: anything without.
        roles: versitygw's role of root admins (``admin``) and of everybody else (``user``).
        user_id: The number versitygw gives files where it changes their owner; CloudStack has none.
        group_id: Likewise of the group.
    """

    form: Form = "versitygw"
    path: str | None = None
    roles: Mapping[str, Role] = field(default_factory=lambda: _ROLES)
    user_id: int = 0
    group_id: int = 0


def read_options(table: Mapping[str, Any]) -> VaultOptions:
    """Read the table.

    Raises:
        ValueError: One line for every problem.
    """
    options: VaultOptions = read_table(_TABLE, table)
    return options


def options_of(caller: Caller) -> VaultOptions:
    """Return what the caller's entry says, or what holds where it says nothing."""
    options = caller.options.get(TABLE)
    return options if isinstance(options, VaultOptions) else VaultOptions()


class _Roles(Table):
    admin = fields.String(validate=validate.OneOf(get_args(Role)))
    user = fields.String(validate=validate.OneOf(get_args(Role)))


class _Table(Table):
    form = fields.String(validate=validate.OneOf(get_args(Form)))
    path = fields.String(
        validate=validate.Regexp(r"[^/]+(/[^/]+)*\Z", error="must be a path, such as iam/users")
    )
    roles = fields.Nested(_Roles)
    user_id = fields.Integer(strict=True, validate=validate.Range(min=0, max=2**31 - 1))
    group_id = fields.Integer(strict=True, validate=validate.Range(min=0, max=2**31 - 1))

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> VaultOptions:
        return VaultOptions(roles=_ROLES | data.pop("roles", {}), **data)


_TABLE: Final = _Table()
