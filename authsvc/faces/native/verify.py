"""``/v1/verify`` and ``/v1/verify/batch``: did that user sign this request?"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from authsvc.errors import AuthError, Unavailable
from authsvc.faces.callers import require
from authsvc.faces.dialects import NATIVE
from authsvc.faces.face import answer, described_no, described_yes, note
from authsvc.faces.native.answers import dialect_for, proven, refused
from authsvc.faces.native.question import read_one
from authsvc.signing.sigv4 import signing_key
from authsvc.signing.sigv4a import public_key_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aiohttp import web

    from authsvc.faces.callers import Caller
    from authsvc.faces.native.schemas import Question
    from authsvc.service.service import Service
    from authsvc.service.verify import Verified

_AT_ONCE: Final = 16
"""Questions of a batch under way at most: twice as many as a process has connections to its database."""

_IN_A_ROW: Final = 32
"""Questions of a batch that may follow each other before somebody else's request has its turn: about a millisecond."""


async def verify(request: web.Request, service: Service, caller: Caller, question: Question) -> web.Response:
    """Answer one question: 200 for yes and no alike.

    Raises:
        CallerForbidden: It wants what the caller has no grant for.
        Unavailable: It could not be found out.
    """
    _require_grants(question, caller)
    try:
        verified = await service.verify(question.request, caller=caller.name, expect=question.expect)
    except Unavailable:
        raise
    except AuthError as error:
        note(request, **described_no(error))
        return answer(refused(error, dialect_for(error, question)))
    note(request, **described_yes(verified))
    return answer(_proven(verified, question))


async def verify_batch(
    request: web.Request, service: Service, caller: Caller, questions: Sequence[Any]
) -> web.Response:
    """Answer many questions in their order, some at once; what is wrong with one is said in its place."""
    results: list[dict[str, Any]] = [{}] * len(questions)
    waiting = enumerate(questions)

    async def work(waiting: Iterator[tuple[int, Any]]) -> None:
        for place, question in waiting:
            results[place] = await _result(service, caller, question)
            if place % _IN_A_ROW == 0:
                await asyncio.sleep(0)

    await asyncio.gather(*(work(waiting) for _ in range(min(_AT_ONCE, len(questions)))))
    counts = Counter("allow" if result["authenticated"] else result["error"]["code"] for result in results)
    note(request, use_case="verify_batch", verdict="answered", results=dict(counts))
    return answer({"results": results})


async def _result(service: Service, caller: Caller, given: Any) -> dict[str, Any]:
    try:
        question = read_one(given)
        _require_grants(question, caller)
    except AuthError as error:
        return refused(error, NATIVE)
    try:
        verified = await service.verify(question.request, caller=caller.name, expect=question.expect)
    except AuthError as error:
        return refused(error, dialect_for(error, question))
    return _proven(verified, question)


def _require_grants(question: Question, caller: Caller) -> None:
    if question.want:
        require(caller, "signing-key")


def _proven(verified: Verified, question: Question) -> dict[str, Any]:
    """Describe a yes; the signing key goes only to whoever wants it, and only where chunks are signed with it.

    Chunks of V4A are proven by the public key, which is no secret.
    """
    described = proven(verified)
    claim = verified.claim
    if claim.chunks is None or claim.chunks.algorithm is None or claim.scope is None:
        return described
    if claim.scheme == "sigv4a":
        key = public_key_of(claim.access_key, verified.credential.verifier)
        described["signature"]["streaming"]["public_key"] = key.point.hex()
    elif "signing_key" in question.want:
        secret_key = signing_key(verified.credential.secret, claim.scope)
        described["signature"]["signing_key"] = secret_key.hex()
    return described
