"""AWS Signature Version 4 of S3's upload form: the policy is the string to sign, in its Base64 as sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from authsvc.errors import Malformed, MalformedParameters, SignatureMismatch
from authsvc.signing import amzdate
from authsvc.signing.claim import Claim, SchemeName
from authsvc.signing.encoding import require_same
from authsvc.signing.scope import read_credential
from authsvc.signing.sigv4 import ALGORITHM, signature, signing_key
from authsvc.signing.upload import POLICY, marks, mismatch, read_upload, unsigned_query
from authsvc.signing.v4 import S3_SERVICES

if TYPE_CHECKING:
    from authsvc.model import Secret
    from authsvc.signing.request import SignedRequest
    from authsvc.signing.scope import Scope

__all__ = ["FIELDS", "SigV4Post"]

FIELDS: Final = (POLICY, "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature")
"""What a signed form has to hold; a form with none of them is anonymous."""
_MARKS: Final = frozenset(FIELDS) - {POLICY}
_EXEMPT: Final = frozenset({POLICY, "x-amz-signature"})
"""All others are to be covered by the policy, those of the signature included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigV4Post:
    """The scheme ``sigv4-post``; ``s3_services`` are the services that take forms."""

    name: SchemeName = field(default="sigv4-post", init=False)
    mechanism: str | None = field(default=None, init=False)
    s3_services: frozenset[str] = S3_SERVICES

    def recognises(self, request: SignedRequest) -> bool:
        """Say whether a form carries one of the fields of a V4 signature."""
        return marks(request, _MARKS)

    def read(self, request: SignedRequest) -> Claim:
        """Take the form apart.

        Raises:
            Malformed: A leaf that says which part cannot be read.
        """
        signed = read_upload(request, required=FIELDS, exempt=_EXEMPT)
        fields = signed.fields
        if fields["x-amz-algorithm"] != ALGORITHM:
            raise MalformedParameters(
                f"X-Amz-Algorithm only supports {ALGORITHM} in a form", argument_name="x-amz-algorithm"
            )
        access_key, scope = read_credential(fields["x-amz-credential"], _refuse_credential)
        try:
            signed_at = self._signed_at(fields["x-amz-date"], scope)
        except Malformed as error:
            error.access_key = access_key
            raise
        return Claim(
            scheme=self.name,
            access_key=access_key,
            signature=fields["x-amz-signature"],
            strings_to_sign=(fields[POLICY],),
            signed_at=signed_at,
            expires_at=signed.policy.expires_at,
            scope=scope,
            unsigned_query=unsigned_query(request),
            payload="unsigned",
            token=fields.get("x-amz-security-token"),
            upload=signed.upload,
            objection=signed.objection,
        )

    def prove(self, claim: Claim, secret: Secret) -> None:
        """Return only if the secret's holder signed the policy.

        Raises:
            SignatureMismatch: Anybody else did.
        """
        if claim.scope is None:
            raise SignatureMismatch
        (policy,) = claim.strings_to_sign
        computed = signature(signing_key(secret, claim.scope), policy)
        try:
            require_same(claim.signature, computed)
        except SignatureMismatch:
            raise mismatch(claim) from None

    def _signed_at(self, date: str, scope: Scope) -> float:
        """Return when the policy was signed; the scope has to be of that day, and of a service that takes forms."""
        seconds = amzdate.parse_basic(date)
        if seconds is None:
            raise MalformedParameters(
                "X-Amz-Date must be formatted via ISO8601 Long format", argument_name="x-amz-date"
            )
        if not date.startswith(scope.date):
            raise _refuse_credential(
                f'Invalid credential date "{scope.date}". This date is not the same as X-Amz-Date: "{date[:8]}".'
            )
        if scope.service not in self.s3_services:
            raise _refuse_credential(f'incorrect service "{scope.service}". This endpoint belongs to "s3".')
        return seconds


def _refuse_credential(reason: str) -> MalformedParameters:
    return MalformedParameters(
        f"Error parsing the X-Amz-Credential parameter; {reason}", argument_name="x-amz-credential"
    )
