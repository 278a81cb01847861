"""The native face's routes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authsvc.faces.documents import parse
from authsvc.faces.face import Face
from authsvc.faces.native.exchange import get, post
from authsvc.faces.native.forget import forget
from authsvc.faces.native.lookup import lookup
from authsvc.faces.native.openapi import routes as documents
from authsvc.faces.native.question import read_question, read_questions
from authsvc.faces.native.regions import regions
from authsvc.faces.native.verify import verify, verify_batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp import web

    from authsvc.faces.callers import Callers


def routes(callers: Callers) -> Sequence[web.RouteDef]:
    """List the routes for these callers; the documents are for anybody."""
    return (
        post("/v1/verify", "verify", verify, callers, read_question),
        post("/v1/verify/batch", "verify", verify_batch, callers, read_questions),
        post("/v1/users/lookup", "identify", lookup, callers, parse),
        get("/v1/regions", "regions", regions, callers),
        post("/v1/forget", "admin", forget, callers, parse),
        *documents(),
    )


FACE = Face(name="native", routes=routes)
