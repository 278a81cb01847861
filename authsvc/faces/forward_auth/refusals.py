"""A no, for a gateway to hand on: a status it understands, a body its client understands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from aiohttp import web

from authsvc.errors import CallerForbidden, CallerUnauthorized, Unavailable
from authsvc.faces.cloudstack.envelopes import NOT_VERIFIED, failure
from authsvc.faces.dialects import GATED, dialect_of
from authsvc.faces.face import printable, retry_after
from authsvc.faces.markup import xml_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authsvc.errors import AuthError
    from authsvc.faces.dialects import Said
    from authsvc.faces.forward_auth.options import GatewayOptions, Style
    from authsvc.signing import SignedRequest

CODE: Final = "X-Auth-Error"
"""The code once more, for gateways that hand no body on."""

_ELEMENTS: Final[Mapping[str, str]] = {
    "aws_access_key_id": "AWSAccessKeyId",
    "canonical_request": "CanonicalRequest",
    "expires": "Expires",
    "max_allowed_skew_milliseconds": "MaxAllowedSkewMilliseconds",
    "region": "Region",
    "request_time": "RequestTime",
    "server_time": "ServerTime",
    "signature_provided": "SignatureProvided",
    "string_to_sign": "StringToSign",
}
"""Details that S3 tells its clients, by our name for them."""


def refusal(
    error: AuthError, options: GatewayOptions, asked: SignedRequest | None, style: Style | None = None
) -> web.Response:
    """Say no, or that it could not be found out, in the style asked for, or else that of whoever signed."""
    style = style or options.style or _style_of(error, options)
    said = GATED[style].say(error)
    response = _RENDER[style](said, error, asked)
    response.headers["Cache-Control"] = "no-store"
    response.headers[CODE] = said.code
    if isinstance(error, Unavailable):
        response.headers["Retry-After"] = retry_after()
    return response


def _style_of(error: AuthError, options: GatewayOptions) -> Style:
    name = dialect_of(error.scheme, options.expect.service).name
    return "cloudstack" if name == "cloudstack" else "ec2" if name == "ec2" else "s3"


def _s3(said: Said, error: AuthError, asked: SignedRequest | None) -> web.Response:
    known = {_ELEMENTS[name]: value for name, value in error.detail.items() if name in _ELEMENTS}
    resource = {} if asked is None else {"Resource": asked.path}
    fields = {"Code": said.code, "Message": error.message, **resource, **known}
    return _xml(said.status, f"<Error>{_elements(fields)}</Error>")


def _ec2(said: Said, error: AuthError, _asked: SignedRequest | None) -> web.Response:
    fields = _elements({"Code": said.code, "Message": error.message})
    return _xml(said.status, f"<Response><Errors><Error>{fields}</Error></Errors></Response>")


def _cloudstack(said: Said, error: AuthError, asked: SignedRequest | None) -> web.Response:
    query = "" if asked is None else asked.query or ""
    json = dict(parse_qsl(query, keep_blank_values=True)).get("response", "").lower() == "json"
    own = isinstance(error, CallerUnauthorized | CallerForbidden | Unavailable)
    return failure("errorresponse", said.status, error.default if own else NOT_VERIFIED, json=json)


_RENDER: Final = {"s3": _s3, "ec2": _ec2, "cloudstack": _cloudstack}


def _elements(fields: Mapping[str, Any]) -> str:
    return "".join(f"<{name}>{xml_text(str(printable(value)))}</{name}>" for name, value in fields.items())


def _xml(status: int, text: str) -> web.Response:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'
    return web.Response(body=body.encode(), status=status, content_type="application/xml", charset="UTF-8")
