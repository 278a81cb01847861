"""``/v1/forget``: drop one access key from every cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from authsvc.faces.face import note
from authsvc.faces.native.schemas import FORGET, load

if TYPE_CHECKING:
    from authsvc.faces.callers import Caller
    from authsvc.service.service import Service


async def forget(request: web.Request, service: Service, _caller: Caller, document: Any) -> web.Response:
    """Drop the key; 204 whether or not anything was remembered of it.

    Raises:
        Malformed: It names no key.
        Unavailable: Not every cache could be reached.
    """
    await service.forget(load(FORGET, document))
    note(request, use_case="forget", verdict="done")
    return web.Response(status=204)
