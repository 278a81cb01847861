"""The native face: JSON over HTTP for the region's own stores and gateways."""

from __future__ import annotations

from authsvc.faces.native.routes import FACE

__all__ = ["FACE"]
