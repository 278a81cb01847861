"""AWS Signature Version 2 of the Query APIs (EC2 and its like), over the parameters of query and form.

::

    StringToSign

    HTTPMethod
    ValueOfHostHeaderInLowercase
    HTTPRequestURI
    CanonicalizedQueryString
"""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from authsvc.errors import (
    DuplicateParameter,
    Malformed,
    MalformedParameters,
    MissingParameter,
    ObsoleteVersion,
    SignatureMismatch,
    UnsignedHeaders,
)
from authsvc.model import AccessKey
from authsvc.signing import amzdate, form
from authsvc.signing.claim import Claim, SchemeName
from authsvc.signing.encoding import require_same, uri_encode

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from authsvc.model import Secret
    from authsvc.signing.request import SignedRequest

__all__ = [
    "ALGORITHMS",
    "SigV2",
    "canonical_query",
    "is_query_api",
    "parameters",
    "signature",
    "string_to_sign",
]

ALGORITHMS: Final = frozenset({"HmacSHA1", "HmacSHA256"})
_DIGESTS: Final = MappingProxyType({"HmacSHA1": "sha1", "HmacSHA256": "sha256"})
_RESERVED: Final = (
    *("Action", "AWSAccessKeyId", "Expires", "SecurityToken", "Signature", "SignatureMethod"),
    *("SignatureVersion", "Timestamp", "Version"),
)
_FOLDED: Final = MappingProxyType({name.lower(): name for name in _RESERVED})
_SESSION: Final = "x-amz-security-token"
"""Signed as the parameter SecurityToken; as a header it would not be."""
_KEY: Final = re.compile(r"[!-~]{1,256}", re.ASCII)
_PORT: Final = re.compile(r":\d*\Z", re.ASCII)
_CONFIDENTIAL: Final = re.compile(r"((?:password|secret|token|userdata)[^=&]*=)[^&\n]*", re.IGNORECASE)


def is_query_api(names: Collection[str]) -> bool:
    """Say whether parameters of these names are signed for a Query API, of whichever version.

    ``Action`` alone marks version 0, which names no version.
    """
    return "AWSAccessKeyId" in names and ("SignatureVersion" in names or "Action" in names)


def parameters(request: SignedRequest) -> dict[str, str]:
    """Return every parameter of query and form by name, decoded, in the order sent.

    Raises:
        DuplicateParameter: A name is given twice, or one of the signature's own in another case.
        MalformedParameters: A name or value can be read in more than one way, or in none.
    """
    found: dict[str, str] = {}
    for encoded_name, encoded_value in form.pairs(request):
        name, value = form.decoded(encoded_name), form.decoded(encoded_value or "")
        if name in found or _FOLDED.get(name.lower(), name) != name:
            raise DuplicateParameter(f"the parameter {name} is given more than once", argument_name=name)
        found[name] = value
    return found


def canonical_query(parameters: Mapping[str, str]) -> str:
    """Write all parameters but ``Signature``: sorted by their bytes, then encoded (RFC 3986)."""
    return "&".join(
        [
            f"{uri_encode(name)}={uri_encode(parameters[name])}"
            for name in sorted(parameters)
            if name != "Signature"
        ]
    )


def string_to_sign(*, method: str, host: str, path: str, query: str) -> str:
    """Join the parts; ``host`` as in the header, ``path`` still encoded, ``query`` canonical."""
    return f"{method}\n{host}\n{path}\n{query}"


