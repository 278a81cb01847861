"""What a gateway's entry in the callers file says of it: the table ``[caller.forward_auth]``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from marshmallow import fields, post_load, validate

from authsvc.faces.options import Table, read_table
from authsvc.service.policy import ANYTHING, Expectation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authsvc.faces.callers import Caller

Family = Literal["original", "forwarded"]
"""Under which names a gateway hands on method, URI and host: ``X-Original-*`` or ``X-Forwarded-*``."""

Style = Literal["s3", "ec2", "cloudstack"]
"""In whose words a refusal's body speaks to the client."""

TABLE: Final = "forward_auth"
STYLES: Final = get_args(Style)
_HOST: Final = r"^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayOptions:
    """One gateway.

    Attributes:
        headers: The family of headers it sets itself, on every request; None where nobody said.
        style: In whose words to refuse; None for those of whoever signed.
        expect: What the endpoint behind it is.
        bucket_hosts: Hosts whose first label before them is a bucket (virtual-hosted style), lower case.
    """

    headers: Family | None = None
    style: Style | None = None
    expect: Expectation = ANYTHING
    bucket_hosts: tuple[str, ...] = ()


def read_options(table: Mapping[str, Any]) -> GatewayOptions:
    """Read the table.

    Raises:
        ValueError: One line for every problem.
    """
    options: GatewayOptions = read_table(_TABLE, table)
    return options


def options_of(caller: Caller) -> GatewayOptions:
    """Return what the caller's entry says, or what holds where it says nothing."""
    options = caller.options.get(TABLE)
    return options if isinstance(options, GatewayOptions) else _UNSAID


_UNSAID: Final = GatewayOptions()


class _Expect(Table):
    service = fields.String(validate=validate.Length(min=1))
    region = fields.String(validate=validate.Length(min=1))

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Expectation:
        return Expectation(**data)


class _Table(Table):
    headers = fields.String(validate=validate.OneOf(get_args(Family)))
    style = fields.String(validate=validate.OneOf(STYLES))
    expect = fields.Nested(_Expect)
    bucket_hosts = fields.List(
        fields.String(validate=validate.Regexp(_HOST, error="Not a host name in lower case."))
    )

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> GatewayOptions:
        return GatewayOptions(bucket_hosts=tuple(data.pop("bucket_hosts", ())), **data)


_TABLE: Final = _Table()
