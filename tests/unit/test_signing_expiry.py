"""The end a CloudStack request carries: when it has one, and in which forms."""

import pytest

from authsvc import signing
from authsvc.errors import MalformedParameters
from tests.cloudstack_requests import KEY, PLAIN, STRICT, encode, get, proven, sign, signed


def test_version_3_needs_an_end():
    for sent in ({**PLAIN, "signatureVersion": "3"}, {**PLAIN, "signatureVersion": "3", "expires": ""}):
        with pytest.raises(MalformedParameters, match="needs expires"):
            signing.read((STRICT,), signed(sent))


@pytest.mark.parametrize("version", [None, "", "1", "2", "03", " 3", "3.0", "٣"])
def test_any_other_version_is_timeless_whatever_expires_says(version):
    sent = {**PLAIN, "expires": "yesterday"} | ({} if version is None else {"signatureVersion": version})

    assert proven(signed(sent)).expires_at is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2030-01-01T00:00:00Z", 1893456000.0),
        ("2030-01-01T00:00:00+00:00", 1893456000.0),
        ("2030-01-01T00:00:00-00:00", 1893456000.0),
        ("2030-01-01T00:00+00:00", 1893456000.0),
        ("2030-01-01T00:00:00+01", 1893452400.0),
        ("2011-10-10T12:00:00+0530", 1318228200.0),
        ("2030-01-01T00:00:00.5Z", 1893456000.5),
        ("2030-01-01T00:00:00.123Z", 1893456000.123),
        ("2030-01-01T00:00:00.123456Z", 1893456000.123456),
        ("2030-01-01T00:00:00.123456+0000", 1893456000.123456),
        ("2030-01-01T00:00:00.123456+05", 1893438000.123456),
        ("2030-01-01T00:00:00.123456-0530", 1893475800.123456),
        ("2030-01-01T00:00:00Z+0000", 1893456000.0),
        ("2030-01-01T00:00:00Z+0530", 1893436200.0),
        ("2024-02-29T23:59:59+18:00", 1709186399.0),
        ("1960-01-01T00:00:00Z", -315619200.0),
    ],
)
def test_expires_is_read_in_every_form_cloudstack_knows(text, seconds):
    assert proven(signed({**PLAIN, "signatureVersion": "3", "expires": text})).expires_at == seconds


@pytest.mark.parametrize(
    "text",
    [
        "2030-01-01T00:00:00",
        "2030-01-01T00:00:00.000+0100",
        "2030-01-01 00:00:00Z",
        "2030-1-1T00:00:00Z",
        "2030-01-01T24:00:00Z",
        "2030-01-01T24:00:00+0000",
        "2030-01-01T23:60:00Z",
        "2030-01-01T23:59:60Z",
        "20300101T000000Z",
        "2030-02-30T00:00:00+0000",
        "2030-02-30T00:00:00Z",
        "2029-02-29T00:00:00Z",
        "2030-13-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "2030-01-01T00:00:00+18:01",
        "2030-01-01T00:00:00+1900",
        "2030-01-01T00:00:00+0060",
        "2030-01-01T00:00+0000",
        "2030-01-01T00:00:00.1234567890Z",
        "2030-01-01T00:00:00.Z",
        "2030-01-01T00:00:00,5Z",
        "2030-01-01T00:00:00Z+00:00",
        "2030-01-01T00:00:00.123456Z+0000",
        "2030-01-01t00:00:00z",
        "2030-01-01T00:00:00ZZ",
        "2030-01-01T00:00:00Z\n",
        " 2030-01-01T00:00:00Z",
        "٢٠٣٠-01-01T00:00:00Z",
        "1893456000",
        "nan",
        "3",
    ],
)
def test_expires_in_any_other_form_is_refused(text):
    with pytest.raises(MalformedParameters, match="no time in a form") as refused:
        signing.read((STRICT,), signed({**PLAIN, "signatureVersion": "3", "expires": text}))

    assert refused.value.access_key == KEY


def test_a_plus_sent_bare_in_expires_is_named_as_the_cause():
    sent = {**PLAIN, "signatureVersion": "3", "expires": "2030-01-01T00:00:00+0000"}
    query = encode({**sent, "signature": sign(sent)}).replace("%2B0000", "+0000")

    with pytest.raises(MalformedParameters, match="%2B"):
        signing.read((STRICT,), get(query))
