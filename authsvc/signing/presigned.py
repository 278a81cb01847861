"""A V4 signature that stands in the query: a presigned request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from authsvc.errors import DuplicateParameter, MalformedAuthorizationQuery
from authsvc.signing import amzdate
from authsvc.signing.encoding import decode
from authsvc.signing.scope import ASYMMETRIC, read_credential
from authsvc.signing.v4signature import Presented

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authsvc.signing.request import QueryPair, SignedRequest

REQUIRED = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Signature")
_MISSING = (
    "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
    "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
)
TOKENS = ("X-Amz-Security-Token", "X-Amz-S3session-Token")
PARAMETERS = frozenset({*REQUIRED, *TOKENS, "X-Amz-Expires", "X-Amz-Region-Set"})
"""Names that make a query a signature; AWS takes their case as written here, and so do we."""
_FOLDED = frozenset(name.lower() for name in PARAMETERS)
LONGEST = 604800
_PINNED = "x-amz-content-sha256"
_EXPIRES = re.compile(r"\d{1,6}", re.ASCII)
_WHOLE = re.compile(r"-?\d+", re.ASCII)


def parameters(request: SignedRequest) -> list[tuple[str, str]]:
    """Return the signature's parameters in the query, in order, names decoded and values as sent."""
    if PARAMETERS.isdisjoint(request.names):
        return []
    pairs = zip(request.names, request.pairs, strict=True)
    return [(name, value or "") for name, (_, value) in pairs if name in PARAMETERS]


def beside_a_header(request: SignedRequest) -> bool:
    """Say whether the query holds a signature's parameter in any case: a store blind to case would read it as one."""
    return not _FOLDED.isdisjoint(map(str.lower, request.names))


def from_query(request: SignedRequest, algorithm: str) -> Presented:
    """Read the ``X-Amz-*`` parameters of a presigned request.

    Raises:
        DuplicateParameter: One is given twice, be it in another case.
        MalformedAuthorizationQuery: One is missing or cannot be read.
    """
    given = _once_each(request)
    if any(not given.get(name) for name in REQUIRED):
        raise MalformedAuthorizationQuery(_MISSING)
    if given["X-Amz-Algorithm"] != algorithm:
        raise MalformedAuthorizationQuery(
            'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"'
        )
    access_key, scope = read_credential(
        given["X-Amz-Credential"], _refuse_credential, regional=algorithm != ASYMMETRIC
    )
    timestamp = given["X-Amz-Date"]
    return Presented(
        access_key=access_key,
        scope=scope,
        timestamp=timestamp,
        signed_at=_signed_at(timestamp, scope.date),
        signed_headers=given["X-Amz-SignedHeaders"],
        signature=given["X-Amz-Signature"],
        query=_covered(request),
        refuse=_refuse_headers,
        refuse_scope=_refuse_region_set,
        presigned=True,
        lifetime=_lifetime(given["X-Amz-Expires"]) if "X-Amz-Expires" in given else None,
        token=_token(given),
        pinned=given.get(_PINNED),
        region_set=given.get("X-Amz-Region-Set"),
    )


def require_lifetime(presented: Presented) -> None:
    """Return if a presigned request says how long it is good for: S3 wants that said, other services do not.

    Raises:
        MalformedAuthorizationQuery: It does not.
    """
    if presented.presigned and presented.lifetime is None:
        raise MalformedAuthorizationQuery(_MISSING)


def _covered(request: SignedRequest) -> list[QueryPair]:
    pairs = zip(request.names, request.pairs, strict=True)
    return [pair for name, pair in pairs if name != "X-Amz-Signature"]


def _token(given: Mapping[str, str]) -> str | None:
    tokens = [given[name] for name in TOKENS if name in given]
    if len(tokens) > 1:
        raise DuplicateParameter("more than one session token was given")
    return tokens[0] if tokens else None


def _once_each(request: SignedRequest) -> Mapping[str, str]:
    """Decode the parameters, refusing a second one that a store blind to case might read instead."""
    found: dict[str, str] = {}
    seen: set[str] = set()
    for plain, (_, value) in zip(request.names, request.pairs, strict=True):
        folded = plain.lower()
        if not folded.startswith("x-amz-"):
            continue
        if folded in seen:
            raise DuplicateParameter(argument_name=plain)
        seen.add(folded)
        if plain in PARAMETERS:
            found[plain] = _decoded(plain, value)
        elif folded == _PINNED:
            found[_PINNED] = _decoded(plain, value)
    return found


def _decoded(name: str, value: str | None) -> str:
    text = decode(value or "")
    if text is None:
        raise MalformedAuthorizationQuery(f"{name} is not UTF-8")
    return text


def _signed_at(timestamp: str, date: str) -> float:
    seconds = amzdate.parse_basic(timestamp)
    if seconds is None:
        raise MalformedAuthorizationQuery(
            "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\""
        )
    if not timestamp.startswith(date):
        raise MalformedAuthorizationQuery(
            f'Invalid credential date "{date}". This date is not the same as X-Amz-Date: "{timestamp[:8]}".'
        )
    return seconds


def _lifetime(text: str) -> int:
    if not text:
        raise MalformedAuthorizationQuery(_MISSING)
    if _EXPIRES.fullmatch(text) and 0 < int(text) <= LONGEST:
        return int(text)
    if not _WHOLE.fullmatch(text):
        raise MalformedAuthorizationQuery("X-Amz-Expires should be a number")
    if text[0] == "-" or not text.strip("0"):
        raise MalformedAuthorizationQuery("X-Amz-Expires must be non-negative")
    raise MalformedAuthorizationQuery(
        "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less "
        "than 604800 seconds"
    )


def _refuse_credential(reason: str) -> MalformedAuthorizationQuery:
    return MalformedAuthorizationQuery(f"Error parsing the X-Amz-Credential parameter; {reason}")


def _refuse_headers(reason: str) -> MalformedAuthorizationQuery:
    return MalformedAuthorizationQuery(f"Error parsing the X-Amz-SignedHeaders parameter; {reason}")


def _refuse_region_set(reason: str) -> MalformedAuthorizationQuery:
    return MalformedAuthorizationQuery(f"Error parsing the X-Amz-Region-Set parameter; {reason}")
