"""signxml's verdict on a SOAP message: another implementation, used as its manual says and with the signer pinned."""

from __future__ import annotations

from cryptography import x509
from lxml import etree
from signxml import DigestAlgorithm, SignatureConfiguration, SignatureMethod, XMLVerifier

from tests.soap import EXC, WSSE

_ALGORITHMS = SignatureConfiguration(
    require_x509=False,
    expect_references=True,
    location=f"./*/{{{WSSE}}}Security/",
    signature_methods=frozenset(SignatureMethod),
    digest_algorithms=frozenset(DigestAlgorithm),
)


def second_opinion(raw: bytes, certificate: bytes) -> bytes | None:
    """Return the canonical Body that signxml verified; None where it cannot tell (a PrefixList with `#default`).

    Raises:
        signxml.InvalidInput, signxml.InvalidSignature: It says no.
    """
    tree = etree.fromstring(raw)
    if any(
        "#default" in each.get("PrefixList", "").split()
        for each in tree.iter(f"{{{EXC}}}InclusiveNamespaces")
    ):
        return None
    references = len(tree.findall(".//{http://www.w3.org/2000/09/xmldsig#}Reference"))
    verified = XMLVerifier().verify(
        tree,
        x509_cert=x509.load_der_x509_certificate(certificate),
        validate_schema=False,
        id_attribute="Id",
        expect_config=SignatureConfiguration(
            expect_references=references,
            location=_ALGORITHMS.location,
            signature_methods=_ALGORITHMS.signature_methods,
            digest_algorithms=_ALGORITHMS.digest_algorithms,
        ),
    )
    parts = verified if isinstance(verified, list) else [verified]
    (body,) = (
        part.signed_data
        for part in parts
        if part.signed_xml is not None and part.signed_xml.tag.endswith("}Body")
    )
    return body
