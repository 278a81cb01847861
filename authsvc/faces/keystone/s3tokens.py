"""``/v3/s3tokens`` and ``/v2.0/s3tokens``: a store shows a string to sign; did that user sign it, and who are they?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from authsvc.errors import Malformed
from authsvc.faces.body import read_body
from authsvc.faces.documents import parse
from authsvc.faces.face import SERVICE, answer, described_yes, note
from authsvc.faces.keystone.token_documents import user_token, user_token_v2
from authsvc.signing import presented

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from authsvc.faces.callers import Caller
    from authsvc.faces.keystone.exchange import Exchange
    from authsvc.service.verify import Verified

METHODS: Final = ("ec2credential",)
_ALIASES: Final = ("credentials", "credential", "ec2Credentials")


async def s3tokens(exchange: Exchange, request: web.Request, caller: Caller) -> web.Response:
    """Answer with the user's token document; there is no token, as nobody logged in.

    Raises:
        Malformed: It is no such question.
        Denied: The user did not sign the string, or may not.
        Unavailable: It could not be found out.
    """
    verified = await _verified(exchange, request, caller)
    issued_at, expires_at = lifetime(exchange, request, verified)
    return answer(
        user_token(
            verified.credential.principal,
            exchange.rules,
            methods=METHODS,
            issued_at=issued_at,
            expires_at=expires_at,
        )
    )


async def s3tokens_v2(exchange: Exchange, request: web.Request, caller: Caller) -> web.Response:
    """Answer the same in the words of version 2.

    Raises:
        AuthError: As above.
    """
    verified = await _verified(exchange, request, caller)
    issued_at, expires_at = lifetime(exchange, request, verified)
    principal = verified.credential.principal
    return answer(user_token_v2(principal, exchange.rules, issued_at=issued_at, expires_at=expires_at))


def credentials(document: Any) -> Mapping[str, Any]:
    """Return what stands under the one of Keystone's names for it that is there.

    Raises:
        Malformed: None is, more than one is, or it is no object.
    """
    given = [document[name] for name in _ALIASES if name in document] if isinstance(document, dict) else []
    if len(given) != 1 or not isinstance(given[0], dict):
        raise Malformed("must be an object, and the only one", field=_ALIASES[0])
    return given[0]


def text(given: Mapping[str, Any], name: str) -> str:
    """Return a member that must be text and not empty.

    Raises:
        Malformed: It is something else.
    """
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise Malformed("must be text that is not empty", field=name)
    return value


def lifetime(exchange: Exchange, request: web.Request, verified: Verified) -> tuple[float, float]:
    """Return from when until when the document is good, Unix seconds: never beyond the key's own end."""
    issued_at = request.app[SERVICE].clock.now()
    expires_at = issued_at + exchange.rules.lifetime
    key_ends = verified.credential.principal.key.expires_at
    return issued_at, expires_at if key_ends is None else min(expires_at, key_ends)


async def _verified(exchange: Exchange, request: web.Request, caller: Caller) -> Verified:
    given = credentials(parse(await read_body(request)))
    verified = await request.app[SERVICE].verify.string(
        access_key=text(given, "access"),
        text=presented.decode(text(given, "token")),
        signature=text(given, "signature"),
        caller=caller.name,
        patience=exchange.rules.patience,
    )
    note(request, **described_yes(verified, use_case="s3tokens"))
    return verified
