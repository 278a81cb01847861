"""``/minio/identity``: MinIO's identity management plugin. A signed request is exchanged for a session there.

The token a user hands to MinIO (STS ``AssumeRoleWithCustomToken``) is a request signed for this purpose and no other:

* the query of a CloudStack API call ``command=assumeRole`` with an ``expires``, which CloudStack itself does not know;
* the address of a presigned ``sts`` ``GetCallerIdentity``, as AWS's own SDKs make it.

An address that was presigned for an object, and handed to somebody for that, must not make them its signer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from marshmallow import fields, post_load, validate

from authsvc.errors import AuthError, Denied, Malformed, SchemeRefused, Timeless
from authsvc.faces.callers import require
from authsvc.faces.dialects import MINIO
from authsvc.faces.face import (
    SERVICE,
    Face,
    answer,
    described_no,
    described_yes,
    note,
    printable,
)
from authsvc.faces.forward_auth.identity import roles
from authsvc.faces.options import Table, read_table
from authsvc.service.policy import Expectation
from authsvc.signing import SignedRequest
from authsvc.signing.cloudstack import parameters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from authsvc.faces.callers import Caller, Callers
    from authsvc.model import Credential
    from authsvc.service.service import Service
    from authsvc.service.verify import Verified
    from authsvc.signing import SchemeName

PATH: Final = "/minio/identity"
SHORTEST: Final = 900
"""Seconds; MinIO takes no session for a failure of the plugin that would last less."""

_LONGEST_TOKEN: Final = 4096
_ADDRESS: Final = re.compile(r"https?://([^/?#@\s]+)(/[^?#\s]*)?\?([^#\s]+)", re.ASCII)
_COMMAND: Final = "assumeRole"
_ACTION: Final = re.compile(r"(?:^|&)Action=GetCallerIdentity(?:&|$)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class MinIOOptions:
    """One MinIO: how long its sessions may last, seconds."""

    max_validity: int = 3600


def read_options(table: Mapping[str, Any]) -> MinIOOptions:
    """Read the table ``[caller.minio]``.

    Raises:
        ValueError: One line for every problem.
    """
    options: MinIOOptions = read_table(_TABLE, table)
    return options


class _Table(Table):
    max_validity = fields.Integer(strict=True, validate=validate.Range(min=SHORTEST, max=365 * 86400))

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> MinIOOptions:
        return MinIOOptions(**data)


_TABLE: Final = _Table()


def routes(callers: Callers) -> Sequence[web.RouteDef]:
    """List the routes: the exchange, and the call by which MinIO sees whether the plugin is there."""

    async def exchange(request: web.Request) -> web.Response:
        try:
            return await _exchange(request, callers)
        except AuthError as error:
            return _refusal(request, error)

    async def alive(request: web.Request) -> web.Response:
        try:
            note(request, caller=callers.authenticate(request).name)
        except AuthError as error:
            return _refusal(request, error)
        return web.Response()

    return (web.post(PATH, exchange), web.head(PATH, alive))


FACE = Face(name="minio", routes=routes)


async def _exchange(request: web.Request, callers: Callers) -> web.Response:
    caller = callers.authenticate(request)
    note(request, caller=caller.name)
    require(caller, "verify")
    tokens = request.query.getall("token", ())
    if len(tokens) != 1:
        raise Malformed("exactly one token is needed")
    asked, scheme = signed_for_minio(tokens[0])
    service: Service = request.app[SERVICE]
    expect = Expectation(service="sts")  # where there is a scope at all
    verified = await service.verify(asked, caller=caller.name, expect=expect)
    _check_purpose(verified, scheme)
    document = _session(verified.credential, _options(caller), now=service.clock.now())
    note(request, **described_yes(verified))
    return answer(document)


def signed_for_minio(token: str) -> tuple[SignedRequest, SchemeName]:
    """Read a token as the request that was signed, and say by which scheme it must have been.

    Raises:
        Malformed: It is no request, or one for another purpose.
    """
    if len(token) > _LONGEST_TOKEN:
        raise Malformed("the token is too long")
    address = _ADDRESS.fullmatch(token)
    if address is not None and _ACTION.search(address[3]):
        host, path, query = address.groups()
        target, headers = f"{path or '/'}?{query}", (("Host", host),)
        return SignedRequest(method="GET", target=target, headers=headers), "sigv4"
    call = SignedRequest(method="GET", target=f"/client/api?{token}", headers=())
    if address is None and parameters(call).get("command") == _COMMAND:
        return call, "cloudstack"
    raise Malformed(
        "the token must be the query of a signed command=assumeRole, or the address of a presigned "
        "GetCallerIdentity"
    )


def _check_purpose(verified: Verified, scheme: SchemeName) -> None:
    """Return if it was signed by the scheme that its purpose was read by, and has an end of its own.

    Raises:
        SchemeRefused: It was signed by another.
        Timeless: It has no end, so that sessions could be made of it for ever.
    """
    if verified.claim.scheme != scheme:
        raise SchemeRefused
    if verified.claim.expires_at is None:
        raise Timeless


def _options(caller: Caller) -> MinIOOptions:
    options = caller.options.get("minio")
    return options if isinstance(options, MinIOOptions) else MinIOOptions()


def _session(credential: Credential, options: MinIOOptions, *, now: float) -> dict[str, Any]:
    """Describe the session: it does not outlive its key.

    Raises:
        Denied: The key's end is too near for any session.
    """
    who = credential.principal
    seconds = options.max_validity
    if who.key.expires_at is not None:
        seconds = min(seconds, int(who.key.expires_at - now))
    if seconds < SHORTEST:
        raise Denied("the key ends too soon for a session")
    claims = {
        "userName": who.user.name,
        "accountId": who.account.id,
        "account": who.account.name,
        "domainId": who.domain.id,
        "domainPath": who.domain.path,
        "roles": roles(who.account),
        "keyRestricted": who.key.restricted,
    }
    return {"user": who.user.id, "maxValiditySeconds": seconds, "claims": claims}


def _refusal(request: web.Request, error: AuthError) -> web.Response:
    note(request, **described_no(error))
    status, code = MINIO.say(error)
    return answer({"reason": printable(f"{code}: {error.message}")}, status=status)
