"""What the native face answers, as plain dicts of the contract's shape."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from msgspec import Raw

from authsvc.errors import SignatureMismatch
from authsvc.faces.dialects import S3, dialect_of
from authsvc.faces.documents import write
from authsvc.faces.face import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authsvc.errors import AuthError
    from authsvc.faces.dialects import Dialect
    from authsvc.faces.native.schemas import Question
    from authsvc.model import Credential, Freshness, Principal
    from authsvc.service.verify import Verified
    from authsvc.signing import Claim, Scope
    from authsvc.signing.streaming import Chunks
    from authsvc.signing.upload import Upload

_LAST_SECOND: Final = 253402300799
"""The calendar's end, 9999-12-31T23:59:59Z."""

_MOST: Final = 1024
"""Users described of late; as many as a process has at hand."""
_AT_HAND: Final[dict[int, tuple[Principal, Raw]]] = {}

_SCOPE = re.compile(r"(?:/|%2F)([A-Za-z0-9-]+)(?:/|%2F)aws4_request", re.ASCII | re.IGNORECASE)


def proven(verified: Verified) -> dict[str, Any]:
    """Describe who signed, and what the signature says."""
    claim, credential = verified.claim, verified.credential
    return {
        "authenticated": True,
        "scheme": claim.scheme,
        "access_key": claim.access_key,
        "principal": _written(credential.principal),
        "signature": _signature(claim),
        "freshness": freshness(credential.freshness),
    }


def refused(error: AuthError, dialect: Dialect) -> dict[str, Any]:
    """Describe a no, in the words the client that signed expects."""
    said = dialect.say(error)
    detail = printable(error.detail)
    if dialect is S3 and isinstance(error, SignatureMismatch):
        detail |= _in_bytes(detail)
    return {
        "authenticated": False,
        "scheme": error.scheme,
        "access_key": printable(error.access_key),
        "error": {
            "code": said.code,
            "status": said.status,
            "message": printable(error.message),
            "detail": detail,
        },
    }


def _in_bytes(detail: Mapping[str, str]) -> dict[str, str]:
    """Write what was to be signed byte by byte too, as S3 does: white space and look-alikes show there alone."""
    return {
        f"{name}_bytes": detail[name].encode().hex(" ")
        for name in ("string_to_sign", "canonical_request")
        if name in detail
    }


def dialect_for(error: AuthError, question: Question) -> Dialect:
    """Choose the dialect of whoever signed: by scheme, and where a scheme serves many services, by service.

    The endpoint's own service decides; where the caller does not say, the one the credential scope claims.
    """
    service = question.expect.service or _claimed_service(question)
    return dialect_of(error.scheme, service)


def _written(who: Principal) -> Raw:
    """Write what ``principal`` describes, once for as long as it is the same record that answers."""
    known = _AT_HAND.get(id(who))
    if known is None or known[0] is not who:
        if len(_AT_HAND) >= _MOST:
            _AT_HAND.clear()
        known = _AT_HAND[id(who)] = (who, Raw(write(principal(who))))
    return known[1]


def principal(who: Principal) -> dict[str, Any]:
    """Describe the user with its account, domain and key."""
    user, account, domain, key = who.user, who.account, who.domain, who.key
    role = account.role
    return {
        "user": {"id": user.id, "name": user.name, "state": user.state},
        "account": {
            "id": account.id,
            "name": account.name,
            "type": account.type,
            "role": None if role is None else role.name,
            "state": account.state,
        },
        "domain": {"id": domain.id, "name": domain.name, "path": domain.path},
        "key": {"id": key.id, "expires_at": moment(key.expires_at), "restricted": key.restricted},
    }


def identified(credential: Credential) -> dict[str, Any]:
    """Describe the user with everything the directory knows but the secret."""
    user = credential.principal.user
    who = principal(credential.principal)
    who["user"] |= {
        "firstname": user.firstname,
        "lastname": user.lastname,
        "email": user.email,
        "timezone": user.timezone,
        "created": moment(user.created),
        "source": user.source,
    }
    return {"principal": who, "freshness": freshness(credential.freshness)}


def freshness(known: Freshness) -> dict[str, Any]:
    """Describe how old the answer's ground is."""
    return {"as_of": moment(known.as_of), "source": known.source}


@lru_cache(maxsize=1024)
def moment(seconds: float | None) -> datetime | None:
    """Turn Unix seconds into what ``face.answer`` writes as RFC 3339, to the second; times off the calendar are cut to it.

    Remembered, as a record's time and a signature's second come back with every request that rests on them.
    """
    if seconds is None:
        return None
    return datetime.fromtimestamp(min(max(seconds, 0.0), _LAST_SECOND) // 1, UTC)


def _signature(claim: Claim) -> dict[str, Any]:
    scope = claim.scope
    described = {
        "signed_at": moment(claim.signed_at),
        "expires_at": moment(claim.expires_at),
        "scope": scope and _scope(scope),
        "signed_headers": claim.signed_headers,
        "unsigned_query": claim.unsigned_query,
        "payload": claim.payload,
        "body_sha256": claim.body_sha256,
    }
    if claim.chunks is not None:
        described["streaming"] = _streaming(claim, claim.chunks)
    if claim.upload is not None:
        described["upload"] = _upload(claim.upload)
    return described


def _upload(upload: Upload) -> dict[str, Any]:
    """Describe what an upload form asks for; its conditions are known to hold, the length is the store's to watch."""
    return {
        "bucket": upload.bucket,
        "key": upload.key,
        "content_length_range": upload.length_range,
        "content_length": upload.size,
    }


def _streaming(claim: Claim, chunks: Chunks) -> dict[str, Any]:
    """Describe what a store needs to check the chunks itself."""
    return {
        "algorithm": None if chunks.algorithm is None else f"{chunks.algorithm}-PAYLOAD",
        "seed_signature": chunks.seed,
        "timestamp": chunks.timestamp,
        "scope": chunks.scope,
        "payload_mode": claim.payload,
        "decoded_length": chunks.decoded_length,
        "trailer_names": chunks.trailer_names,
        "first_string_to_sign_prefix": chunks.first_string_to_sign_prefix,
    }


def _scope(scope: Scope) -> dict[str, Any]:
    described: dict[str, Any] = {"date": scope.date, "region": scope.region, "service": scope.service}
    if scope.region is None:
        described["region_set"] = scope.region_set
    return described


def _claimed_service(question: Question) -> str | None:
    request = question.request
    for text in (*request.fields.get("authorization", ()), request.query or ""):
        found = _SCOPE.search(text)
        if found is not None:
            return found[1].lower()
    return None
