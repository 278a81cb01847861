"""S3's Signature Version 2 of the upload form: the policy is the string to sign, in its Base64 as sent."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from authsvc.errors import MalformedParameters, SignatureMismatch
from authsvc.model import AccessKey
from authsvc.signing.claim import Claim, SchemeName
from authsvc.signing.encoding import require_same
from authsvc.signing.s3v2 import signature
from authsvc.signing.upload import POLICY, marks, mismatch, read_upload, unsigned_query

if TYPE_CHECKING:
    from authsvc.model import Secret
    from authsvc.signing.request import SignedRequest

__all__ = ["FIELDS", "S3V2Post"]

FIELDS: Final = (POLICY, "awsaccesskeyid", "signature")
"""What a signed form has to hold; a form with none of them is anonymous."""
_MARKS: Final = frozenset(FIELDS) - {POLICY}
_KEY: Final = re.compile(r"[!-~]{1,256}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class S3V2Post:
    """The scheme ``s3v2-post``."""

    name: SchemeName = field(default="s3v2-post", init=False)
    mechanism: str | None = field(default=None, init=False)

    def recognises(self, request: SignedRequest) -> bool:
        """Say whether a form carries one of the fields of a V2 signature."""
        return marks(request, _MARKS)

    def read(self, request: SignedRequest) -> Claim:
        """Take the form apart.

        Raises:
            Malformed: A leaf that says which part cannot be read.
        """
        signed = read_upload(request, required=FIELDS, exempt=FIELDS)
        fields = signed.fields
        access_key = fields["awsaccesskeyid"]
        if not _KEY.fullmatch(access_key):
            raise MalformedParameters("AWSAccessKeyId is no access key", argument_name="awsaccesskeyid")
        return Claim(
            scheme=self.name,
            access_key=AccessKey(access_key),
            signature=fields["signature"],
            strings_to_sign=(fields[POLICY],),
            expires_at=signed.policy.expires_at,
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
        (policy,) = claim.strings_to_sign
        try:
            require_same(claim.signature, signature(secret, policy))
        except SignatureMismatch:
            raise mismatch(claim) from None
