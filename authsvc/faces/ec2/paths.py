"""Where the EC2 face is spoken to, and in which media types."""

from __future__ import annotations

from typing import Final

SOAP: Final = "/v1/ec2/soap/authenticate"
QUERY: Final = "/v1/ec2/query/authenticate"
CERTIFICATES: Final = "/v1/users/{id}/certificates"
CERTIFICATE: Final = CERTIFICATES + "/{sha256}"
ENVELOPES: Final = frozenset({"text/xml", "application/soap+xml"})
"""What an envelope is sent as."""
