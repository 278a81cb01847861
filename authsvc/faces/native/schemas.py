"""What the native face accepts, as schemas: validation, OpenAPI, and the yardstick of what is read at sight."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validate

from authsvc.errors import Malformed
from authsvc.model import AccessKey
from authsvc.service.policy import ANYTHING, Expectation
from authsvc.signing import SignedRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_BATCH: Final = 256
_BASE64 = r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\Z"
_FILLED = validate.Length(min=1)


def load(schema: Schema, document: Any) -> Any:
    """Build what the schema builds.

    Raises:
        Malformed: The document does not fit; ``detail["field"]`` is the path of the first misfit.
    """
    try:
        return schema.load(document)
    except ValidationError as error:
        path, message = _first(error.messages)
        field = ".".join(path)
        raise Malformed(message, **({"field": field} if path else {})) from None


def _first(messages: Any) -> tuple[tuple[str, ...], str]:
    if isinstance(messages, dict):
        name, inner = next(iter(messages.items()))
        path, message = _first(inner)
        return (path if name == "_schema" else (str(name), *path)), message
    return (), str(messages[0] if isinstance(messages, list) else messages)


class Headers(fields.Field[Any]):
    """Headers as ordered pairs, as received, or as an object where the order is lost already."""

    _pairs = fields.List(fields.Tuple((fields.String(), fields.String())))
    _object = fields.Dict(keys=fields.String(), values=fields.String())

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> tuple[tuple[str, str], ...]:
        if isinstance(value, dict):
            return tuple(self._object.deserialize(value, attr, data, **kwargs).items())
        return tuple(self._pairs.deserialize(value, attr, data, **kwargs))


class _Strict(Schema):
    class Meta:
        unknown = RAISE


class Expect(_Strict):
    """What the endpoint that received the request is; a credential scope must name it."""

    service = fields.String(allow_none=True, validate=_FILLED, metadata={"examples": ["s3"]})
    region = fields.String(allow_none=True, validate=_FILLED, metadata={"examples": ["us-east-1"]})

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Expectation:
        """Build the expectation."""
        return Expectation(**data)


class Question(NamedTuple):
    """A request to judge, what its endpoint is, and what is wanted beyond the verdict."""

    request: SignedRequest
    expect: Expectation = ANYTHING
    want: frozenset[str] = frozenset()


def read_body(body: str) -> bytes:
    """Decode base64 in its standard alphabet, padded, without white space.

    Raises:
        Malformed: It is something else.
    """
    try:
        if len(body) % 4 == 0:
            return b64decode(body, validate=True)
    except ValueError:
        pass
    raise Malformed("must be standard base64 with padding", field="body")


class VerifyRequest(_Strict):
    """A request somebody signed, exactly as it was received."""

    method = fields.String(required=True, metadata={"examples": ["PUT"]})
    target = fields.String(
        required=True,
        metadata={
            "description": "The raw request-target as received: never decoded, never normalised.",
            "examples": ["/bucket/k%20ey?partNumber=1&uploadId=x"],
        },
    )
    headers = Headers(
        required=True,
        metadata={
            "description": "Ordered [name, value] pairs as received, duplicates included; an object is accepted too. "
            "Values decoded as UTF-8 where that works, else as Latin-1.",
            "oneOf": [
                {
                    "type": "array",
                    "items": {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2},
                },
                {"type": "object", "additionalProperties": {"type": "string"}},
            ],
            "examples": [[["Host", "s3.example.com"], ["X-Amz-Date", "20261122T120000Z"]]],
        },
    )
    body = fields.String(
        allow_none=True,
        validate=validate.Regexp(_BASE64),
        metadata={"description": "Base64; only where the scheme signs the body: form POST, POST policy."},
    )
    body_sha256 = fields.String(
        allow_none=True,
        validate=validate.Regexp(r"^[0-9a-f]{64}\Z"),
        metadata={"description": "Hash of the body you received; compared with the hash that was signed."},
    )
    bucket = fields.String(
        allow_none=True,
        metadata={"description": "The bucket, only when it came from the Host (virtual-hosted style)."},
    )
    expect = fields.Nested(Expect, allow_none=True)
    want = fields.List(
        fields.String(validate=validate.OneOf(["signing_key"])),
        allow_none=True,
        metadata={"description": "`signing_key` (grant signing-key): for payloads signed in chunks."},
    )

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Question:
        """Build the question.

        Raises:
            Malformed: A part cannot have come over HTTP.
        """
        expect, want, body = data.pop("expect", None), data.pop("want", None), data.pop("body", None)
        request = SignedRequest(body=None if body is None else read_body(body), **data)
        return Question(request, expect or Expectation(), frozenset(want or ()))


class BatchRequest(_Strict):
    """Many questions at once; each is judged on its own."""

    requests = fields.List(
        fields.Nested(VerifyRequest), required=True, validate=validate.Length(max=MAX_BATCH)
    )


class Lookup(NamedTuple):
    """Whose key, and what is wanted beyond the principal."""

    access_key: AccessKey
    want: frozenset[str]


class LookupRequest(_Strict):
    """Whose access key is this?"""

    access_key = fields.String(required=True, validate=validate.Length(min=1, max=255))
    want = fields.List(
        fields.String(validate=validate.OneOf(["secret_key"])),
        allow_none=True,
        metadata={"description": "`secret_key` (grant secret)."},
    )

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Lookup:
        """Build the lookup."""
        return Lookup(AccessKey(data["access_key"]), frozenset(data.get("want") or ()))


class ForgetRequest(_Strict):
    """Drop one access key from every cache."""

    access_key = fields.String(required=True, validate=validate.Length(min=1, max=255))

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> AccessKey:
        """Build the access key."""
        return AccessKey(data["access_key"])


VERIFY: Final = VerifyRequest()
LOOKUP: Final = LookupRequest()
FORGET: Final = ForgetRequest()
