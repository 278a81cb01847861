"""The CloudStack face: ``/client/api`` as unmodified clients of CloudStack speak it."""

from __future__ import annotations

from authsvc.faces.cloudstack.client_api import FACE

__all__ = ["FACE"]
