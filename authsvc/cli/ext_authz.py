"""The port for Envoy's questions over gRPC, whose library is there only where the extra is installed."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from authsvc.cli.extras import missing

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from authsvc.app import Tell
    from authsvc.faces.callers import Callers
    from authsvc.faces.ext_authz.check import Pem
    from authsvc.service.service import Service
    from authsvc.settings import Settings


def check_port(settings: Settings, *, shared: bool = False) -> None:
    """Return if the port, where one is set, could be opened.

    Raises:
        ValueError: Its library is missing; or it is 0, and ``shared`` by workers, each of which would have another.
    """
    if settings.ext_authz_port is None:
        return
    if shared and settings.ext_authz_port == 0:
        raise ValueError("AUTHSVC_EXT_AUTHZ_PORT: 0 would be another port in each worker; name one")
    if importlib.util.find_spec("grpc") is None:
        raise missing("AUTHSVC_EXT_AUTHZ_PORT", "grpc")


def answered(
    settings: Settings,
    callers: Callers,
    service: Service,
    tell: Tell,
    *,
    tls: Callable[[], Pem] | None,
    shared: bool,
) -> AbstractAsyncContextManager[int]:
    """Answer there while the context is open, which gives the port.

    gRPC opens its own sockets, so that workers cannot inherit one: each opens the port, and the kernel chooses.

    Raises:
        ValueError: It cannot be opened.
    """
    check_port(settings, shared=shared)
    from authsvc.faces.ext_authz.check import checks  # noqa: PLC0415 - an extra

    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"{host}:{settings.ext_authz_port}"
    return checks(service, callers, address=address, tls=tls, tell=tell, shared=shared)
