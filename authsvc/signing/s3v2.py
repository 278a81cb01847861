"""S3's Signature Version 2, in the header (``AWS key:signature``) and presigned."""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from authsvc.errors import (
    DuplicateParameter,
    MalformedAuthorizationQuery,
    MissingDate,
    MultipleMechanisms,
    SignatureMismatch,
    UnknownMechanism,
    UnsignedHeaders,
)
from authsvc.model import AccessKey
from authsvc.signing import amzdate
from authsvc.signing.amzheaders import conceal, is_alias
from authsvc.signing.claim import Claim, SchemeName
from authsvc.signing.encoding import require_same
from authsvc.signing.resource import PARAMETERS, SUB_RESOURCES, canonical_resources, split_query
from authsvc.signing.sigv2 import is_query_api

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from authsvc.model import Secret
    from authsvc.signing.request import SignedRequest
    from authsvc.signing.resource import V2Query

__all__ = ["S3V2", "SUB_RESOURCES", "canonical_amz_headers", "signature", "string_to_sign"]

_HEADER = re.compile(r"AWS ([!-~]{1,256}):([A-Za-z0-9+/=]{1,128})", re.ASCII)
_KEY = re.compile(r"[!-~]{1,256}", re.ASCII)
_EXPIRES = re.compile(r"\d{1,10}", re.ASCII)
_END_OF_TIME = 2**31


def string_to_sign(
    *, method: str, content_md5: str, content_type: str, date: str, amz_headers: str, resource: str
) -> str:
    """Join the parts; absent ones are empty, ``amz_headers`` ends in a line feed unless empty."""
    return f"{method}\n{content_md5}\n{content_type}\n{date}\n{amz_headers}{resource}"


def canonical_amz_headers(fields: Mapping[str, Sequence[str]]) -> str:
    """Write every ``x-amz-*`` field as ``name:value``, sorted, repeated ones joined with a comma."""
    names = sorted(name for name in fields if name.startswith("x-amz-"))
    return "".join([f"{name}:{','.join(fields[name])}\n" for name in names])