def signature(secret: Secret, text: str, *, algorithm: str = "HmacSHA256") -> str:
    """Return the signature of a string to sign, Base64; ``algorithm`` is one of ``ALGORITHMS``."""
    key = secret.reveal().encode("utf-8", "surrogatepass")
    return base64.b64encode(hmac.digest(key, text.encode(), _DIGESTS[algorithm])).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class SigV2:
    """The scheme ``sigv2``.

    Versions 0 and 1 are recognised so that they can be refused by name: the first covers two parameters, the
    second joins names and values without a mark between them, so that two requests share one signature.
    """

    name: SchemeName = field(default="sigv2", init=False)
    mechanism: str | None = field(default=None, init=False)

    def recognises(self, request: SignedRequest) -> bool:
        """Say whether query or form are signed for a Query API; an S3 presigned query is another scheme."""
        return is_query_api(form.names(request))

    def read(self, request: SignedRequest) -> Claim:
        """Take the request apart.

        Raises:
            Malformed: A leaf that says which parameter cannot be read.
        """
        if _SESSION in request.fields:
            raise UnsignedHeaders(headers_not_signed=[_SESSION])
        given = parameters(request)
        access_key = given.get("AWSAccessKeyId", "")
        if not _KEY.fullmatch(access_key):
            raise MalformedParameters("AWSAccessKeyId is no access key", argument_name="AWSAccessKeyId")
        try:
            return self._claim(request, AccessKey(access_key), given)
        except Malformed as error:
            error.access_key = access_key
            raise

    def prove(self, claim: Claim, secret: Secret) -> None:
        """Return only if the secret's holder made this signature, over any form that is tolerated.

        Raises:
            SignatureMismatch: Anybody else did; the detail holds what was signed, never our signature.
        """
        if secret and claim.algorithm in ALGORITHMS:
            for text in claim.strings_to_sign:
                try:
                    require_same(claim.signature, signature(secret, text, algorithm=claim.algorithm))
                except SignatureMismatch:
                    continue
                return
        raise SignatureMismatch(
            string_to_sign=_CONFIDENTIAL.sub(r"\1(concealed)", claim.strings_to_sign[0]),
            signature_provided=claim.signature,
        )

    def _claim(self, request: SignedRequest, access_key: AccessKey, given: Mapping[str, str]) -> Claim:
        algorithm = _algorithm(given)
        signed_at, expires_at = _times(given)
        query = canonical_query(given)
        return Claim(
            scheme=self.name,
            access_key=access_key,
            signature=_presented(given),
            strings_to_sign=tuple(
                string_to_sign(method=request.method, host=host, path=request.path, query=query)
                for host in _hosts(request)
            ),
            algorithm=algorithm,
            signed_at=signed_at,
            expires_at=expires_at,
            presigned=expires_at is not None,
            signed_headers=("host",),
            token=given.get("SecurityToken"),
        )


def _algorithm(given: Mapping[str, str]) -> str:
    version = given.get("SignatureVersion", "0")
    if version in {"0", "1"}:
        raise ObsoleteVersion(
            f"SignatureVersion {version} can be forged and is not accepted; sign with version 2 or 4",
            argument_name="SignatureVersion",
        )
    if version != "2":
        raise MalformedParameters(
            "SignatureVersion must be 2 where the signature is a parameter", argument_name="SignatureVersion"
        )
    algorithm = _required(given, "SignatureMethod")
    if algorithm not in ALGORITHMS:
        raise MalformedParameters(
            "SignatureMethod must be HmacSHA256 or HmacSHA1", argument_name="SignatureMethod"
        )
    return algorithm


def _presented(given: Mapping[str, str]) -> str:
    presented = _required(given, "Signature")
    if " " in presented:
        raise MalformedParameters(
            "the signature holds a space where it had a +: a + in a query or form means a space, so the client "
            "has to send it as %2B",
            argument_name="Signature",
        )
    return presented


def _times(given: Mapping[str, str]) -> tuple[float | None, float | None]:
    """Return when it was signed, or when it ends; one of them has to be there, and not both."""
    if {"Timestamp", "Expires"} <= given.keys():
        raise DuplicateParameter(
            "the parameter Timestamp cannot be used together with the parameter Expires",
            argument_name="Expires",
        )
    name = "Expires" if "Expires" in given else "Timestamp"
    seconds = amzdate.parse_extended(_required(given, name))
    if seconds is None:
        raise MalformedParameters(f"{name} must be a time such as 2026-11-22T12:00:00Z", argument_name=name)
    return (None, seconds) if name == "Expires" else (seconds, None)


def _hosts(request: SignedRequest) -> tuple[str, ...]:
    """Return the host as the specification has it, then without its port, then in the case it was sent in."""
    sent = request.header("host")
    if not sent:
        raise UnsignedHeaders("the Host header is signed, and it is missing", headers_not_signed=["host"])
    host = sent.lower()
    return tuple(dict.fromkeys((host, _PORT.sub("", host), sent)))


def _required(given: Mapping[str, str], name: str) -> str:
    value = given.get(name)
    if not value:
        raise MissingParameter(f"The request must contain the parameter {name}", argument_name=name)
    return value
