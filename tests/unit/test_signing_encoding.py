"""Percent-encoding: one canonical spelling of every byte."""

from urllib.parse import quote_from_bytes, unquote_to_bytes

import pytest

from authsvc.errors import SignatureMismatch
from authsvc.signing.encoding import decode, recode, recode_path, require_same, uri_encode

BYTES = [text for byte in range(256) for text in (f"%{byte:02X}", f"%{byte:02x}")]


def test_fast_paths_say_what_decoding_and_encoding_once_says():
    for spelt in [*BYTES, "aé%2fb", "%41%2D~", "%E4", "é", "", "a+b", "%25%32%46"]:
        text = f"k-{spelt}.~_"
        assert recode(text) == quote_from_bytes(unquote_to_bytes(text), safe="")
        assert recode_path(f"/{text}/") == quote_from_bytes(unquote_to_bytes(f"/{text}/"), safe="/")


def test_the_canonical_form_is_a_fixed_point():
    for spelt in BYTES:
        assert recode(recode(spelt)) == recode(spelt)
        assert recode_path(recode_path(spelt)) == recode_path(spelt)


def test_uri_encode_keeps_only_the_unreserved():
    kept = bytes(byte for byte in range(256) if uri_encode(bytes([byte])) == chr(byte))
    assert kept == b"-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"


@pytest.mark.parametrize(
    ("encoded", "text"),
    [("plain", "plain"), ("a+b%2Bc", "a b+c"), ("%C3%A9", "é"), ("%FF", None), ("a%C3", None)],
)
def test_decode(encoded, text):
    assert decode(encoded) == text


@pytest.mark.parametrize("presented", ["", "ab", "abcd", "äbc", "\udcff", "ABC"])
def test_a_signature_is_compared_as_bytes_whatever_it_holds(presented):
    require_same("abc", "abc")
    with pytest.raises(SignatureMismatch):
        require_same(presented, "abc")
