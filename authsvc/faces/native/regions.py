"""``/v1/regions``: the registry of regions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authsvc.faces.face import answer, note

if TYPE_CHECKING:
    from aiohttp import web

    from authsvc.faces.callers import Caller
    from authsvc.service.service import Service


async def regions(request: web.Request, service: Service, _caller: Caller) -> web.Response:
    """List the regions by id, and say which of them this is.

    Raises:
        Unavailable: They could not be found out.
    """
    listed = [
        {
            "id": region.id,
            "name": region.name,
            "endpoint": region.endpoint,
            "gslb_enabled": region.gslb_enabled,
            "portable_ip_enabled": region.portable_ip_enabled,
        }
        for region in await service.regions.list()
    ]
    note(request, use_case="regions", verdict="allow")
    return answer({"regions": listed, "region_id": service.region_id})
