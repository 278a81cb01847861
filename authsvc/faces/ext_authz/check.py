"""``envoy.service.auth.v3.Authorization/Check``: Envoy's question over gRPC, on a port of its own.

Whatever the answer is, it is an answer: a denial of ours carries its HTTP status with it, 503 included, so that Envoy
has no failure to be lenient about (``failure_mode_allow``).
"""

from __future__ import annotations

import logging
import re
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import grpc

from authsvc.errors import Malformed
from authsvc.faces.ext_authz import check_pb2 as wire
from authsvc.faces.face import field_text, internal_error
from authsvc.faces.forward_auth.gate import ask_at_the_gate
from authsvc.faces.forward_auth.original import client_request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from aiohttp import web

    from authsvc.faces.callers import Caller, Callers
    from authsvc.faces.forward_auth.options import GatewayOptions
    from authsvc.service.service import Service
    from authsvc.signing import SignedRequest

SERVICE: Final = "envoy.service.auth.v3.Authorization"
ROUTE: Final = f"/{SERVICE}/Check"
MAX_QUESTION: Final = 128 * 1024
"""Bytes of one question; a request's head has 64 KiB at most."""

FINISH: Final = 10.0
"""Seconds that questions in flight get to finish."""

Pem: TypeAlias = tuple[bytes, bytes, bytes | None]
"""The certificate chain, its key, and the authorities of clients where there are some."""

_BEARER: Final = re.compile(r"Bearer +(.*)", re.IGNORECASE | re.DOTALL)
_FORM: Final = "application/x-www-form-urlencoded"
_CODES: Final = {200: 0, 401: 16, 403: 7, 503: 14}
"""gRPC's code beside the HTTP status: OK, UNAUTHENTICATED, PERMISSION_DENIED, UNAVAILABLE; anything else INTERNAL."""

_INTERNAL: Final = 13
_log = logging.getLogger(__name__)


@asynccontextmanager
async def checks(
    service: Service,
    callers: Callers,
    *,
    address: str,
    tls: Callable[[], Pem] | None = None,
    tell: Callable[[dict[str, Any]], None],
    shared: bool = False,
) -> AsyncIterator[int]:
    """Answer on the address (``host:port``) while the context is open, and yield the port.

    Args:
        service: Whose use case answers.
        callers: Who may ask, by ``x-auth-token`` or ``authorization: Bearer`` in the call's metadata, or certificate.
        address: Where to listen; port 0 is a free one.
        tls: Returns what a connection begins with, the same object until it changes; with authorities from the
            start, every client has to show a certificate.
        tell: Takes the one event that a question leaves behind.
        shared: Other processes of ours listen on the port too.

    Raises:
        ValueError: The address cannot be listened on.
    """
    server = grpc.aio.server(
        options=(("grpc.max_receive_message_length", MAX_QUESTION), ("grpc.so_reuseport", int(shared)))
    )
    method = grpc.unary_unary_rpc_method_handler(
        partial(_check, service, callers, tell),
        request_deserializer=wire.CheckRequest.FromString,
        response_serializer=wire.CheckResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Check": method}),))
    try:
        port = _listen(server, address, tls)
    except RuntimeError:
        raise ValueError(f"cannot listen on {address}") from None
    await server.start()
    try:
        yield port
    finally:
        await server.stop(FINISH)


def _listen(server: Any, address: str, tls: Callable[[], Pem] | None) -> int:
    if tls is None:
        return int(server.add_insecure_port(address))
    used = tls()

    def changed() -> Any:
        """Return what connections begin with from this one on, None for the same as before; gRPC keeps what it gets."""
        nonlocal used
        newest = tls()
        if newest is used:
            return None
        used = newest
        return _configuration(newest)

    credentials = grpc.dynamic_ssl_server_credentials(
        _configuration(used), changed, require_client_authentication=used[2] is not None
    )
    return int(server.add_secure_port(address, credentials))


def _configuration(pem: Pem) -> Any:
    certificate, key, client_ca = pem
    return grpc.ssl_server_certificate_configuration([(key, certificate)], root_certificates=client_ca)


async def _check(
    service: Service,
    callers: Callers,
    tell: Callable[[dict[str, Any]], None],
    question: wire.CheckRequest,
    context: Any,
) -> wire.CheckResponse:
    """Answer one question, and leave one event, whatever happens."""
    began = service.clock.monotonic()
    event: dict[str, Any] = {"event": "request", "method": "Check", "route": ROUTE}
    try:
        response = await ask_at_the_gate(
            service.verify,
            partial(_caller, callers, context),
            partial(_original, question.attributes.request.http),
            tell=event.update,
        )
    except Exception:  # noqa: BLE001 - the last line; nothing may leave here unanswered
        _log.exception("a fault of ours")
        response = internal_error()
    tell(event | {"status": response.status, "seconds": round(service.clock.monotonic() - began, 6)})
    return _answer(response)


def _caller(callers: Callers, context: Any) -> Caller:
    metadata = [(key, value) for key, value in context.invocation_metadata() or () if isinstance(value, str)]
    bearers = (_BEARER.fullmatch(value) for key, value in metadata if key == "authorization")
    tokens = [bearer[1] for bearer in bearers if bearer is not None]
    tokens += [value for key, value in metadata if key == "x-auth-token"]
    return callers.recognise(tokens, _names(context.auth_context()))


def _names(shown: dict[str, list[bytes]]) -> Iterator[tuple[str, str]]:
    for kind, key in (("DNS", "peer_dns"), ("URI", "peer_uri")):
        for name in shown.get(key, ()):
            yield kind, name.decode("ascii", "replace")


async def _original(http: wire.HttpRequest, options: GatewayOptions) -> SignedRequest:
    """Put the client's request together.

    Raises:
        Malformed: It cannot have come over HTTP.
    """
    headers = list(_headers(http))
    body = http.raw_body or http.body.encode()
    form = any(
        name == "content-type" and value.split(";")[0].strip().lower() == _FORM for name, value in headers
    )
    partial_body = ("x-envoy-auth-partial-body", "true") in headers
    if not http.host:
        raise Malformed("the question names no host")
    return client_request(
        http.method,
        http.path,
        http.host,
        headers,
        options,
        body=body if body and form and not partial_body else None,
    )


def _headers(http: wire.HttpRequest) -> Iterator[tuple[str, str]]:
    """Give the headers in either form that Envoy has; joined by commas in the first, each by itself in the second."""
    for name, value in http.headers.items():
        if not name.startswith(":"):
            yield name, value
    for header in http.header_map.headers:
        if not header.key.startswith(":"):
            yield header.key, field_text(header.raw_value) if header.raw_value else header.value


def _answer(response: web.Response) -> wire.CheckResponse:
    code = _CODES.get(response.status, _INTERNAL)
    headers = [
        _overwriting(name, value)
        for name, value in response.headers.items()
        if name.lower() != "content-length"
    ]
    if code == 0:
        identity = [option for option in headers if option.header.key.startswith("x-auth-")]
        allowed = wire.OkResponse(headers=identity, headers_to_remove=["x-auth-token"])
        return wire.CheckResponse(status=wire.Status(code=code), ok_response=allowed)
    denied = wire.DeniedResponse(
        status=wire.HttpStatus(code=response.status), headers=headers, body=(response.text or "")
    )
    return wire.CheckResponse(status=wire.Status(code=code), denied_response=denied)


def _overwriting(name: str, value: str) -> wire.HeaderOption:
    header = wire.HeaderValue(key=name.lower(), value=value)
    return wire.HeaderOption(header=header, append_action=wire.HeaderOption.OVERWRITE_IF_EXISTS_OR_ADD)
