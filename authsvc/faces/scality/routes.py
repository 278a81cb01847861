"""``/?Action=…`` and ``/_/healthcheck``: as much of Scality's Vault as CloudServer's vaultclient asks of it.

vaultclient knows host and port only, so its questions come to ``/``, which is shared. It looks an error's code up in
a table of its own and takes one that is not there for no error at all: see ``dialects.SCALITY``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from authsvc.errors import AuthError, Denied, Malformed
from authsvc.faces.callers import require
from authsvc.faces.dialects import SCALITY
from authsvc.faces.face import (
    SERVICE,
    Face,
    answer,
    described_no,
    described_yes,
    note,
    printable,
)
from authsvc.faces.scality.accounts import user_info

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from authsvc.faces.callers import Caller, Callers
    from authsvc.signing import Claim

    Action = Callable[[web.Request, Caller], Awaitable[Any]]

HEALTH: Final = "/_/healthcheck"
_NOT_FOUND: Final = "NotFound"
_REQUEST_IDS: Final = re.compile(r"[A-Za-z0-9:._-]{1,256}", re.ASCII)


def routes(callers: Callers) -> Sequence[web.RouteDef]:
    """List the routes for these callers; whether the process is up is no secret."""

    async def ask(request: web.Request) -> web.Response:
        try:
            caller = callers.authenticate(request)
            note(request, caller=caller.name)
            require(caller, "verify")
            return answer(await _action(request)(request, caller))
        except AuthError as error:
            return _refusal(request, error)

    async def healthcheck(_request: web.Request) -> web.Response:
        return answer({})

    return (web.get("/", ask), web.get(HEALTH, healthcheck))


def _has_action(request: web.Request) -> bool:
    return "Action" in request.query


FACE = Face(name="scality", routes=routes, wants=_has_action)


async def _auth_v4(request: web.Request, caller: Caller) -> Any:
    """Say who signed a V4 string, and that it was for the day and region the store saw."""
    day, region = _one(request, "scopeDate"), request.query.get("region", "")

    def check(claim: Claim) -> None:
        if claim.scope is None or claim.scope.date != day or (region and claim.scope.region != region):
            raise Malformed("the string to sign has another scope than was said of it")

    return await _verified(request, caller, "sigv4", check)


async def _auth_v2(request: web.Request, caller: Caller) -> Any:
    """Say who signed a V2 string."""
    if request.query.get("hashAlgorithm", "sha1").lower() != "sha1":
        raise Malformed("V2 is verified with sha1 alone")
    return await _verified(request, caller, "s3v2", lambda _claim: None)


async def _nobody(request: web.Request, _caller: Caller) -> Any:
    """Say of each address, or canonical id, that it is not found: a directory of keys cannot be asked by them."""
    asked = (*request.query.getall("emailAddresses", ()), *request.query.getall("canonicalIds", ()))
    return dict.fromkeys(asked, _NOT_FOUND)


async def _no_accounts(_request: web.Request, _caller: Caller) -> Any:
    """List none of the accounts asked for, for the same reason."""
    return []


_ACTIONS: Final[Mapping[str, Action]] = {
    "AuthV2": _auth_v2,
    "AuthV4": _auth_v4,
    "AclCanonicalIds": _nobody,
    "AclEmailAddresses": _nobody,
    "AccountsCanonicalIds": _no_accounts,
}


def _action(request: web.Request) -> Action:
    action = _ACTIONS.get(_one(request, "Action"))
    if action is None:
        raise Malformed("there is no such Action here")
    return action


async def _verified(request: web.Request, caller: Caller, scheme: str, check: Callable[[Claim], None]) -> Any:
    if request.query.get("securityToken"):
        raise Denied("no session tokens are issued here")
    verified = await request.app[SERVICE].verify.string(
        access_key=_one(request, "accessKey"),
        text=_one(request, "stringToSign"),
        signature=_one(request, "signatureFromRequest"),
        caller=caller.name,
        chunks=True,  # each chunk of a signed stream is asked about by itself
    )
    if verified.claim.scheme != scheme:
        raise Malformed("the string to sign is of another version")
    check(verified.claim)
    ids = request.headers.get("x-scal-request-uids", "")
    note(
        request,
        **described_yes(verified),
        request_ids=ids if _REQUEST_IDS.fullmatch(ids) else None,
    )
    return {"userInfo": user_info(verified.credential.principal)}


def _one(request: web.Request, name: str) -> str:
    values = request.query.getall(name, ())
    if len(values) != 1 or not values[0]:
        raise Malformed(f"exactly one {name} is needed")
    return values[0]


def _refusal(request: web.Request, error: AuthError) -> web.Response:
    note(request, **described_no(error))
    status, code = SCALITY.say(error)
    document = {"ErrorResponse": {"Error": {"Code": code, "Message": printable(error.message)}}}
    return answer(document, status=status)
