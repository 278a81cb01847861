"""What a face is to the application, and the few things every face says the same way."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence  # noqa: TC003 - compiled, a class looks up the types of its fields
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from authsvc.faces.callers import Callers  # noqa: TC001
from authsvc.faces.documents import write
from authsvc.service.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from authsvc.errors import AuthError
    from authsvc.service.verify import Verified

SERVICE: Final = web.AppKey("service", Service)
"""Where the application keeps its one service."""

NOTES: Final = web.RequestKey("notes", dict[str, Any])
"""Where a request keeps the fields of the one line it leaves in the log."""

JSON: Final = "application/json"
_JSON: Final = {"Content-Type": JSON}


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """One dialect.

    Attributes:
        name: As settings know it.
        routes: Lists what it answers for these callers.
        wants: Which requests for ``/``, where faces meet, are its own; None where it takes what others leave.
    """

    name: str
    routes: Callable[[Callers], Sequence[web.RouteDef]]
    wants: Callable[[web.Request], bool] | None = None


def routes_of(faces: Iterable[Face], callers: Callers) -> Sequence[web.RouteDef]:
    """List the routes of all the faces; a request for ``/`` goes to the one that wants it."""
    listed: list[web.RouteDef] = []
    roots: list[tuple[Face, web.RouteDef]] = []
    for face in faces:
        for route in face.routes(callers):
            if (route.method, route.path) == ("GET", "/"):
                roots.append((face, route))
            else:
                listed.append(route)
    return (*listed, *_shared(sorted(roots, key=lambda root: root[0].wants is None)))


def _shared(roots: Sequence[tuple[Face, web.RouteDef]]) -> Sequence[web.RouteDef]:
    async def root(request: web.Request) -> web.StreamResponse:
        for face, route in roots:
            if face.wants is None or face.wants(request):
                return await route.handler(request)
        raise web.HTTPNotFound

    return (web.get("/", root),) if roots else ()


def note(request: web.Request, **fields: Any) -> None:
    """Add fields to the request's log line, if it leaves one; never a token, signature, query or secret."""
    try:
        request[NOTES].update(fields)
    except KeyError:  # nobody hears of it
        return


def described_yes(verified: Verified, *, use_case: str = "verify") -> dict[str, Any]:
    """List what the log says of a request that was verified."""
    credential = verified.credential
    return {
        "use_case": use_case,
        "verdict": "allow",
        "scheme": verified.claim.scheme,
        "source": credential.freshness.source,
        "user_id": credential.principal.user.id,
    }


def described_no(error: AuthError) -> dict[str, Any]:
    """List what the log says of one that was not."""
    return {
        "use_case": "verify",
        "verdict": error.verdict,
        "reason": str(error.detail.get("reason") or type(error).__name__),
        "scheme": error.scheme,
    }


def headers_of(request: web.Request) -> tuple[tuple[str, str], ...]:
    """Return the headers as ordered pairs, as received: UTF-8 where that works, else Latin-1."""
    return tuple((field_text(name), field_text(value)) for name, value in request.raw_headers)


def field_text(raw: bytes) -> str:
    """Decode a header's bytes: UTF-8 where that works, else Latin-1, which always does."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def answer(document: Any, *, status: int = 200) -> web.Response:
    """Send a document as JSON; datetimes in UTC become RFC 3339, and a 503 says when to come back."""
    body = write(document)
    # As a header, because content_type would be taken apart each time.
    response = web.Response(body=body, status=status, headers=_JSON)
    if status == web.HTTPServiceUnavailable.status_code:
        response.headers["Retry-After"] = retry_after()
    return response


def refusal(
    status: int, code: str, message: str, *, beside: Mapping[str, Any] | None = None, **fields: Any
) -> web.Response:
    """Send ``{"error": {"code", "message", …}}``; a 401 says how to do better.

    What is in ``beside`` goes beside ``error``.
    """
    said = {"error": {"code": code, "message": message, **fields}, **(beside or {})}
    response = answer(printable(said), status=status)
    if status == web.HTTPUnauthorized.status_code:
        response.headers["WWW-Authenticate"] = 'Bearer realm="authsvc"'
    return response


def printable(value: Any) -> Any:
    """Make a refusal's words fit for JSON; bytes that were no UTF-8 must not turn a no into a fault."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {str(name): printable(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [printable(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def http_refusal(error: web.HTTPException) -> web.Response:
    """Send what aiohttp refused by itself (no such path, method or size) in the same JSON form."""
    code = type(error).__name__.removeprefix("HTTP")
    response = refusal(error.status, code, error.reason)
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response


def internal_error() -> web.Response:
    """Send what must stay unreachable: a fault of ours that no table of refusals foresaw."""
    return refusal(500, "InternalError", "internal error")


def retry_after() -> str:
    """Choose 1 to 3 seconds at random, so that those who were refused together do not return together."""
    return str(1 + secrets.randbelow(3))
