"""The usual causes of a signature that does not match, each tried on the request until one explains it.

A cause is a way in which what the client signed and what the server saw are known to come apart: it maps the
request (or the secret) to what the other side may have had. If the signature is right for that, that is the
cause.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from authsvc.signing import Claim, SignedRequest

Headers = tuple[tuple[str, str], ...]
Variants = Callable[["SignedRequest"], Iterator["SignedRequest"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """``found`` is what to tell if one of the ``variants`` of the request explains the signature."""

    name: str
    found: str
    variants: Variants


def other_hosts(request: SignedRequest) -> Iterator[SignedRequest]:
    """Vary the Host: without its port, with the usual ones, in lower case."""
    host = request.header("host") or ""
    bare = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
    ports = ("80", "443", "7480", "8000", "8080", "8443", "9000", "9020")
    for candidate in (bare, host.lower(), *(f"{bare}:{port}" for port in ports)):
        if candidate != host:
            yield _with_header(request, "host", candidate)


def forwarded_hosts(request: SignedRequest) -> Iterator[SignedRequest]:
    """Vary the Host: what a proxy says the client asked for."""
    for name in ("x-forwarded-host", "x-original-host", "x-host"):
        for value in request.fields.get(name, []):
            yield _with_header(request, "host", value)


def other_methods(request: SignedRequest) -> Iterator[SignedRequest]:
    """Vary the method: gateways turn HEAD into GET and the reverse, and some clients sign in lower case."""
    for method in ("GET", "HEAD", "PUT", "POST", "DELETE", request.method.upper()):
        if method != request.method:
            yield dataclasses.replace(request, method=method)


def other_paths(request: SignedRequest) -> Iterator[SignedRequest]:
    """Vary the path: normalised, decoded, encoded once more, with or without its last slash or first part."""
    path = request.path
    candidates = [
        re.sub(r"/{2,}", "/", path),
        posixpath.normpath(path) + ("/" if path.endswith("/") and path != "/" else ""),
        quote(unquote(path), safe="/-._~"),
        quote(path, safe="/"),
        quote(unquote(path), safe="/!*'()-._~"),
        _lower_escapes(path),
        unquote(path).replace(" ", "%20"),
        path + "/",
        path.rstrip("/") or "/",
        "/" + path.lstrip("/").partition("/")[2],
    ]
    if request.bucket is not None:
        candidates.append(f"/{request.bucket}{path}")
    for candidate in dict.fromkeys(candidates):
        if candidate != path and candidate.startswith("/"):
            yield _with_target(request, candidate, request.query)


def other_queries(request: SignedRequest) -> Iterator[SignedRequest]:
    """Vary the query: ``+`` and ``%20`` exchanged, decoded once more, without what a proxy may have added."""
    if request.query is None:
        return
    query = request.query
    for candidate in (query.replace("+", "%20"), query.replace("%20", "+"), query.replace("+", "%2B")):
        if candidate != query:
            yield _with_target(request, request.path, candidate)
    parts = query.split("&")
    for index in range(min(len(parts), 32)):
        yield _with_target(request, request.path, "&".join(parts[:index] + parts[index + 1 :]))


def other_headers(request: SignedRequest) -> Iterator[SignedRequest]:
    """Vary headers that proxies are known to rewrite on the way."""
    rewritten = {
        "accept-encoding": ("identity", "gzip", "gzip, deflate", "gzip, deflate, br", "*", ""),
        "connection": ("close", "keep-alive", "Keep-Alive"),
        "content-length": ("0", "", *_decoded_lengths(request)),
        "content-type": ("", "application/octet-stream", "binary/octet-stream", *_plain_types(request)),
        "expect": ("100-continue", ""),
        "te": ("trailers", ""),
        "x-forwarded-proto": ("http", "https"),
        "x-amz-content-sha256": (hashlib.sha256(b"").hexdigest(), "UNSIGNED-PAYLOAD", request.body_hash()),
    }
    for name, values in rewritten.items():
        for value in dict.fromkeys(values):
            if request.fields.get(name) != [value]:
                yield _with_header(request, name, value)
    for name, given in request.fields.items():
        if len(given) > 1:
            yield _with_header(request, name, given[0])
            yield _with_header(request, name, ",".join(given))
        elif "," in given[0]:
            yield _with_header(request, name, given[0].rpartition(",")[0].strip())


CAUSES = (
    Cause(
        name="host",
        found="the Host the client signed differs from the one the server saw (a port missing or added)",
        variants=other_hosts,
    ),
    Cause(
        name="forwarded-host",
        found="the client signed the Host the proxy was asked for; the proxy must pass it on unchanged",
        variants=forwarded_hosts,
    ),
    Cause(
        name="method",
        found="the method was changed between the client and the server",
        variants=other_methods,
    ),
    Cause(
        name="path",
        found="the path was normalised, decoded or encoded again between the client and the server",
        variants=other_paths,
    ),
    Cause(
        name="query",
        found="the query differs: `+` against `%20`, or a parameter that was added on the way",
        variants=other_queries,
    ),
    Cause(
        name="header",
        found="a signed header was changed, added or removed between the client and the server",
        variants=other_headers,
    ),
)


def other_secrets(access_key: str, secret: str) -> Iterator[tuple[str, str]]:
    """Vary the secret the client may be holding; yields what to tell and the secret to try."""
    yield "the client uses the access key in place of the secret key", access_key
    for found, candidate in (
        ("the client's secret key ends in a line break", secret + "\n"),
        ("the client's secret key ends in a Windows line break", secret + "\r\n"),
        ("the client's secret key has a space at its end", secret + " "),
        ("the client's secret key has a space in front", " " + secret),
        ("the client's secret key is in quotation marks", f'"{secret}"'),
        ("the client's secret key is padded with =", secret + "=" * (-len(secret) % 4)),
        ("the client's secret key lost its padding", secret.rstrip("=")),
        ("the client's secret key was percent-encoded", quote(secret, safe="")),
        ("the client's secret key was percent-decoded", unquote(secret)),
        ("the client's secret key lost its last character", secret[:-1]),
        ("the stored secret key carries white space that the client's has not", secret.strip()),
    ):
        if candidate != secret and candidate:
            yield found, candidate


def other_claims(claim: Claim) -> Iterator[tuple[str, Claim]]:
    """Vary what the client may have signed where the specification has one text; yields what to tell, and the claim."""
    (text, *_) = claim.strings_to_sign
    variants: Iterator[tuple[str, str]] = iter(())
    if claim.scheme == "sigv2":
        variants = _query_texts(text)
        for algorithm in {"HmacSHA1", "HmacSHA256"} - {claim.algorithm}:
            told = f"the client declares {claim.algorithm} and signs with {algorithm}"
            yield told, claim.changed(algorithm=algorithm)
    elif claim.upload is not None:
        variants = _policy_texts(text)
        yield from _other_scopes(claim)
    for told, variant in variants:
        if variant != text:
            yield told, claim.changed(strings_to_sign=(variant,))


def _query_texts(text: str) -> Iterator[tuple[str, str]]:
    method, host, path, query = text.split("\n", 3)
    pairs = query.split("&")
    yield (
        "the client sorts parameters without regard to case; they are sorted by their bytes",
        "\n".join([method, host, path, "&".join(sorted(pairs, key=str.lower))]),
    )
    yield "the client signs the path /; the path that is sent is signed", f"{method}\n{host}\n/\n{query}"
    yield (
        "the client encodes a space as +; it is signed as %20",
        "\n".join([method, host, path, query.replace("%20", "+")]),
    )
    for character, escape in (("*", "%2A"), ("~", "%7E")):
        yield (
            f"the client does not encode {character!r} as RFC 3986 has it",
            "\n".join([method, host, path, query.replace(escape, character)]),
        )
        yield (
            f"the client encodes {character!r}, which RFC 3986 leaves as it is",
            "\n".join([method, host, path, query.replace(character, escape)]),
        )


def _policy_texts(text: str) -> Iterator[tuple[str, str]]:
    yield "the client signs the policy itself; its Base64 is signed", base64.b64decode(text).decode()
    yield "the client signs the policy's Base64 without its padding", text.rstrip("=")
    yield "the client signs the policy's Base64 with a line break at its end", f"{text}\n"


def _other_scopes(claim: Claim) -> Iterator[tuple[str, Claim]]:
    if claim.scope is None:
        return
    told = "the client derives its signing key for another region than x-amz-credential names"
    for region in ("us-east-1", "us-west-2", "eu-west-1", "auto", "default", "RegionOne"):
        if region != claim.scope.region:
            yield told, claim.changed(scope=dataclasses.replace(claim.scope, region=region))


def _with_target(request: SignedRequest, path: str, query: str | None) -> SignedRequest:
    return dataclasses.replace(request, target=path if query is None else f"{path}?{query}")


def _with_header(request: SignedRequest, name: str, value: str) -> SignedRequest:
    """Give the header this one value; an empty one removes it."""
    headers: list[tuple[str, str]] = [pair for pair in request.headers if pair[0].lower() != name]
    if value:
        headers.append((name, value))
    return dataclasses.replace(request, headers=tuple(headers))


def _decoded_lengths(request: SignedRequest) -> list[str]:
    return request.fields.get("x-amz-decoded-content-length", [])


def _plain_types(request: SignedRequest) -> list[str]:
    types = request.fields.get("content-type", [])
    return [value.partition(";")[0].strip() for value in types] + [
        f"{value}; charset=utf-8" for value in types
    ]


def _lower_escapes(path: str) -> str:
    return re.sub(r"%[0-9A-F]{2}", lambda escape: escape[0].lower(), path)
