"""`authsvc explain` of a SOAP envelope."""

from __future__ import annotations

import dataclasses

import pytest

from authsvc.cli.envelope import explain_envelope, is_envelope
from authsvc.model import Certificate
from authsvc.service.soap_policy import SoapPolicy
from tests import soap
from tests.people import NOW

KEPT = Certificate(sha256=soap.signer().sha256, der=soap.signer().der, user_id="u", created=NOW)


@pytest.fixture
def explained(capsys):
    def explain(raw, *, registered=KEPT, now=NOW, **policy):
        accepted = explain_envelope(raw.decode(), policy=SoapPolicy(**policy), now=now, registered=registered)
        return accepted, capsys.readouterr().out

    return explain


def test_a_good_message_is_told_part_by_part(explained):
    raw = soap.message(soap.signer(), NOW, blocks='<x:a xmlns:x="urn:x"/>')
    accepted, told = explained(raw)
    assert accepted
    for line in (
        "scheme: soap 1.1",
        f"operation: {{{soap.EC2}}}DescribeRegions",
        f"certificate: {soap.signer().sha256}",
        "issuer and serial number: CN=alice, C=GB, serial=64660679105",
        "not signed: header block {urn:x}a",
        "verdict: the signature matches",
    ):
        assert line in told
    assert "<ds:SignedInfo" in told
    assert "refused" not in told


@pytest.mark.parametrize(
    ("raw", "options", "told"),
    [
        (
            soap.message(soap.signer(), NOW).replace(b"regionSet", b"regionSex"),
            {},
            "the Body is not what was signed",
        ),
        (
            soap.message(soap.signer("mallory", number=3), NOW, token=soap.signer().der),
            {},
            "SignatureMismatch",
        ),
        (soap.message(soap.signer(), NOW - 3600), {}, "Expired"),
        (soap.message(soap.signer(), NOW, algorithm="rsa-sha1"), {}, "AUTHSVC_SOAP_SHA1"),
        (soap.message(soap.signer(), NOW), {"registered": None}, "not registered here"),
        (
            soap.message(soap.signer(), NOW),
            {"registered": dataclasses.replace(KEPT, revoked=NOW)},
            "was revoked at",
        ),
        (soap.message(soap.signer(), NOW), {"least_bits": 4096}, "at least 4096 bits"),
        (soap.message(soap.signer(), NOW, parts=("id-1",)), {}, "NotSigned"),
        (soap.message(soap.signer(), NOW, token=b"no certificate"), {}, "no X.509 certificate"),
        (b"<x/>", {}, "rule: Count:Envelope"),
    ],
)
def test_what_is_wrong_is_told(explained, raw, options, told):
    accepted, said = explained(raw, **options)
    assert not accepted
    assert told in said


def test_who_did_not_look_says_so(explained):
    accepted, told = explained(soap.message(soap.signer(), NOW), registered=False)
    assert accepted
    assert "give --look-up" in told


@pytest.mark.parametrize(
    ("text", "xml"),
    [("\ufeff\n<a/>", True), ("GET / HTTP/1.1", False), ('{"a": "<"}', False), ("> GET /", False)],
)
def test_an_envelope_is_told_from_a_dump(text, xml):
    assert is_envelope(text) is xml
