"""The request a gateway asks about, put together again from the one it sends.

A gateway's question is the client's own request with some headers more: who the gateway is, and which method,
URI and host the client's request had. Those are believed under the names its entry in the callers file gives and
no other: a client can send any of them too, and a gateway that does not set a header hands the client's on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authsvc.errors import DuplicateParameter, Malformed
from authsvc.signing import SignedRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from authsvc.faces.forward_auth.options import Family, GatewayOptions

Pair = tuple[str, str]

FAMILIES: Final[Mapping[Family, tuple[str, str, str]]] = {
    "original": ("x-original-method", "x-original-uri", "x-original-host"),
    "forwarded": ("x-forwarded-method", "x-forwarded-uri", "x-forwarded-host"),
}
LENGTH: Final = "x-original-content-length"
"""The client's Content-Length, in the one family that is the operator's own choice to send."""

NOT_THE_CLIENTS: Final = frozenset(
    {
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-auth-token",
    }
)
"""Headers of the gateway's own connection to us. What a Connection header names is not among them: a client could
name an ``x-amz-*`` header there, and have it overlooked here and obeyed by the store."""


def original_request(
    headers: Sequence[Pair], options: GatewayOptions, *, body: bytes | None = None
) -> SignedRequest:
    """Build the client's request from the headers of a gateway's question.

    Raises:
        Malformed: Method, URI or host is missing, or could be read in two ways.
    """
    family = options.headers or _only_family(headers)
    names = FAMILIES[family]
    method, target, host = (_one(headers, name) for name in names)
    # Believed only of a gateway that is known to overwrite the whole family.
    length = _one(headers, LENGTH, optional=True) if options.headers == "original" else ""
    own = {*names, LENGTH} if family == "original" else set(names)
    clients = [pair for pair in headers if pair[0].lower() not in own]
    return client_request(method, target, host, clients, options, body=body, length=length)


def client_request(
    method: str,
    target: str,
    host: str,
    headers: Iterable[Pair],
    options: GatewayOptions,
    *,
    body: bytes | None = None,
    length: str = "",
) -> SignedRequest:
    """Build the client's request out of what a gateway said of it and the headers it handed on.

    Raises:
        Malformed: A part of it cannot have come over HTTP.
    """
    told = [("Host", host), *([("Content-Length", length)] if length else ())]
    kept = (pair for pair in headers if pair[0].lower() not in NOT_THE_CLIENTS)
    return SignedRequest(
        method=method,
        target=target,
        headers=(*told, *kept),
        body=body,
        bucket=_bucket(host, options.bucket_hosts),
    )


def _only_family(headers: Sequence[Pair]) -> Family:
    """Return the family the headers are of, where nobody said; the other's must all be absent."""
    given = {name.lower() for name, _ in headers}
    found: list[Family] = [family for family, names in FAMILIES.items() if not given.isdisjoint(names)]
    if len(found) != 1:
        which = "neither" if not found else "both"
        raise Malformed(
            f"{which} of X-Original-* and X-Forwarded-* name the request; say which the gateway sets, "
            "in its entry in the callers file"
        )
    return found[0]


def _one(headers: Sequence[Pair], wanted: str, *, optional: bool = False) -> str:
    values = [value for name, value in headers if name.lower() == wanted]
    if len(values) > 1:
        raise DuplicateParameter(f"the gateway handed on more than one {wanted} header")
    if not optional and not any(values):
        raise Malformed(f"the gateway sent no {wanted} header")
    return values[0] if values else ""


def _bucket(host: str, bucket_hosts: Iterable[str]) -> str | None:
    """Return the bucket that stands before one of the hosts, None where it stands in the path."""
    name = host.rpartition(":")[0] if ":" in host else host
    for known in bucket_hosts:
        if name.lower().endswith(f".{known}"):
            return name[: -len(known) - 1].lower()
    return None
