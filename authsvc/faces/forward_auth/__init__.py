"""The forward-auth face: gateways ask here, with headers of their own, about a request they hold back."""

from __future__ import annotations

from authsvc.faces.forward_auth.options import read_options
from authsvc.faces.forward_auth.routes import FACE

__all__ = ["FACE", "read_options"]
