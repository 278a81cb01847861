"""What a V4 signature says of itself, wherever it stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from authsvc.errors import Malformed
from authsvc.model import AccessKey
from authsvc.signing.request import QueryPair
from authsvc.signing.scope import Scope


class Presented(Struct, frozen=True, kw_only=True):
    """The signature, whose it claims to be, and what it covers.

    Attributes:
        access_key: Whose it claims to be.
        scope: What its key was derived for.
        timestamp: When it was made, ``YYYYMMDDTHHMMSSZ``.
        signed_at: The same in Unix seconds.
        signed_headers: The list as sent, ``;`` between names.
        signature: As sent.
        query: The query parameters it covers.
        refuse: Makes the refusal that names the place the list of signed headers stood in.
        refuse_scope: The same for the credential and the region set.
        presigned: It stood in the query.
        lifetime: Seconds it is good for; only presigned, and None where it does not say.
        token: The session token beside it in the query.
        pinned: The payload line given in the query.
        region_set: The regions it is good for, as the query lists them.
    """

    access_key: AccessKey
    scope: Scope
    timestamp: str
    signed_at: float
    signed_headers: str
    signature: str
    query: Sequence[QueryPair]
    refuse: Callable[[str], Malformed]
    refuse_scope: Callable[[str], Malformed]
    presigned: bool = False
    lifetime: int | None = None
    token: str | None = None
    pinned: str | None = None
    region_set: str | None = None
