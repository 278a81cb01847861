"""``/v1/auth/…/login`` and ``/v1/{mount}/…``: as much of HashiCorp Vault as versitygw and Apache Ozone use.

A login by AppRole is a caller's name and token, and what it gives is that token again: nothing is issued here that
would have to be remembered or would run out. A key is read by whoever has the grant ``secret`` and shows its token
as ``X-Vault-Token``; what may not be used is not there.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from authsvc.errors import (
    AuthError,
    CallerUnauthorized,
    Malformed,
    UnknownAccessKey,
)
from authsvc.faces.body import expect_later, read_body
from authsvc.faces.callers import bearer_tokens, certificate_names, require
from authsvc.faces.dialects import VAULT
from authsvc.faces.documents import parse
from authsvc.faces.face import SERVICE, Face, answer, note
from authsvc.faces.vault.options import options_of
from authsvc.model import AccessKey, AccountType

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from authsvc.faces.callers import Caller, Callers
    from authsvc.faces.vault.options import VaultOptions
    from authsvc.model import Credential
    from authsvc.service.service import Service

_NO_LEASE: Final = {
    "lease_id": "",
    "renewable": False,
    "lease_duration": 0,
    "wrap_info": None,
    "warnings": None,
}
_LONGEST_KEY: Final = 255


def routes(callers: Callers) -> Sequence[web.RouteDef]:
    """List the routes for these callers; writing and listing are CloudStack's affair and are refused."""

    async def log_in(request: web.Request) -> web.Response:
        role, secret = _login(await read_body(request))
        caller = callers.recognise((secret,), ())
        if caller.name != role:
            raise CallerUnauthorized
        note(request, caller=caller.name, use_case="login")
        require(caller, "secret")
        return _reply(auth=_auth(caller, secret))

    async def read_v1(request: web.Request) -> web.Response:
        credential, options = await _found(request, callers)
        return _reply(data=_secret(credential, options))

    async def read_v2(request: web.Request) -> web.Response:
        credential, options = await _found(request, callers)
        metadata = {"version": 1, "destroyed": False, "deletion_time": "", "custom_metadata": None}
        return _reply(data={"data": _secret(credential, options), "metadata": metadata})

    login = _guarded(log_in, unknown_caller=400)
    return (
        web.post("/v1/auth/{mount}/login", login, expect_handler=expect_later),
        web.put("/v1/auth/{mount}/login", login, expect_handler=expect_later),
        web.get("/v1/{mount}/data/{path:.+}", _guarded(read_v2), allow_head=False),
        web.get("/v1/{mount}/{path:.+}", _guarded(read_v1), allow_head=False),
    )


FACE = Face(name="vault", routes=routes)


def _guarded(
    handle: Callable[[web.Request], Awaitable[web.Response]], *, unknown_caller: int | None = None
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Say every refusal as Vault does; a login that fails has a status of its own there."""

    async def guarded(request: web.Request) -> web.Response:
        try:
            return await handle(request)
        except web.HTTPException as error:
            return answer({"errors": [error.reason]}, status=error.status)
        except AuthError as error:
            reason = str(error.detail.get("reason") or type(error).__name__)
            note(request, verdict=error.verdict, reason=reason)
            status, code = VAULT.say(error)
            if unknown_caller is not None and isinstance(error, CallerUnauthorized):
                status, code = unknown_caller, "invalid role or secret ID"
            return answer({"errors": [code] if code != "not found" else []}, status=status)

    return guarded


def _login(body: bytes) -> tuple[str, str]:
    document = parse(body)
    role, secret = (
        document.get(name) if type(document) is dict else None for name in ("role_id", "secret_id")
    )
    if type(role) is not str or type(secret) is not str:
        raise Malformed
    return role, secret


async def _found(request: web.Request, callers: Callers) -> tuple[Credential, VaultOptions]:
    """Return the credential that the path names, if the caller may have its secret.

    Raises:
        CallerUnauthorized: The caller is unknown.
        CallerForbidden: It has not the grant.
        UnknownAccessKey: Nobody holds the key.
        AccountProblem: It may not be used.
        Unavailable: It could not be found out.
    """
    tokens = (*request.headers.getall("X-Vault-Token", ()), *bearer_tokens(request))
    caller = callers.recognise(tokens, certificate_names(request))
    note(request, caller=caller.name, use_case="identify")
    require(caller, "secret")
    service: Service = request.app[SERVICE]
    options = options_of(caller)
    key = _key(request.match_info["path"], options)
    credential = await service.identify(key, caller=caller.name)
    service.verify.policy.check_state(credential, now=service.clock.now())
    who = credential.principal.user.id
    note(request, verdict="allow", source=credential.freshness.source, user_id=who, secret_given=True)
    return credential, options


def _key(path: str, options: VaultOptions) -> AccessKey:
    """Return the access key at the path's end.

    Clients escape the path as a whole or leave its slashes as they are. So nothing in it tells those of a key.

    Raises:
        UnknownAccessKey: There is none, or it is not where the store keeps its keys.
    """
    if options.path is None:
        key = path.rpartition("/")[2]
    else:
        before, _, key = path.partition(f"{options.path}/")
        if before:
            raise UnknownAccessKey
    if not key or len(key) > _LONGEST_KEY:
        raise UnknownAccessKey
    return AccessKey(key)


def _secret(credential: Credential, options: VaultOptions) -> dict[str, Any]:
    """Describe the key pair in the store's own form, under its access key as both stores expect."""
    key, secret = credential.access_key, credential.secret.reveal()
    if options.form == "ozone":
        return {key: secret}
    admin = credential.principal.account.type is AccountType.ADMIN
    account = {
        "access": key,
        "secret": secret,
        "role": options.roles["admin" if admin else "user"],
        "userID": options.user_id,
        "groupID": options.group_id,
        "projectID": 0,
    }
    return {key: account}


def _auth(caller: Caller, token: str) -> dict[str, Any]:
    return {
        "client_token": token,
        "accessor": "",
        "policies": ["default"],
        "token_policies": ["default"],
        "metadata": {"role_name": caller.name},
        "lease_duration": 0,
        "renewable": False,
        "entity_id": "",
        "token_type": "service",
        "orphan": True,
    }


def _reply(*, auth: dict[str, Any] | None = None, data: dict[str, Any] | None = None) -> web.Response:
    response = answer({"request_id": str(uuid.uuid4()), **_NO_LEASE, "auth": auth, "data": data})
    response.headers["Cache-Control"] = "no-store"
    return response
