"""The vault face: stores that keep their users' keys in HashiCorp Vault read them here instead (KV v1 and v2)."""

from __future__ import annotations

from authsvc.faces.vault.options import read_options
from authsvc.faces.vault.routes import FACE

__all__ = ["FACE", "read_options"]
