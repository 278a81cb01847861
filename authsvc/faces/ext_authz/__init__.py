"""The ext-authz face: Envoy asks here with the client's own method and path, over HTTP or gRPC."""

from __future__ import annotations

from authsvc.faces.ext_authz.routes import FACE

__all__ = ["FACE"]