def signature(secret: Secret, string_to_sign: str) -> str:
    """Return the signature: HMAC-SHA1 under the secret key, Base64."""
    key = secret.reveal().encode("utf-8", "surrogatepass")
    return base64.b64encode(
        hmac.digest(key, string_to_sign.encode("utf-8", "surrogateescape"), "sha1")
    ).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class S3V2:
    """The scheme ``s3v2``.

    ``sub_resources`` are the query parameters that are signed; stores differ in them, and what a store acts on
    without it being signed for can be changed on the way (``Claim.unsigned_query`` names such parameters).
    """

    name: SchemeName = field(default="s3v2", init=False)
    mechanism: str | None = field(default="AWS", init=False)
    sub_resources: frozenset[str] = SUB_RESOURCES

    def recognises(self, request: SignedRequest) -> bool:
        """Say whether the header or the query carries the mark; EC2's Query signatures are another scheme."""
        if _in_header(request):
            return True
        return "AWSAccessKeyId" in request.names and not is_query_api(request.names)

    def read(self, request: SignedRequest) -> Claim:
        """Take the request apart.

        Raises:
            Malformed: A leaf that says which part cannot be read.
        """
        aliases = sorted(filter(is_alias, request.fields))
        if aliases:
            raise UnsignedHeaders(headers_not_signed=aliases)
        if not _in_header(request):
            return self._presigned(request)
        if not PARAMETERS.isdisjoint(set(request.names) - {"Expires"}):
            raise MultipleMechanisms
        return self._header(request)

    def prove(self, claim: Claim, secret: Secret) -> None:
        """Return only if the secret's holder made this signature, over any form that is tolerated.

        Raises:
            SignatureMismatch: Anybody else did; the detail holds what was signed, never our signature.
        """
        for text in claim.strings_to_sign:
            try:
                require_same(claim.signature, signature(secret, text))
            except SignatureMismatch:
                continue
            return
        raise SignatureMismatch(
            string_to_sign=conceal(claim.strings_to_sign[0]), signature_provided=claim.signature
        )

    def _header(self, request: SignedRequest) -> Claim:
        access_key, presented = _authorization(request)
        date = request.header("date") or ""
        amz_date = request.header("x-amz-date")
        signed_at = amzdate.parse(date if amz_date is None else amz_date)
        if signed_at is None:
            raise MissingDate
        query = split_query(request, self.sub_resources, presigned=False)
        return Claim(
            scheme=self.name,
            access_key=access_key,
            signature=presented,
            strings_to_sign=_strings(request, query, date if amz_date is None else "", request.fields),
            signed_at=signed_at,
            signed_headers=_signed(request, with_date=amz_date is None),
            unsigned_query=query.unsigned,
            token=request.header("x-amz-security-token"),
        )

    def _presigned(self, request: SignedRequest) -> Claim:
        query = split_query(request, self.sub_resources, presigned=True)
        given = query.parameters
        access_key, expires = given.get("AWSAccessKeyId", ""), given.get("Expires", "")
        presented = given.get("Signature", "")
        if not (_KEY.fullmatch(access_key) and expires and presented):
            raise MalformedAuthorizationQuery(
                "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters"
            )
        if not _EXPIRES.fullmatch(expires) or int(expires) >= _END_OF_TIME:
            raise MissingDate("Invalid date (should be seconds since epoch)")
        fields = _with_query(request, query.amz)
        return Claim(
            scheme=self.name,
            access_key=AccessKey(access_key),
            signature=presented,
            strings_to_sign=_strings(request, query, expires, fields),
            expires_at=float(expires),
            presigned=True,
            signed_headers=_signed(request, with_date=False),
            unsigned_query=query.unsigned,
            token=",".join(fields["x-amz-security-token"]) if "x-amz-security-token" in fields else None,
        )


def _in_header(request: SignedRequest) -> bool:
    values = request.fields.get("authorization")
    return values is not None and any(map(_is_mechanism, values))


def _is_mechanism(value: str) -> bool:
    return value.startswith("AWS ") or value == "AWS"


def _authorization(request: SignedRequest) -> tuple[AccessKey, str]:
    values = request.fields["authorization"]
    if len(values) > 1:
        raise MultipleMechanisms(argument_name="Authorization")
    match = _HEADER.fullmatch(values[0])
    if match is None:
        raise UnknownMechanism(
            "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature",
            argument_name="Authorization",
        )
    return AccessKey(match[1]), match[2]


def _strings(
    request: SignedRequest, query: V2Query, date: str, fields: Mapping[str, Sequence[str]]
) -> tuple[str, ...]:
    content_md5, content_type = request.header("content-md5") or "", request.header("content-type") or ""
    amz_headers = canonical_amz_headers(fields)
    return tuple(
        string_to_sign(
            method=request.method,
            content_md5=content_md5,
            content_type=content_type,
            date=date,
            amz_headers=amz_headers,
            resource=resource,
        )
        for resource in canonical_resources(request, query.sub_resources)
    )


def _with_query(request: SignedRequest, amz: Mapping[str, str]) -> Mapping[str, Sequence[str]]:
    """Join ``x-amz-*`` parameters to the headers; one that says otherwise than its header is refused."""
    fields: dict[str, Sequence[str]] = dict(request.fields)
    for name, value in amz.items():
        trimmed = [value.strip(" ")]
        if fields.setdefault(name, trimmed) != trimmed:
            raise DuplicateParameter(argument_name=name)
    return fields


def _signed(request: SignedRequest, *, with_date: bool) -> tuple[str, ...]:
    positional = {"content-md5", "content-type", "date"} if with_date else {"content-md5", "content-type"}
    return tuple(sorted(name for name in request.fields if name in positional or name.startswith("x-amz-")))
