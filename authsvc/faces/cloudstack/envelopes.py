"""What CloudStack's API wraps its answers in: one top-level name, in JSON or in XML (``ApiResponseSerializer``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from authsvc.faces.documents import write
from authsvc.faces.markup import xml_text

if TYPE_CHECKING:
    from collections.abc import Mapping

NOT_VERIFIED: Final = "unable to verify user credentials and/or request signature"
"""The one wording for every cause."""

_NO_STORE: Final = {"Cache-Control": "no-store"}


def envelope(name: str, document: Mapping[str, Any], *, json: bool, status: int = 200) -> web.Response:
    """Send the document under its one top-level name; fields that are None are left out.

    XML is what CloudStack speaks unless asked otherwise. Its ``cloud-stack-version`` is left out: there is no
    management server here whose version that could be.
    """
    if json:
        body = write({name: _filled(document)})
        return web.Response(
            body=body, status=status, headers=_NO_STORE, content_type="application/json", charset="UTF-8"
        )
    text = f'<?xml version="1.0" encoding="UTF-8"?>{_element(name, document)}'
    return web.Response(
        body=text.encode(), status=status, headers=_NO_STORE, content_type="text/xml", charset="UTF-8"
    )


def failure(name: str, status: int, text: str, *, json: bool, cserrorcode: int | None = None) -> web.Response:
    """Send what CloudStack's ``ExceptionResponse`` says; the HTTP status is the ``errorcode`` as well.

    ``cserrorcode`` and the ``X-Description`` header stand where CloudStack throws, not where it merely finds
    that a request does not verify.
    """
    document = {"uuidList": [], "errorcode": status, "cserrorcode": cserrorcode, "errortext": text}
    response = envelope(name, document, json=json, status=status)
    if cserrorcode is not None:
        response.headers["X-Description"] = text
    return response


def _filled(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _filled(item) for name, item in value.items() if item is not None}
    return [_filled(item) for item in value] if isinstance(value, list) else value


def _element(name: str, value: Any) -> str:
    """Write one element; a list is its name repeated for each item."""
    if value is None:
        return ""
    if isinstance(value, list):
        return "".join(_element(name, item) for item in value)
    return f"<{name}>{_content(value)}</{name}>"


def _content(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(_element(name, item) for name, item in value.items())
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return xml_text(text)
