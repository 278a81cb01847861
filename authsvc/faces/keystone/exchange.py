"""One exchange in Keystone's manner: who asks, may they, and a refusal that cannot be taken for another."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from authsvc.errors import AuthError, Malformed
from authsvc.faces.body import expect_later
from authsvc.faces.callers import require
from authsvc.faces.dialects import Said
from authsvc.faces.face import SERVICE, answer, note, printable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from authsvc.faces.callers import Caller, Callers, Grant
    from authsvc.faces.dialects import Dialect
    from authsvc.faces.keystone.rules import Rules
    from authsvc.faces.keystone.service_tokens import Issued, ServiceTokens
    from authsvc.faces.keystone.service_users import ServiceUsers

GRACE: Final = 300.0
"""Seconds a token still opens after the end it was issued with: its holder's clock may be behind ours."""

NO_STORE: Final = {"Cache-Control": "no-store"}

_HOST: Final = re.compile(r"[A-Za-z0-9._~\[\]:-]{1,255}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What every route of the face works with."""

    callers: Callers
    rules: Rules
    users: ServiceUsers
    tokens: ServiceTokens

    def route(
        self,
        method: str,
        path: str,
        respond: Callable[[Exchange, web.Request, Caller], Awaitable[web.Response]],
        *,
        grant: Grant,
        dialect: Dialect,
    ) -> web.RouteDef:
        """Route to ``respond`` once the caller is known and has the grant; refusals are said in the dialect."""

        def handle(request: web.Request) -> Awaitable[web.Response]:
            caller = self.authenticate(request)
            note(request, caller=caller.name)
            require(caller, grant)
            return respond(self, request, caller)

        return web.route(method, path, self.spoken(handle, dialect), expect_handler=expect_later)

    def spoken(
        self, handle: Callable[[web.Request], Awaitable[web.StreamResponse]], dialect: Dialect
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Wrap a handler so that whatever it refuses is said in the dialect."""

        async def speaking(request: web.Request) -> web.StreamResponse:
            try:
                return await handle(request)
            except AuthError as error:
                return _refusal(request, error, dialect)
            except web.HTTPException as error:
                return _said(Said(error.status, type(error).__name__.removeprefix("HTTP")), error.reason)

        return speaking

    def authenticate(self, request: web.Request) -> Caller:
        """Return who asks, by a token of the callers file, a certificate, or a token issued here.

        Raises:
            CallerUnauthorized: Nobody, somebody unknown, or more than one.
        """

        def issued(token: str) -> Caller | None:
            found = self.tokens.open(token)
            if found is None or request.app[SERVICE].clock.now() > found.expires_at + GRACE:
                return None
            return self.holder(found)

        return self.callers.authenticate(request, issued=issued)

    def holder(self, issued: Issued) -> Caller | None:
        """Return the caller a token was issued to; None if it or its password is no longer in the callers file."""
        user = self.users.of(issued.subject) if issued.kind == "caller" else None
        if user is None or issued.proof not in {password.fingerprint for password in user.passwords}:
            return None
        return user.caller

    def url(self, request: web.Request) -> str:
        """Return where the face is reached, without ``/v3``.

        Raises:
            Malformed: The Host is none.
        """
        if self.rules.url is not None:
            return self.rules.url
        if not _HOST.fullmatch(request.host):
            raise Malformed("the Host cannot be read", field="host")
        return f"{request.scheme}://{request.host}"


def _refusal(request: web.Request, error: AuthError, dialect: Dialect) -> web.Response:
    reason = error.detail.get("reason") or type(error).__name__
    note(request, verdict=error.verdict, reason=reason)
    field = error.detail.get("field")
    return _said(dialect.say(error), error.message if field is None else f"{field}: {error.message}")


def _said(said: Said, message: str) -> web.Response:
    """Send Keystone's form of an error; ``reason`` is ours, for whoever wants to know more than a status says."""
    described: dict[str, Any] = {
        "code": said.status,
        "title": HTTPStatus(said.status).phrase,
        "message": printable(message),
        "reason": said.code,
    }
    response = answer({"error": described}, status=said.status)
    if said.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Keystone"
    return response
