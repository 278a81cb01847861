"""What the last line of a V4 canonical request says of the body."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from authsvc.errors import UnknownPayloadHash, UnsignedHeaders

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from authsvc.signing.claim import Payload
    from authsvc.signing.request import SignedRequest

HEADER = "x-amz-content-sha256"
UNSIGNED = "UNSIGNED-PAYLOAD"
TOKENS: Mapping[str, Payload] = MappingProxyType(
    {
        UNSIGNED: "unsigned",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER": "streaming-unsigned-trailer",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": "streaming",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": "streaming-trailer",
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD": "streaming",
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER": "streaming-trailer",
    }
)
_SHA256 = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)


def mode(line: str, algorithm: str) -> Payload:
    """Name what the payload line says; every mode is signed for like any other, none excuses a check.

    Chunks are signed by the algorithm that signed the request: each continues from the signature before.

    Raises:
        UnknownPayloadHash: It is neither a hash nor a token anybody defined for the algorithm.
    """
    if _SHA256.fullmatch(line):
        return "signed"
    found = TOKENS.get(line)
    if found is None or ("AWS4-" in line and algorithm not in line):
        raise UnknownPayloadHash(argument_name=HEADER)
    return found


def presigned_line(request: SignedRequest, signed: Collection[str], pinned: str | None, default: str) -> str:
    """Return the payload line of a presigned request: pinned in the query, in a signed header, or ``default``.

    A header the signature does not cover may repeat the line, never change it.

    Raises:
        UnknownPayloadHash: What is pinned is a streaming token; those need a header signature to chain from.
        UnsignedHeaders: The unsigned header says otherwise than what was signed.
    """
    header = request.header(HEADER)
    line = pinned if pinned is not None else default
    if header is not None and header != line:
        if HEADER not in signed or pinned is not None:
            raise UnsignedHeaders(headers_not_signed=[HEADER])
        line = header
    if line != UNSIGNED and line in TOKENS:
        raise UnknownPayloadHash(argument_name=HEADER)
    return line
