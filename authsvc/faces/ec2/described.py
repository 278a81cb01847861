"""The EC2 face described in OpenAPI, for the one document of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from authsvc.faces.ec2 import paths as at
from authsvc.faces.ec2.schemas import (
    FaultRefusal,
    QueryRequest,
    QuerySigner,
    RegisteredCertificate,
    RegisteredCertificates,
    SoapSigner,
)
from authsvc.faces.face import JSON
from authsvc.faces.native.answer_schemas import Refusal

if TYPE_CHECKING:
    from marshmallow import Schema

_ENVELOPE: Final = {
    "required": True,
    "content": {
        media_type: {"schema": {"type": "string", "description": "The envelope, byte for byte as received."}}
        for media_type in sorted(at.ENVELOPES)
    },
}
_EXCHANGE: Final = {
    400: "It cannot be read as what it must be.",
    403: "CallerForbidden: the caller lacks the grant",
    408: "RequestTimeout: the body did not arrive in time",
    413: "RequestEntityTooLarge: the body is longer than 64 KiB",
    415: "UnsupportedMediaType: the body is sent as something else",
    503: "ServiceUnavailable: it could not be found out, which is neither yes nor no; try again after Retry-After",
}
_NOT_WHO: Final = (
    "CallerUnauthorized, AuthFailure (one answer for an unknown key, a wrong signature and a user who may not), "
    "RequestExpired, RequestInFuture or Replay"
)
_REQUEST_ID: Final = {
    "name": "X-Request-Id",
    "in": "header",
    "schema": {"type": "string", "maxLength": 128},
    "description": "The gateway's name for its request; the same again within seconds is a retry, not a replay.",
}
_CLIENT_IP: Final = {
    "name": "X-Client-Ip",
    "in": "header",
    "schema": {"type": "string"},
    "description": "The client's address, for the log alone.",
}
_USER: Final = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
_SHA256: Final = {"name": "sha256", "in": "path", "required": True, "schema": {"type": "string"}}
_MINE: Final = (
    "Needs the grant `verify`, and the user's own Signature Version 4 of the request (service `authsvc`) in "
    "Authorization; the caller's token then goes into X-Auth-Token."
)


def paths() -> dict[str, dict[str, Any]]:
    """Return the operations by path and method."""
    return {
        at.SOAP: {"post": _authenticate_soap()},
        at.QUERY: {"post": _authenticate_query()},
        at.CERTIFICATES: {"post": _register(), "get": _list()},
        at.CERTIFICATE: {"delete": _revoke()},
    }


def _authenticate_soap() -> dict[str, Any]:
    return {
        "operationId": "authenticateSoap",
        "summary": "Who signed this SOAP message, and what exactly did they sign?",
        "description": "Needs the grant `verify`.",
        "parameters": [_REQUEST_ID, _CLIENT_IP],
        "requestBody": _ENVELOPE,
        "responses": _responses(200, SoapSigner, "Who signed.", {401: _NOT_WHO}, FaultRefusal),
    }


def _authenticate_query() -> dict[str, Any]:
    return {
        "operationId": "authenticateQuery",
        "summary": "Who signed this EC2 Query request?",
        "description": "Needs the grant `verify`. Signature Version 2 and 4.",
        "parameters": [_REQUEST_ID],
        "requestBody": {"required": True, "content": _content(QueryRequest)},
        "responses": _responses(200, QuerySigner, "Who signed.", {401: _NOT_WHO}, FaultRefusal),
    }


def _register() -> dict[str, Any]:
    refusals = {
        401: "CallerUnauthorized",
        403: "CallerForbidden, or the proof or the user's signature is not what it must be",
        404: "UnknownUser",
        409: "CertificateTaken: it is another user's, or was revoked",
    }
    return {
        "operationId": "registerCertificate",
        "summary": "Register the certificate whose key signed the envelope.",
        "description": _MINE,
        "parameters": [_USER],
        "requestBody": _ENVELOPE,
        "responses": _responses(201, RegisteredCertificate, "It is registered.", refusals),
    }


def _list() -> dict[str, Any]:
    given = "The certificates, revoked ones included."
    return {
        "operationId": "listCertificates",
        "summary": "List the user's certificates.",
        "description": _MINE,
        "parameters": [_USER],
        "responses": _responses(200, RegisteredCertificates, given, {401: "CallerUnauthorized"}),
    }


def _revoke() -> dict[str, Any]:
    refusals = {401: "CallerUnauthorized", 404: "UnknownCertificate"}
    return {
        "operationId": "revokeCertificate",
        "summary": "Revoke a certificate for good.",
        "description": _MINE,
        "parameters": [_USER, _SHA256],
        "responses": _responses(204, None, "It is revoked.", refusals),
    }


def _responses(
    status: int,
    gives: type[Schema] | None,
    what: str,
    refusals: dict[int, str],
    said: type[Schema] = Refusal,
) -> dict[str, Any]:
    success: dict[str, Any] = {"description": what}
    if gives is not None:
        success["content"] = _content(gives)
    no = {
        str(number): {"description": why, "content": _content(said)}
        for number, why in sorted((_EXCHANGE | refusals).items())
    }
    return {str(status): success, **no}


def _content(schema: type[Schema]) -> dict[str, Any]:
    return {JSON: {"schema": schema}}
