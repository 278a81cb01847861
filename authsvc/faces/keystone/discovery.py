"""``/`` and ``/v3``: which versions there are, and where; asked by clients before they know anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from authsvc.faces.face import answer

if TYPE_CHECKING:
    from authsvc.faces.keystone.exchange import Exchange

_UPDATED: Final = "2020-04-07T00:00:00Z"  # when Keystone's v3.14 was fixed


async def versions(exchange: Exchange, request: web.Request) -> web.Response:
    """List the versions; 300, as Keystone says."""
    listed = {"versions": {"values": [_version(exchange.url(request))]}}
    return answer(listed, status=web.HTTPMultipleChoices.status_code)


async def version(exchange: Exchange, request: web.Request) -> web.Response:
    """Describe the one."""
    return answer({"version": _version(exchange.url(request))})


def _version(url: str) -> dict[str, Any]:
    return {
        "id": "v3.14",
        "status": "stable",
        "updated": _UPDATED,
        "links": [{"rel": "self", "href": f"{url}/v3/"}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
    }
