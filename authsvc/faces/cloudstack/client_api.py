"""``/client/api``: CloudStack's API as far as it concerns who a key belongs to, and which regions there are.

Every request is signed by the API key of the user who makes it. What does not verify is answered 401 in one
wording whatever the cause, as CloudStack does; the cause goes to our own log. What could not be found out is
503 with ``Retry-After``: CloudStack has no word for it, and its 530 would say that something is broken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import parse_qsl

from aiohttp import web

from authsvc.errors import AuthError, Malformed, SchemeRefused, Unavailable, Unsigned
from authsvc.faces.body import expect_later, read_body
from authsvc.faces.cloudstack.commands import (
    CALLER,
    COMMANDS,
    UNMAPPED,
    Command,
    InvalidParameter,
    arguments,
)
from authsvc.faces.cloudstack.envelopes import NOT_VERIFIED, envelope, failure
from authsvc.faces.dialects import CLIENT_API
from authsvc.faces.face import SERVICE, Face, note, retry_after
from authsvc.faces.received import signed_request
from authsvc.model import AccountType
from authsvc.signing.cloudstack import parameters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from authsvc.faces.callers import Callers
    from authsvc.model import Principal
    from authsvc.service.service import Service
    from authsvc.signing import SignedRequest

PATH: Final = "/client/api"
_FORM: Final = "application/x-www-form-urlencoded"
_METHODS: Final = ("GET", "HEAD", "POST")


class _Tone(NamedTuple):
    """How to answer: under which top-level name, and in JSON or XML."""

    name: str
    json: bool


class _Forbidden(Exception):
    """The user is known and their role does not reach the command."""


def routes(_callers: Callers) -> Sequence[web.RouteDef]:
    """List the one route; its users sign for themselves, so the callers file has no say here."""
    return (web.route("*", PATH, client_api, expect_handler=expect_later),)


FACE: Final = Face(name="cloudstack", routes=routes)


async def client_api(request: web.Request) -> web.Response:
    """Answer one API call."""
    tone = _Tone("errorresponse", json=False)
    try:
        body = await _form(request)
        given = _overheard(request, body)
        tone = _tone(given)
        return await _obey(request, given, tone, signed_request(request, body))
    except web.HTTPException as error:
        response = failure(tone.name, error.status, error.reason, json=tone.json)
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response
    except AuthError as error:
        return _refusal(request, error, tone)


async def _obey(
    request: web.Request, given: Mapping[str, str], tone: _Tone, signed: SignedRequest
) -> web.Response:
    command = COMMANDS.get(given.get("command", ""))
    if command is None:
        raise Unsigned
    told = parameters(signed)
    if told.get("command") != command.name:
        raise Malformed
    service = request.app[SERVICE]
    try:
        who = await _signer(service, signed)
        note(request, use_case=command.name, user_id=who.user.id)
        _check_role(who, command)
        document = await command.run(service, arguments(told))
    except InvalidParameter as error:
        note(request, verdict="deny", reason="InvalidParameter")
        return failure(tone.name, 431, error.text, json=tone.json, cserrorcode=error.cserrorcode)
    except _Forbidden as error:
        note(request, verdict="deny", reason="Forbidden")
        return failure("errorresponse", 432, str(error), json=tone.json, cserrorcode=UNMAPPED)
    note(request, verdict="allow")
    return envelope(tone.name, document, json=tone.json)


async def _signer(service: Service, signed: SignedRequest) -> Principal:
    """Return who signed the request, by a CloudStack signature and no other."""
    verified = await service.verify(signed, caller=CALLER)
    if verified.claim.scheme != "cloudstack":
        raise SchemeRefused
    return verified.credential.principal


def _check_role(who: Principal, command: Command) -> None:
    """Return if the user may run the command.

    Roles are CloudStack's to evaluate; what is certain without them is that a root admin may, and that a key
    with rules of its own (``api_keypair_permissions``) may or may not, which is not for us to guess.
    """
    root = who.account.type is AccountType.ADMIN
    if who.key.restricted or (command.root_only and not root):
        raise _Forbidden(
            f"The API [{command.name}] does not exist or is not available for the account {who.account.id}."
        )


def _refusal(request: web.Request, error: AuthError, tone: _Tone) -> web.Response:
    unavailable = isinstance(error, Unavailable)
    note(request, verdict=error.verdict, reason=type(error).__name__)
    text = error.default if unavailable else NOT_VERIFIED
    response = failure(tone.name, CLIENT_API.say(error).status, text, json=tone.json)
    if unavailable:
        response.headers["Retry-After"] = retry_after()
    return response


async def _form(request: web.Request) -> bytes | None:
    """Return the form a POST carries; a body of another type holds no parameters (Servlet specification)."""
    if request.method not in _METHODS:
        raise web.HTTPMethodNotAllowed(request.method, _METHODS)
    body = await read_body(request)
    return body if request.method == "POST" and request.content_type == _FORM else None


def _overheard(request: web.Request, body: bytes | None) -> dict[str, str]:
    """Read the parameters for how to answer only; what is obeyed is read by the scheme that verified it."""
    query = request.raw_path.partition("?")[2]
    pairs = parse_qsl((body or b"").decode("utf-8", "replace"), keep_blank_values=True)
    return dict(pairs + parse_qsl(query, keep_blank_values=True))


def _tone(given: Mapping[str, str]) -> _Tone:
    """Choose the top-level name as CloudStack does: a known command's, and "null" where there is none."""
    command = COMMANDS.get(given.get("command", ""))
    if command is not None:
        name = command.response_name
    else:
        name = "errorresponse" if "command" in given or not given else "null"
    return _Tone(name, json=given.get("response", "").lower() == "json")
