"""SOAP messages taken apart and proven; the hostile ones are in tests/attacks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from lxml import etree

from authsvc.errors import MalformedEnvelope, NotSigned, SignatureMismatch, UnsupportedToken
from authsvc.signing import possession, wssecurity
from authsvc.signing.certificate import certified, from_pem
from authsvc.signing.soapclaim import Name
from tests import soap
from tests.people import NOW

SHAPES = {
    "plain": {},
    "SOAP 1.2": {"soap": soap.SOAP12},
    "SHA-1": {"algorithm": "rsa-sha1", "digest": "sha1"},
    "SHA-512": {"algorithm": "rsa-sha512", "digest": "sha512"},
    "token behind the signature": {"order": "signature token timestamp"},
    "timestamp first": {"order": "timestamp token signature"},
    "inclusive prefixes": {"prefixes": "s wsse wsu"},
    "an empty list of prefixes": {"prefixes": ""},
    "the default namespace": {"prefixes": "#default s", "declarations": 'xmlns="urn:x"'},
    "no Created": {"timestamp": f"<wsu:Expires>{soap.stamp(NOW + 300)}</wsu:Expires>"},
    "signed token": {"parts": ("id-1", "id-2", "CertId-1")},
    "CDATA and entities": {"body": f'<R xmlns="{soap.EC2}"><a><![CDATA[<&>]]></a><b>&#13;&amp;é</b></R>'},
    "xsi:type": {
        "body": f'<R xmlns="{soap.EC2}" xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:type="R"/>'
    },
}


@pytest.mark.parametrize("shape", SHAPES)
def test_what_clients_sign_is_proven(shape):
    by = soap.signer()
    claim = wssecurity.read(soap.message(by, NOW, **SHAPES[shape]))
    wssecurity.prove(claim, by.der)
    assert claim.certificate == by.der
    assert {"Body", "Timestamp"} <= {part.part for part in claim.parts}
    assert claim.expires == NOW + 300


@pytest.mark.parametrize("shape", SHAPES)
def test_nobody_elses_certificate_proves_it(shape):
    claim = wssecurity.read(soap.message(soap.signer(), NOW, **SHAPES[shape]))
    with pytest.raises(SignatureMismatch):
        wssecurity.prove(claim, soap.signer("alice", number=1).der)


def test_a_claim_says_what_the_message_says():
    by = soap.signer()
    block = '<x:a xmlns:x="urn:x"/><x:b xmlns:x="urn:x" wsu:Id="h"/>'
    claim = wssecurity.read(soap.message(by, NOW, blocks=block, parts=("id-1", "id-2", "h")))
    assert claim.operation == Name(soap.EC2, "DescribeRegions")
    assert claim.unsigned == (Name("urn:x", "a"),)
    assert (claim.soap, claim.algorithm, claim.created) == ("1.1", "rsa-sha256", NOW)
    assert claim.algorithms == {"rsa-sha256", "sha256"}
    assert claim.sha256 == by.sha256


def test_the_body_is_the_bytes_that_were_signed():
    raw = soap.message(soap.signer(), NOW, body=f"<R xmlns='{soap.EC2}'   b='2' a=\"1\"/>")
    body = wssecurity.read(raw).body
    assert b'<R xmlns="http://ec2.amazonaws.com/doc/2012-08-15/" a="1" b="2"></R>' in body
    assert body == soap.canonical(etree.fromstring(raw)[1])


def test_a_large_message_can_be_read_in_another_thread():
    raw = soap.message(soap.signer(), NOW, prefixes="#default s", declarations='xmlns="urn:x"')
    with ThreadPoolExecutor(1) as threads:
        claim = threads.submit(wssecurity.read, raw).result()
    wssecurity.prove(claim, soap.signer().der)


def test_white_space_in_base64_and_between_elements_is_no_matter():
    tree = etree.fromstring(soap.message(soap.signer(), NOW))
    for name in ("SignatureValue", "BinarySecurityToken"):
        element = tree.find(f".//{{*}}{name}")
        element.text = "\n".join(
            element.text[start : start + 64] for start in range(0, len(element.text), 64)
        )
    raw = etree.tostring(tree).replace(b"</s:Header>", b"\n</s:Header>\r\n ")
    claim = wssecurity.read(b'\xef\xbb\xbf<?xml version="1.0" encoding="UTF-8"?>\n' + raw + b"\n")
    wssecurity.prove(claim, soap.signer().der)


@pytest.mark.parametrize(
    ("error", "options"),
    [
        (NotSigned, {"parts": ("id-2",)}),
        (NotSigned, {"parts": ("id-1",)}),
        (MalformedEnvelope, {"timestamp": f"<wsu:Created>{soap.stamp(NOW)}</wsu:Created>"}),
        (MalformedEnvelope, {"created": NOW, "expires": NOW - 1}),
        (MalformedEnvelope, {"body": ""}),
        (MalformedEnvelope, {"parts": ("id-1", "id-2", "id-1")}),
    ],
)
def test_what_is_not_of_the_shape_is_refused(error, options):
    options = {"created": NOW, **options}
    with pytest.raises(error):
        wssecurity.read(soap.message(soap.signer(), **options))


@pytest.mark.parametrize(
    ("der", "why"),
    [
        (b"", "no X.509"),
        (b"0\x03\x02\x01\x01", "no X.509"),
        (soap.signer().der[:-1], "no X.509"),
        (soap.signer().der + b"\0", "no X.509"),
        (b"\0" * 9000, "too large"),
    ],
)
def test_what_is_no_certificate_is_refused(der, why):
    with pytest.raises(UnsupportedToken, match=why):
        certified(der)


def test_an_elliptic_key_is_refused():
    from tests.certificates import Authority

    with pytest.raises(UnsupportedToken, match="RSA"):
        certified(from_pem(Authority().certificate))


def test_a_certificate_that_cannot_be_read_proves_nothing():
    claim = wssecurity.read(soap.message(soap.signer(), NOW))
    with pytest.raises(SignatureMismatch):
        wssecurity.prove(claim, b"no certificate")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (soap.DESCRIBE_REGIONS, None),
        (
            f'<RegisterCertificate xmlns="{possession.NAMESPACE}"><UserId> u-1 </UserId></RegisterCertificate>',
            "u-1",
        ),
        (f'<RegisterCertificate xmlns="{possession.NAMESPACE}"/>', ""),
        ("<RegisterCertificate><UserId>u-1</UserId></RegisterCertificate>", None),
    ],
)
def test_a_proof_of_possession_names_whom_it_is_for(body, named):
    assert possession.made_for(wssecurity.read(soap.message(soap.signer(), NOW, body=body))) == named


def test_s3_soap_is_told_what_to_use_instead():
    raw = (
        f'<s:Envelope xmlns:s="{soap.SOAP11}"><s:Body><ListAllMyBuckets xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        "<Signature>eA==</Signature></ListAllMyBuckets></s:Body></s:Envelope>"
    )
    with pytest.raises(UnsupportedToken, match="S3 REST API, signed with Signature Version 4"):
        wssecurity.read(raw.encode())


def test_a_certificate_says_its_legacy_id():
    about = certified(soap.signer().der)
    assert about.legacy_id == "CN=alice, C=GB, serial=64660679105"
