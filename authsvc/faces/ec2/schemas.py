"""What the EC2 face takes and answers, as schemas; ``answers`` builds the documents by hand, tests hold them to these."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from authsvc.faces.native.answer_schemas import Domain


def _text(*, none: bool = False, **metadata: Any) -> fields.String:
    return fields.String(required=True, allow_none=none, metadata=metadata)


def _moment(*, none: bool = False) -> fields.String:
    return _text(none=none, format="date-time")


def _one_of(*names: str) -> fields.String:
    return fields.String(required=True, validate=validate.OneOf(names))


class SignerUser(Schema):
    """The user who signed."""

    id = _text(description="CloudStack's uuid; the same in every region.")
    username = _text()
    state = _text()


class SignerAccount(Schema):
    """The user's account."""

    id = _text()
    name = _text()
    type = fields.Integer(required=True)
    state = _text()


class QualifiedName(Schema):
    """An element's name."""

    ns = _text(description="Its namespace; empty where it has none.")
    name = _text()


class SignedPart(Schema):
    """A part of the message that is signed."""

    part = _one_of("Body", "Timestamp", "BinarySecurityToken", "Header")
    digest = _one_of("sha1", "sha256", "sha512")
    ns = fields.String(metadata={"description": "Of a header block: its namespace."})
    name = fields.String(metadata={"description": "Of a header block: its name."})


class SoapMessage(Schema):
    """What of a SOAP message is proven."""

    soap = _one_of("1.1", "1.2")
    operation = fields.Nested(QualifiedName, required=True)
    signature_algorithm = _one_of("rsa-sha1", "rsa-sha256", "rsa-sha512")
    created = _moment(none=True)
    valid_until = _moment()
    replay_checked = fields.Boolean(required=True)
    signed = fields.List(fields.Nested(SignedPart), required=True)
    unsigned_headers = fields.List(fields.Nested(QualifiedName), required=True)
    body_c14n = _text(
        description="Base64 of the canonical signed Body: execute this, not your own reading of the message."
    )


class X509Credential(Schema):
    """The certificate by whose key the message is signed."""

    type = _one_of("x509")
    sha256 = _text()
    issuer = _text()
    serial = _text()


class SoapSigner(Schema):
    """Who signed a SOAP message, and what of it."""

    authenticated = fields.Boolean(required=True)
    request_id = _text()
    user = fields.Nested(SignerUser, required=True)
    account = fields.Nested(SignerAccount, required=True)
    domain = fields.Nested(Domain, required=True)
    credential = fields.Nested(X509Credential, required=True)
    message = fields.Nested(SoapMessage, required=True)


class AccessKeyCredential(Schema):
    """The access key by whose secret the request is signed."""

    type = _one_of("access_key")
    access_key = _text()


class QueryScope(Schema):
    """The credential scope of a Signature Version 4."""

    date = _text()
    region = _text()
    service = _text()


class QueryMessage(Schema):
    """What a Query request's signature says."""

    scheme = _one_of("sigv2", "sigv4")
    signature_algorithm = _text()
    signed_at = _moment(none=True)
    expires_at = _moment(none=True)
    scope = fields.Nested(QueryScope, required=True, allow_none=True)


class QuerySigner(SoapSigner):
    """Who signed a Query request."""

    credential = fields.Nested(AccessKeyCredential, required=True)
    message = fields.Nested(QueryMessage, required=True)


class Ec2Credentials(Schema):
    """A signed Query request, in Keystone's words."""

    access = _text()
    signature = _text()
    host = _text(description="The Host header, its port included.")
    verb = _text()
    path = fields.String(metadata={"description": "Still encoded; `/` where it is empty."})
    params = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        metadata={
            "description": "Every parameter of query and form, decoded, without Signature; for Version 4 those of the query."
        },
    )
    headers = fields.Dict(keys=fields.String(), values=fields.String())
    body_hash = fields.String(metadata={"description": "Hex SHA-256 of the raw body; Version 4 needs it."})


class QueryRequest(Schema):
    """A Query request as a gateway describes it."""

    ec2Credentials = fields.Nested(Ec2Credentials, required=True)  # noqa: N815 -- Keystone's name


class ClientFault(Schema):
    """What to hand to the client."""

    faultcode = _text(examples=["Client.AuthFailure"])
    faultstring = _text()


class GatewayCause(Schema):
    """Why not."""

    code = _text(examples=["AuthFailure"])
    message = _text()
    field = fields.String(metadata={"description": "The part of the question that is wrong."})


class FaultRefusal(Schema):
    """A no, with the fault to hand to the client; without one where the exchange itself failed."""

    error = fields.Nested(GatewayCause, required=True)
    fault = fields.Nested(ClientFault)
    request_id = fields.String()


class RegisteredCertificate(Schema):
    """A certificate that a user registered."""

    sha256 = _text(description="Of its DER; its name here.")
    user_id = _text()
    state = _one_of("active", "revoked")
    issuer = _text()
    serial = _text()
    not_before = _moment()
    not_after = _moment()
    created = _moment()
    revoked = _moment(none=True)


class RegisteredCertificates(Schema):
    """A user's certificates, oldest first."""

    certificates = fields.List(fields.Nested(RegisteredCertificate), required=True)
