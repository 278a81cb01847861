"""``/v3/users/{user}/credentials/OS-EC2/{access}``: a user's secret key, for the store's own cache.

Swift needs it for uploads that are signed chunk by chunk, and both Swift and RGW to verify the next requests
themselves. Only callers with the grant ``secret`` get it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authsvc.errors import UnknownAccessKey
from authsvc.faces.face import SERVICE, answer, note
from authsvc.faces.keystone.exchange import NO_STORE
from authsvc.faces.keystone.token_documents import project_id
from authsvc.model import AccessKey

if TYPE_CHECKING:
    from aiohttp import web

    from authsvc.faces.callers import Caller
    from authsvc.faces.keystone.exchange import Exchange


async def secret_of_user(exchange: Exchange, request: web.Request, caller: Caller) -> web.Response:
    """Answer with the secret key of a user who may use it.

    Raises:
        UnknownAccessKey: Nobody holds the access key, or another user does.
        AccountProblem: The user may not use it now.
        Unavailable: It could not be found out.
    """
    service = request.app[SERVICE]
    user_id, access_key = request.match_info["user"], AccessKey(request.match_info["access"])
    credential = await service.identify(access_key, caller=caller.name)
    if credential.principal.user.id != user_id:
        raise UnknownAccessKey
    service.verify.policy.check_state(credential, now=service.clock.now())
    note(
        request,
        use_case="secret",
        verdict="allow",
        source=credential.freshness.source,
        user_id=user_id,
        secret_given=True,
    )
    response = answer(
        {
            "credential": {
                "access": credential.access_key,
                "secret": credential.secret.reveal(),
                "user_id": user_id,
                "tenant_id": project_id(credential.principal.account, exchange.rules),
                "trust_id": None,
                "links": {"self": f"{exchange.url(request)}{request.rel_url.raw_path}"},
            }
        }
    )
    response.headers.update(NO_STORE)
    return response
