"""``/v1/ec2/query/authenticate``: who signed this Query request?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authsvc.faces.body import read_body
from authsvc.faces.documents import parse
from authsvc.faces.ec2.answers import query_authenticated
from authsvc.faces.ec2.credentials import prove, read_credentials
from authsvc.faces.ec2.exchange import REQUEST_ID
from authsvc.faces.face import answer, note
from authsvc.faces.native.exchange import check_media_type

if TYPE_CHECKING:
    from aiohttp import web

    from authsvc.faces.callers import Caller
    from authsvc.service.service import Service


async def authenticate(request: web.Request, service: Service, caller: Caller) -> web.Response:
    """Answer who signed the request.

    Raises:
        Malformed: It is no description of a signed request.
        Denied: The answer is no.
        Unavailable: It could not be found out.
    """
    check_media_type(request)
    described = read_credentials(parse(await read_body(request)))
    note(request, use_case="query")
    verified = await prove(service, described, caller=caller.name, expect="ec2")
    note(
        request,
        verdict="allow",
        scheme=verified.claim.scheme,
        source=verified.credential.freshness.source,
        user_id=verified.credential.principal.user.id,
    )
    return answer(query_authenticated(verified, request_id=request[REQUEST_ID]))
