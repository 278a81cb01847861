"""The native face described: an OpenAPI 3.1 document made from the schemas, and the routes that serve it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from aiohttp import web
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

import authsvc
from authsvc.faces.ec2 import described as ec2
from authsvc.faces.face import JSON
from authsvc.faces.native.answer_schemas import BatchVerdict, Identified, KnownRegions, Refusal, Verdict
from authsvc.faces.native.docs import CONTENT_SECURITY_POLICY, page
from authsvc.faces.native.schemas import BatchRequest, ForgetRequest, LookupRequest, VerifyRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from marshmallow import Schema

_REFUSALS: Final = {
    400: "MalformedRequest: not JSON, or not of this shape; `field` names the part",
    401: "CallerUnauthorized: the caller is not known; nothing of the body was read",
    403: "CallerForbidden: the caller lacks the grant",
    408: "RequestTimeout: the body did not arrive in time",
    413: "RequestEntityTooLarge: the body is longer than 64 KiB",
    415: "UnsupportedMediaType: the body is not sent as application/json",
    503: "ServiceUnavailable: it could not be found out, which is neither yes nor no; try again after Retry-After",
}


_WITHOUT_BODY: Final = {401, 403, 503}


class _Operation(NamedTuple):
    """One question: what it takes, what it answers, and which refusals it has besides the usual ones."""

    path: str
    name: str
    grant: str
    summary: str
    takes: type[Schema] | None
    gives: type[Schema] | None
    described: str
    refusals: dict[int, str] = {}  # noqa: RUF012 - never changed
    method: str = "post"


_OPERATIONS: Final = (
    _Operation(
        "/v1/verify",
        "verify",
        "verify",
        "Did that user sign this request?",
        VerifyRequest,
        Verdict,
        "Yes with the principal, or no with the code and status the client that signed expects.",
    ),
    _Operation(
        "/v1/verify/batch",
        "verifyBatch",
        "verify",
        "Many questions at once; one bad entry spoils only itself.",
        BatchRequest,
        BatchVerdict,
        "The verdicts, in order. An entry that could not be read or found out carries an error of its own.",
    ),
    _Operation(
        "/v1/users/lookup",
        "lookup",
        "identify",
        "Who does this access key belong to?",
        LookupRequest,
        Identified,
        "The principal, in whatever state its user is.",
        {
            403: "CallerForbidden: the caller lacks the grant; or AccountProblem: more than one user holds the key, or its "
            "secret is wanted and may not be used; `detail.reason` says why",
            404: "UnknownAccessKey: nobody holds the key",
        },
    ),
    _Operation(
        "/v1/regions",
        "regions",
        "regions",
        "Which regions are there?",
        None,
        KnownRegions,
        "The regions by id, and which of them this is.",
        method="get",
    ),
    _Operation(
        "/v1/forget",
        "forget",
        "admin",
        "Drop one access key from every cache.",
        ForgetRequest,
        None,
        "Nothing of the key is remembered any more.",
    ),
)


def document() -> dict[str, Any]:
    """Describe the face in OpenAPI 3.1."""
    spec = APISpec(
        title="authsvc",
        version=authsvc.__version__,
        openapi_version="3.1.0",
        info={
            "summary": "Who does this access key belong to, and did that user sign this request?",
            "description": "Every call but these documents names its caller. Times are UTC, RFC 3339.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        servers=[{"url": "/"}],
        security=[{"bearer": []}, {"token": []}, {"certificate": []}],
        plugins=[MarshmallowPlugin(schema_name_resolver=_name)],
    )
    for name, scheme in _SECURITY.items():
        spec.components.security_scheme(name, scheme)
    for operation in _OPERATIONS:
        spec.path(operation.path, operations={operation.method: _described(operation)})
    for path, operations in ec2.paths().items():
        spec.path(path, operations=operations)
    for path, name, media_type in (("/openapi.json", "openapi", JSON), ("/docs", "docs", "text/html")):
        spec.path(path, operations={"get": _document(name, media_type)})
    return spec.to_dict()


_SECURITY: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A caller token."},
    "token": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Auth-Token",
        "description": "The same, where Authorization carries a user's own signature.",
    },
    "certificate": {"type": "mutualTLS", "description": "A client certificate named in the callers file."},
}


def routes() -> Sequence[web.RouteDef]:
    """List the routes of the document and of the page made from it; both are for anybody."""

    async def openapi(_request: web.Request) -> web.Response:
        return web.Response(body=_written().description, content_type=JSON)

    async def docs(_request: web.Request) -> web.Response:
        response = web.Response(text=_written().page, content_type="text/html")
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return (web.get("/openapi.json", openapi), web.get("/docs", docs))


class _Written(NamedTuple):
    """The document as it is served, in JSON and in HTML."""

    description: bytes
    page: str


@functools.cache
def _written() -> _Written:
    """Write the document when it is first asked for: it takes 20 ms, and few processes are ever asked."""
    described = document()
    return _Written(msgspec.json.format(msgspec.json.encode(described), indent=2), page(described))


def _name(schema: Any) -> str:
    kind = schema if isinstance(schema, type) else type(schema)
    return str(kind.__name__)


def _described(operation: _Operation) -> dict[str, Any]:
    body: dict[str, Any] = {}
    usual = _REFUSALS
    if operation.takes is None:
        usual = {status: what for status, what in _REFUSALS.items() if status in _WITHOUT_BODY}
    else:
        body = {"requestBody": {"required": True, "content": _content(operation.takes)}}
    refusals = dict(sorted((usual | operation.refusals).items()))
    return {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": f"Needs the grant `{operation.grant}`.",
        **body,
        "responses": {
            **_success(operation),
            **{str(status): _refused(status, what) for status, what in refusals.items()},
        },
    }


def _success(operation: _Operation) -> dict[str, Any]:
    if operation.gives is None:
        return {"204": {"description": operation.described}}
    return {"200": {"description": operation.described, "content": _content(operation.gives)}}


def _refused(status: int, what: str) -> dict[str, Any]:
    refused: dict[str, Any] = {"description": what, "content": _content(Refusal)}
    if status == web.HTTPServiceUnavailable.status_code:
        refused["headers"] = {
            "Retry-After": {
                "description": "Seconds.",
                "schema": {"type": "integer", "minimum": 1, "maximum": 3},
            }
        }
    return refused


def _document(name: str, media_type: str) -> dict[str, Any]:
    content = {media_type: {"schema": {"type": "object" if media_type == JSON else "string"}}}
    return {
        "operationId": name,
        "summary": "This description." if media_type == JSON else "The same, to be read by people.",
        "security": [],
        "responses": {"200": {"description": "The document.", "content": content}},
    }


def _content(schema: type[Schema]) -> dict[str, Any]:
    return {JSON: {"schema": schema}}
