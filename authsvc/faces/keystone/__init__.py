"""The Keystone face: what object stores made for OpenStack's identity service ask, over users of CloudStack."""

from __future__ import annotations

from authsvc.faces.keystone.routes import face
from authsvc.faces.keystone.rules import Rules

__all__ = ["Rules", "face"]
