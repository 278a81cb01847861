"""The EC2 face: SOAP and Query messages for gateways, and the certificates that SOAP rests on."""

from __future__ import annotations

from authsvc.faces.ec2.routes import FACE

__all__ = ["FACE"]
