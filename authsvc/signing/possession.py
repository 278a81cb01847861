"""The SOAP operation by which a key's holder says whose certificate it shall be.

::

    <RegisterCertificate xmlns="urn:authsvc:certificates">
      <UserId>3f2504e0-4f89-11d3-9a0c-0305e82c3301</UserId>
    </RegisterCertificate>
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lxml import etree

if TYPE_CHECKING:
    from authsvc.signing.soapclaim import SoapClaim

NAMESPACE: Final = "urn:authsvc:certificates"


def made_for(claim: SoapClaim) -> str | None:
    """Return the user whom a proof of possession names, ``""`` where it names nobody; None if it is no such operation."""
    if claim.operation != (NAMESPACE, "RegisterCertificate"):
        return None
    operation = etree.fromstring(claim.body)[0]
    return (operation.findtext(f"{{{NAMESPACE}}}UserId") or "").strip()
