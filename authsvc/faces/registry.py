"""The dialects, listed."""

from __future__ import annotations

from authsvc.faces import cloudstack, native

FACES = (native.FACE, cloudstack.FACE)
