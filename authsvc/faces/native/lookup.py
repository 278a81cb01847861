"""``/v1/users/lookup``: who does this access key belong to?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authsvc.faces.callers import require
from authsvc.faces.face import answer, note
from authsvc.faces.native.answers import identified
from authsvc.faces.native.schemas import LOOKUP, load

if TYPE_CHECKING:
    from aiohttp import web

    from authsvc.faces.callers import Caller
    from authsvc.service.service import Service


async def lookup(request: web.Request, service: Service, caller: Caller, document: Any) -> web.Response:
    """Answer whose key it is, in whatever state its user is.

    Raises:
        Malformed: It is no lookup.
        CallerForbidden: It wants the secret key and the caller lacks the grant.
        UnknownAccessKey: Nobody holds the key.
        AccountProblem: It wants a secret key that may not be used: its new holder could not know.
        SecretNotHeld: It wants a secret key, and only public keys are held here.
        Unavailable: It could not be found out.
    """
    question = load(LOOKUP, document)
    if question.want:
        require(caller, "secret")
    credential = await service.identify(question.access_key, caller=caller.name)
    described = identified(credential)
    if question.want:
        service.verify.policy.check_state(credential, now=service.clock.now())
        described["secret_key"] = credential.secret.reveal()
    note(
        request,
        use_case="identify",
        verdict="allow",
        source=credential.freshness.source,
        user_id=credential.principal.user.id,
        secret_given=bool(question.want),
    )
    return answer(described)
