"""What both signatures of S3's upload form have in common: the form, its policy, and whether they agree."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authsvc.errors import (
    Denied,
    DuplicateParameter,
    Malformed,
    MalformedForm,
    MissingParameter,
    SignatureMismatch,
    UnsignedHeaders,
)
from authsvc.signing.amzheaders import is_alias
from authsvc.signing.encoding import decode, recode
from authsvc.signing.multipart import is_form, read_form
from authsvc.signing.postpolicy import PostPolicy, is_confidential, outside, read_policy, unmet

if TYPE_CHECKING:
    from collections.abc import Collection

    from authsvc.signing.claim import Claim
    from authsvc.signing.multipart import Form
    from authsvc.signing.request import SignedRequest

POLICY: Final = "policy"
_FILENAME: Final = "${filename}"
_BUCKET_ROOT: Final = re.compile(r"/([^/]+)/?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What an upload form asks for, as far as the store has to know it.

    Attributes:
        bucket: Where to, from the path or the Host.
        key: Under which key, ``${filename}`` replaced.
        length_range: Fewest and most bytes the file may have, where the policy bounds them; the store enforces it.
        size: Bytes of the file, where the whole form came along.
    """

    bucket: str
    key: str
    length_range: tuple[int, int] | None
    size: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedForm:
    """An upload form taken apart: its fields and what its policy says of them."""

    fields: Mapping[str, str]
    policy: PostPolicy
    upload: Upload
    objection: Denied | None


def marks(request: SignedRequest, names: Collection[str]) -> bool:
    """Say whether the request is an upload form with a field of one of these names.

    One that cannot be read counts if it names such a field somewhere and is not signed in a header: then what is
    wrong with it is told, in place of that nobody signed it.
    """
    if not is_form(request):
        return False
    try:
        return not read_form(request).fields.keys().isdisjoint(names)
    except Malformed:
        body = (request.body or b"").lower()
        return any(f'"{name}"'.encode() in body for name in names) and "authorization" not in request.fields


def read_upload(request: SignedRequest, *, required: Collection[str], exempt: Collection[str]) -> SignedForm:
    """Take an upload form apart.

    Args:
        request: As received, its body up to the file at least.
        required: Names of the fields the signature consists of.
        exempt: Names of fields that need no condition.

    Raises:
        MalformedForm: It is no form, or can be read in two ways.
        MissingParameter: A field of the signature, the key or the file is not there.
        InvalidPolicyDocument: The policy is none.
        DuplicateParameter: A field is given twice, or names another bucket.
        UnsignedHeaders: There are ``x-amz-*`` headers, which a form has no way to sign.
    """
    headers = sorted(name for name in request.fields if name.startswith("x-amz-") or is_alias(name))
    if headers:
        raise UnsignedHeaders(headers_not_signed=headers)
    form = read_form(request)
    for name in (*required, "key"):
        if name not in form.fields:
            raise MissingParameter(
                f"Bucket POST must contain a field named '{name}'.  If it is specified, please check the order "
                "of the fields.",
                argument_name=name,
            )
    policy = read_policy(form.fields[POLICY])
    fields = _filled(form, exempt) | {"bucket": _bucket(request, form)}
    return SignedForm(
        fields=fields,
        policy=policy,
        upload=Upload(
            bucket=fields["bucket"], key=fields["key"], length_range=policy.length_range, size=form.size
        ),
        objection=unmet(policy, fields, exempt=exempt) or outside(policy, form.size),
    )


def unsigned_query(request: SignedRequest) -> tuple[str, ...]:
    """Name all parameters of the query: a form has no way to sign them."""
    return tuple(name for name, _ in request.pairs)


def mismatch(claim: Claim) -> SignatureMismatch:
    """Make the refusal of a form's signature; what was to be signed is the policy, as sent."""
    (policy,) = claim.strings_to_sign
    return SignatureMismatch(
        string_to_sign="(concealed)" if is_confidential(policy) else policy,
        signature_provided=claim.signature,
    )


def _filled(form: Form, untouched: Collection[str]) -> dict[str, str]:
    """Put the file's name where a field asks for it."""
    if form.filename is None and any(_FILENAME in value for value in form.fields.values()):
        raise MalformedForm("the file's name, which a field asks for, is encoded")
    return {
        name: value if name in untouched else value.replace(_FILENAME, form.filename or "")
        for name, value in form.fields.items()
    }


def _bucket(request: SignedRequest, form: Form) -> str:
    if request.bucket is not None:
        bucket: str | None = request.bucket if request.path == "/" else None
    else:
        match = _BUCKET_ROOT.fullmatch(request.path)
        bucket = decode(recode(match[1])) if match else None
    if bucket is None:
        raise MalformedForm("a form is sent to the root of a bucket, and this request names none or more")
    if form.fields.get("bucket", bucket) != bucket:
        raise DuplicateParameter("the field bucket names another bucket", argument_name="bucket")
    return bucket
