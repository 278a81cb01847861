"""``ec2Credentials``: a Query request as a gateway describes it, in Keystone's words, made a signed request again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from authsvc.errors import Denied, Malformed, MultipleMechanisms, SchemeRefused, SignatureMismatch
from authsvc.service.policy import Expectation
from authsvc.signing import SignedRequest
from authsvc.signing.encoding import require_same, uri_encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authsvc.service.service import Service
    from authsvc.service.verify import Verified

NAMES: Final = ("ec2Credentials", "credentials", "credential")
"""What the object is called: by openstack/ec2-api, and by the two other names Keystone takes."""

SKEW: Final = 300.0
"""Seconds a signing time may lie on either side of ours: EC2's five minutes."""

_V2: Final = "SignatureVersion"
_KNOWN: Final = frozenset(
    {"access", "signature", "host", "verb", "path", "params", "headers", "body_hash", "token"}
)
_PORT: Final = re.compile(r":\d{1,5}\Z", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """The request described, with the key and the signature it is said to carry."""

    access: str
    signature: str
    request: SignedRequest
    without_port: SignedRequest | None


def read_credentials(document: Any) -> Described:
    """Make the request described.

    Raises:
        Malformed: It describes none, or one that can be read in two ways; ``detail["field"]`` names the part.
    """
    given = _object(document)
    access, signature = _text(given, "access"), _text(given, "signature")
    params = _strings(given, "params")
    host = _text(given, "host")
    headers = _headers(given, host, signed=_V2 not in params)
    if "Signature" in params:
        raise Malformed("must not hold the signature, which has a place of its own", field="params")
    if _V2 in params:
        params["Signature"] = signature
    path = given.get("path") or "/"
    verb = _text(given, "verb")
    if not isinstance(path, str) or "?" in path:
        raise Malformed("must be a path without a query", field="path")
    target = path + _query(params, headers, verb)
    body_hash = given.get("body_hash")
    if _V2 not in params and not isinstance(body_hash, str):
        raise Malformed("must be the hex SHA-256 of the body", field="body_hash")
    body_sha256 = body_hash if isinstance(body_hash, str) and body_hash else None
    request = SignedRequest(method=verb, target=target, headers=headers, body_sha256=body_sha256)
    bare = tuple((name, _PORT.sub("", value) if name.lower() == "host" else value) for name, value in headers)
    other = SignedRequest(method=verb, target=target, headers=bare, body_sha256=body_sha256)
    return Described(
        access=access, signature=signature, request=request, without_port=None if bare == headers else other
    )


async def prove(
    service: Service, described: Described, *, caller: str, expect: str | None = None
) -> Verified:
    """Return who signed it, the host taken as it was given and then without its port, as Keystone does.

    ``expect`` is the service that a credential scope has to name.

    Raises:
        Malformed: It cannot be read, or was signed for another key or signature than it is said to be.
        Denied: The answer is no.
        Unavailable: It could not be found out.
    """
    expectation = Expectation(service=expect, clock_skew=SKEW)
    try:
        verified = await service.verify(described.request, caller=caller, expect=expectation)
    except SignatureMismatch:
        # Signature V2 tries both by itself.
        if described.without_port is None or described.request.fields.get("authorization") is None:
            raise
        verified = await service.verify(described.without_port, caller=caller, expect=expectation)
    claim = verified.claim
    if claim.scheme not in ("sigv2", "sigv4") or (claim.scheme == "sigv4" and claim.payload != "signed"):
        raise SchemeRefused("a Query request is signed with Signature Version 2 or 4, its body included")
    if claim.access_key != described.access:
        raise Denied("the request was signed by another key than it is said to be")
    require_same(described.signature, claim.signature)
    return verified


def _object(document: Any) -> Mapping[str, Any]:
    """Return what stands under the one name for it; version 2 of the contract has it one level down."""
    if isinstance(document, dict) and list(document) == ["auth"] and isinstance(document["auth"], dict):
        document = {
            name.removeprefix("OS-KSEC2:"): value
            for name, value in document["auth"].items()
            if name.startswith("OS-KSEC2:")
        }
    given = [document[name] for name in NAMES if name in document] if isinstance(document, dict) else []
    if len(given) != 1 or not isinstance(given[0], dict):
        raise Malformed("must be an object, and the only one", field=NAMES[0])
    if strange := given[0].keys() - _KNOWN:
        raise Malformed("unknown field", field=min(strange))
    return given[0]


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise Malformed("must be text that is not empty", field=name)
    return value


def _strings(given: Mapping[str, Any], name: str) -> dict[str, str]:
    value = given.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise Malformed("must be an object of strings", field=name)
    return dict(value)


def _headers(given: Mapping[str, Any], host: str, *, signed: bool) -> tuple[tuple[str, str], ...]:
    """Return the headers that matter: for Signature V2 the host alone, for V4 all, and the host once."""
    headers = _strings(given, "headers")
    names = {name.lower() for name in headers}
    if len(names) < len(headers):
        raise Malformed("names a header twice", field="headers")
    if not signed:
        if "authorization" in names:
            raise MultipleMechanisms
        return (("Host", host),)
    if "host" not in names:
        return (*headers.items(), ("Host", host))
    (told,) = (value for name, value in headers.items() if name.lower() == "host")
    if told != host:
        raise Malformed("is another than the header says", field="host")
    return tuple(headers.items())


def _query(params: Mapping[str, str], headers: tuple[tuple[str, str], ...], verb: str) -> str:
    """Write the parameters as a query; those of a V4 form are covered by the hash of the body alone."""
    in_header = any(name.lower() == "authorization" for name, _ in headers)
    if not params or (in_header and verb.upper() == "POST"):
        return ""
    return "?" + "&".join(f"{uri_encode(name)}={uri_encode(value)}" for name, value in params.items())
