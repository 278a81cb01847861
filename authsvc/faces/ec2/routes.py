"""The EC2 face's routes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authsvc.faces.dialects import CERTIFICATES, QUERY, SOAP
from authsvc.faces.ec2 import certificates, paths, query, soap
from authsvc.faces.ec2.exchange import route
from authsvc.faces.face import Face

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp import web

    from authsvc.faces.callers import Callers


def routes(callers: Callers) -> Sequence[web.RouteDef]:
    """List the routes for these callers."""
    return (
        route("POST", paths.SOAP, soap.authenticate, callers, dialect=SOAP, refuse=soap.refused),
        route("POST", paths.QUERY, query.authenticate, callers, dialect=QUERY, refuse=soap.refused),
        route("POST", paths.CERTIFICATES, certificates.register, callers, dialect=CERTIFICATES),
        route("GET", paths.CERTIFICATES, certificates.list_certificates, callers, dialect=CERTIFICATES),
        route("DELETE", paths.CERTIFICATE, certificates.revoke, callers, dialect=CERTIFICATES),
    )


FACE = Face(name="ec2", routes=routes)
