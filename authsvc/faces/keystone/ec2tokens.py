"""``/v3/ec2tokens``: a gateway describes a Query request; did that user sign it, and with which token may it go on?"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from authsvc.faces.body import read_body
from authsvc.faces.documents import parse
from authsvc.faces.ec2.credentials import prove, read_credentials
from authsvc.faces.face import SERVICE, answer, described_yes, note
from authsvc.faces.keystone.exchange import NO_STORE
from authsvc.faces.keystone.s3tokens import METHODS
from authsvc.faces.keystone.service_tokens import Issued
from authsvc.faces.keystone.token_documents import user_token

if TYPE_CHECKING:
    from aiohttp import web

    from authsvc.faces.callers import Caller
    from authsvc.faces.keystone.exchange import Exchange


async def ec2tokens(exchange: Exchange, request: web.Request, caller: Caller) -> web.Response:
    """Answer with the user's token document, and with a token in ``X-Subject-Token``.

    The token says whose key it is and is looked up anew each time it is shown; without keys to seal it with it
    is one that nobody knows.

    Raises:
        Malformed: It is no such question.
        Denied: The user did not sign the request, or may not.
        Unavailable: It could not be found out.
    """
    described = read_credentials(parse(await read_body(request)))
    service = request.app[SERVICE]
    verified = await prove(service, described, caller=caller.name)
    principal = verified.credential.principal
    note(request, **described_yes(verified, use_case="ec2tokens"))
    now = service.clock.now()
    ends = min(now + exchange.rules.token_lifetime, principal.key.expires_at or float("inf"))
    issued = Issued(kind="user", subject=verified.claim.access_key, issued_at=now, expires_at=ends)
    token = exchange.tokens.issue(issued) if exchange.tokens.usable else secrets.token_urlsafe(32)
    document = user_token(principal, exchange.rules, methods=METHODS, issued_at=now, expires_at=ends)
    response = answer(document)
    response.headers.update({"X-Subject-Token": token, **NO_STORE})
    return response
