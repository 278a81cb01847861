"""What the native face answers, as schemas; ``answers`` builds the documents by hand, tests hold them to these."""

from __future__ import annotations

from typing import Any, get_args

from marshmallow import Schema, fields, validate

from authsvc.model import Source
from authsvc.signing import Payload, SchemeName


def _text(*, none: bool = False, **metadata: Any) -> fields.String:
    return fields.String(required=True, allow_none=none, metadata=metadata)


def _moment(*, none: bool = True) -> fields.String:
    return _text(none=none, format="date-time", examples=["2026-11-22T12:00:00Z"])


class _State(fields.String):
    def __init__(self) -> None:
        super().__init__(required=True, validate=validate.OneOf(["enabled", "disabled", "locked"]))


class User(Schema):
    """The person or program that holds the key."""

    id = _text(description="CloudStack's uuid; the same in every region.")
    name = _text()
    state = _State()


class UserInFull(User):
    """The same with everything the directory knows."""

    firstname = _text(none=True)
    lastname = _text(none=True)
    email = _text(none=True)
    timezone = _text(none=True)
    created = _moment()
    source = _text(none=True)


class Account(Schema):
    """Who owns resources."""

    id = _text()
    name = _text()
    type = fields.Integer(required=True, metadata={"description": "CloudStack's Account.Type."})
    role = _text(none=True)
    state = _State()


class Domain(Schema):
    """Where the account stands in the tree of domains."""

    id = _text()
    name = _text()
    path = _text()


class Key(Schema):
    """The access key itself."""

    id = _text(none=True)
    expires_at = _moment()
    restricted = fields.Boolean(required=True)


class Principal(Schema):
    """A user with its account, domain and key."""

    user = fields.Nested(User, required=True)
    account = fields.Nested(Account, required=True)
    domain = fields.Nested(Domain, required=True)
    key = fields.Nested(Key, required=True)


class PrincipalInFull(Principal):
    """A user in full with its account, domain and key."""

    user = fields.Nested(UserInFull, required=True)


class Scope(Schema):
    """A credential scope."""

    date = _text(examples=["20261122"])
    region = _text(none=True, description="Null where a region set is signed instead (sigv4a).")
    service = _text()
    region_set = fields.List(
        fields.String(),
        metadata={"description": "Names of regions, * standing for any characters.", "examples": [["us-*"]]},
    )


class Streaming(Schema):
    """What a store needs to check a payload that comes in chunks; each before its bytes are released."""

    algorithm = _text(
        none=True,
        description="First line of a chunk's string to sign; null where chunks carry no signatures.",
        examples=["AWS4-HMAC-SHA256-PAYLOAD"],
    )
    seed_signature = _text(description="What the first chunk goes on from.")
    timestamp = _text(examples=["20261122T120000Z"])
    scope = _text(examples=["20261122/us-east-1/s3/aws4_request"])
    payload_mode = fields.String(required=True, validate=validate.OneOf(get_args(Payload)))
    decoded_length = fields.Integer(
        required=True, metadata={"description": "Bytes of the payload without its framing."}
    )
    trailer_names = fields.List(
        fields.String(), required=True, metadata={"description": "Lower-case, sorted; none other may follow."}
    )
    first_string_to_sign_prefix = _text(
        none=True, description="The first chunk's string to sign up to the hex SHA-256 of its data."
    )
    public_key = fields.String(
        metadata={"description": "SigV4A: the point that proves chunks, hex, 65 bytes uncompressed."}
    )


class Upload(Schema):
    """What an upload form asks for; the conditions of its policy are known to hold."""

    bucket = _text()
    key = _text(description="`${filename}` replaced.")
    content_length_range = fields.List(
        fields.Integer(),
        required=True,
        allow_none=True,
        metadata={"description": "Fewest and most bytes the file may have; yours to enforce."},
    )
    content_length = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "Bytes of the file, where all of it came along; within the range."},
    )


class Signature(Schema):
    """What the proven signature says."""

    signed_at = _moment()
    expires_at = _moment()
    scope = fields.Nested(Scope, required=True, allow_none=True)
    signed_headers = fields.List(fields.String(), required=True)
    unsigned_query = fields.List(fields.String(), required=True)
    payload = fields.String(required=True, validate=validate.OneOf(get_args(Payload)))
    body_sha256 = _text(none=True)
    streaming = fields.Nested(Streaming, metadata={"description": "Only where the payload comes in chunks."})
    upload = fields.Nested(Upload, metadata={"description": "Only where it is an upload form."})
    signing_key = fields.String(
        metadata={"description": "Hex; where it was wanted, and only for payloads signed in chunks."}
    )


class Freshness(Schema):
    """When the directory last said so, and who remembered."""

    as_of = _moment(none=False)
    source = fields.String(required=True, validate=validate.OneOf(get_args(Source)))


class Reason(Schema):
    """Why not, in the words the client that signed expects."""

    code = _text(
        description="An S3 or EC2 code, or AuthFailure for CloudStack.", examples=["SignatureDoesNotMatch"]
    )
    status = fields.Integer(required=True, metadata={"description": "The HTTP status to send."})
    message = _text()
    detail = fields.Dict(keys=fields.String(), required=True)


class Verdict(Schema):
    """Yes with the principal, or no with the reason."""

    authenticated = fields.Boolean(required=True)
    scheme = fields.String(
        required=True, allow_none=True, validate=validate.OneOf((*get_args(SchemeName), None))
    )
    access_key = _text(none=True)
    principal = fields.Nested(Principal)
    signature = fields.Nested(Signature)
    freshness = fields.Nested(Freshness)
    error = fields.Nested(Reason)


class BatchVerdict(Schema):
    """One verdict for each question, in order."""

    results = fields.List(fields.Nested(Verdict), required=True)


class Identified(Schema):
    """Whose key it is."""

    principal = fields.Nested(PrincipalInFull, required=True)
    freshness = fields.Nested(Freshness, required=True)
    secret_key = fields.String(metadata={"description": "Only where it was wanted."})


class KnownRegion(Schema):
    """A row of the registry of regions."""

    id = fields.Integer(required=True)
    name = _text()
    endpoint = _text()
    gslb_enabled = fields.Boolean(required=True)
    portable_ip_enabled = fields.Boolean(required=True)


class KnownRegions(Schema):
    """The regions, and which of them this is."""

    regions = fields.List(fields.Nested(KnownRegion), required=True)
    region_id = fields.Integer(required=True)


class SwitchedOff(Schema):
    """Why a key may not be used."""

    reason = _text(none=True, examples=["user-disabled"])


class Fault(Schema):
    """What is wrong with the call itself."""

    code = _text(examples=["MalformedRequest"])
    message = _text()
    field = fields.String(metadata={"description": "The part of the request that is wrong."})
    detail = fields.Nested(SwitchedOff, metadata={"description": "Of AccountProblem."})


class Refusal(Schema):
    """The call was refused, or could not be answered."""

    error = fields.Nested(Fault, required=True)
