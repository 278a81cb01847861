"""``/v3/auth/tokens``: a service logs in with its password, and asks what a token is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from authsvc.errors import AccountProblem, Malformed, UnknownAccessKey
from authsvc.faces.body import read_body
from authsvc.faces.documents import parse
from authsvc.faces.face import SERVICE, answer, note
from authsvc.faces.keystone.exchange import NO_STORE
from authsvc.faces.keystone.s3tokens import METHODS, text
from authsvc.faces.keystone.service_tokens import Issued
from authsvc.faces.keystone.token_documents import service_token, user_token
from authsvc.model import AccessKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authsvc.faces.callers import Caller
    from authsvc.faces.keystone.exchange import Exchange
    from authsvc.faces.keystone.service_users import ServiceUser

ALLOW_EXPIRED: Final = 172800.0
"""Seconds after its end for which ``allow_expired`` still wants to hear of a token, as in Keystone."""

_TRUE: Final = frozenset({"1", "true", "True"})


async def log_in(exchange: Exchange, request: web.Request) -> web.Response:
    """Issue a token to a service that shows its password (``X-Subject-Token``); any scope is tolerated.

    Raises:
        Malformed: It is no password login.
        CallerUnauthorized: The name or the password is wrong.
        Overloaded: Too many are trying.
    """
    service = request.app[SERVICE]
    name, claimed, password = _password(exchange, parse(await read_body(request)))
    user, matched = await exchange.users.log_in(
        claimed, password, service.clock, name=name, address=request.remote
    )
    now = service.clock.now()
    issued = Issued(
        kind="caller",
        subject=user.id,
        issued_at=now,
        expires_at=now + exchange.rules.token_lifetime,
        proof=matched.fingerprint,
    )
    note(request, caller=user.caller.name, use_case="log_in", verdict="allow")
    response = answer(_described(exchange, request, user, issued), status=web.HTTPCreated.status_code)
    response.headers.update({"X-Subject-Token": exchange.tokens.issue(issued), **NO_STORE})
    return response


async def show_token(exchange: Exchange, request: web.Request, caller: Caller) -> web.Response:
    """Describe the token in ``X-Subject-Token``.

    Raises:
        Malformed: There is none.
        HTTPNotFound: It is not ours, has ended, or whoever it was issued to is no longer served.
        Unavailable: It could not be found out.
    """
    subjects = request.headers.getall("X-Subject-Token", ())
    if len(subjects) != 1:
        raise Malformed("must be given, and once", field="X-Subject-Token")
    issued = exchange.tokens.open(subjects[0])
    late = ALLOW_EXPIRED if request.query.get("allow_expired") in _TRUE else 0.0
    if issued is None or request.app[SERVICE].clock.now() > issued.expires_at + late:
        raise web.HTTPNotFound(reason="there is no such token")
    document = await _owner(exchange, request, caller, issued)
    note(request, use_case="show_token", verdict="allow")
    response = answer(document)
    response.headers.update({"X-Subject-Token": subjects[0], **NO_STORE})
    return response


async def _owner(exchange: Exchange, request: web.Request, caller: Caller, issued: Issued) -> dict[str, Any]:
    if issued.kind == "caller":
        holder = exchange.holder(issued)
        user = None if holder is None else exchange.users.of(holder.name)
        if user is None:
            raise web.HTTPNotFound(reason="there is no such token")
        return _described(exchange, request, user, issued)
    service = request.app[SERVICE]
    try:
        credential = await service.identify(AccessKey(issued.subject), caller=caller.name)
        service.verify.policy.check_state(credential, now=service.clock.now())
    except (UnknownAccessKey, AccountProblem):
        raise web.HTTPNotFound(reason="there is no such token") from None
    return user_token(
        credential.principal,
        exchange.rules,
        methods=METHODS,
        issued_at=issued.issued_at,
        expires_at=issued.expires_at,
    )


def _described(exchange: Exchange, request: web.Request, user: ServiceUser, issued: Issued) -> dict[str, Any]:
    return service_token(
        user,
        url=exchange.url(request),
        region=str(request.app[SERVICE].region_id),
        issued_at=issued.issued_at,
        expires_at=issued.expires_at,
    )


def _password(exchange: Exchange, document: Any) -> tuple[str, ServiceUser | None, str]:
    """Return who is named, who that is, None for nobody we know, and the password shown."""
    identity = _object({"body": document}, "body", "auth", "identity")
    if identity.get("methods") != ["password"]:
        raise Malformed("must be password, and nothing else", field="methods")
    user = _object(identity, "password", "user")
    password = text(user, "password")
    if "id" in user:
        identifier = text(user, "id")
        return repr(identifier), exchange.users.of(identifier), password
    domain, name = _object(user, "domain"), text(user, "name")
    said = repr((name, domain))
    for known in exchange.users.all:
        wanted = domain in ({"id": known.domain_id}, {"name": known.domain})
        if known.name == name and wanted:
            return said, known, password
    return said, None, password


def _object(document: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """Return the object at the end of the path."""
    for name in names:
        value = document.get(name)
        if not isinstance(value, dict):
            raise Malformed("must be an object", field=name)
        document = value
    return document
