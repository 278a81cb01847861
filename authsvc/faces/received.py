"""The request a face received, as the signed request it may be: raw target, pairs in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authsvc.faces.face import headers_of
from authsvc.signing import SignedRequest

if TYPE_CHECKING:
    from aiohttp import web


def signed_request(request: web.Request, body: bytes | None) -> SignedRequest:
    """Return what a scheme reads.

    Raises:
        Malformed: A part of it is no HTTP.
    """
    return SignedRequest(
        method=request.method, target=request.raw_path, headers=headers_of(request), body=body
    )
