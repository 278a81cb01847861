"""Chunks: what stands in their strings to sign, and how long their signatures are."""

import pytest

from authsvc.errors import SignatureMismatch
from authsvc.signing.chunks import canonical_trailer, chunk_string_to_sign, padded, unpadded


def test_the_published_first_chunk_of_the_symmetric_algorithm():
    """From "Signature calculations for the Authorization header: transferring payload in multiple chunks"."""
    assert chunk_string_to_sign(
        algorithm="AWS4-HMAC-SHA256",
        timestamp="20130524T000000Z",
        scope="20130524/us-east-1/s3/aws4_request",
        previous_signature="4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
        chunk=b"a" * 65536,
    ) == (
        "AWS4-HMAC-SHA256-PAYLOAD\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n"
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9\n"
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"
        "bf718b6f653bebc184e1479f1935b8da974d701b893afcf49e701f3e2f9f9c5a"
    )


@pytest.mark.parametrize(
    ("fields", "written"),
    [
        ([], "\n"),
        ([("b", "2"), ("A", "1")], "a:1\nb:2\n"),
        ([("X-Amz-Checksum-CRC32", " AAAAAA== ")], "x-amz-checksum-crc32:AAAAAA==\n"),
    ],
)
def test_a_trailer_has_one_spelling(fields, written):
    assert canonical_trailer(fields) == written


@pytest.mark.parametrize("length", [136, 138, 140, 142, 144])
def test_what_was_padded_is_what_it_was(length):
    made = "30" * (length // 2)
    assert len(padded(made)) == 144
    assert unpadded(padded(made)) == made


@pytest.mark.parametrize("sent", ["", "30" * 71, "*" * 143, "30" * 72 + "*"])
def test_a_signature_of_another_length_is_none(sent):
    with pytest.raises(SignatureMismatch):
        unpadded(sent)
