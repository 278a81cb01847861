"""The scality face: CloudServer and Zenko ask here through their vaultclient."""

from __future__ import annotations

from authsvc.faces.scality.routes import FACE

__all__ = ["FACE"]
