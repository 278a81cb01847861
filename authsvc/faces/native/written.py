"""The verify question as it stands in the body; apart from its reader, because such shapes cannot be compiled."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from authsvc.faces.native.schemas import MAX_BATCH

_Filled = Annotated[str, msgspec.Meta(min_length=1)]


class Expect(Struct, forbid_unknown_fields=True):
    """What ``schemas.Expect`` describes."""

    service: _Filled | UnsetType | None = UNSET
    region: _Filled | UnsetType | None = UNSET


class Written(Struct, forbid_unknown_fields=True):
    """What ``schemas.VerifyRequest`` describes."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] | dict[str, str]
    body: str | UnsetType | None = UNSET
    body_sha256: str | UnsetType | None = UNSET
    bucket: str | UnsetType | None = UNSET
    expect: Expect | UnsetType | None = UNSET
    want: list[Literal["signing_key"]] | UnsetType | None = UNSET


class Batch(Struct, forbid_unknown_fields=True):
    """What ``schemas.Batch`` describes."""

    requests: Annotated[list[Written], msgspec.Meta(max_length=MAX_BATCH)]


ONE: Final = msgspec.json.Decoder(Written)
MANY: Final = msgspec.json.Decoder(Batch)
