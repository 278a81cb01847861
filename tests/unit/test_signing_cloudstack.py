"""CloudStack's API signature: what it says, what proves it, and whose spellings are tolerated."""

import base64

import pytest

from authsvc import signing
from authsvc.errors import (
    Malformed,
    MalformedParameters,
    MultipleMechanisms,
    SignatureMismatch,
    Unsigned,
)
from authsvc.model import Secret
from authsvc.signing import SignedRequest
from authsvc.signing.cloudstack import CLIENTS, SERVER, CloudStack, Spelling, canonical_string
from authsvc.signing.s3v2 import S3V2
from authsvc.signing.sigv4 import SigV4
from tests.cloudstack_requests import (
    FORM,
    KEY,
    LENIENT,
    PLAIN,
    SECRET,
    STRICT,
    encode,
    get,
    post,
    proven,
    sign,
    signed,
)


def test_a_claim_says_what_the_request_says_of_itself():
    claim = proven(signed(PLAIN))

    assert claim.scheme == "cloudstack"
    assert claim.access_key == KEY
    assert claim.payload == "none"
    assert claim.algorithm == "HmacSHA1"
    assert (claim.signed_at, claim.expires_at, claim.scope, claim.token) == (None, None, None, None)
    assert not claim.presigned


def test_sha512_is_told_by_the_signatures_length():
    assert proven(signed(PLAIN, digest="sha512")).algorithm == "HmacSHA512"


@pytest.mark.parametrize(("digest", "kept"), [("sha1", "HmacSHA512"), ("sha512", "HmacSHA1")])
def test_a_digest_that_is_not_read_is_malformed(digest, kept):
    with pytest.raises(MalformedParameters, match="length"):
        CloudStack(algorithms=frozenset({kept})).read(signed(PLAIN, digest=digest))


@pytest.mark.parametrize("names", [("apikey", "SIGNATURE"), ("APIKEY", "Signature"), ("aPiKeY", "signature")])
def test_reserved_names_are_found_in_any_case(names):
    key_name, signature_name = names
    sent = {key_name: KEY, "command": "listUsers", "SignatureVersion": "3", "EXPIRES": "2030-01-01T00:00:00Z"}
    claim = proven(get(encode({**sent, signature_name: sign(sent)})))

    assert claim.access_key == KEY
    assert claim.expires_at == 1893456000.0


def test_names_are_sorted_as_sent_and_only_then_lowered():
    sent = {**PLAIN, "Zone": "1", "alpha": "2", "vmid": "3", "vmSnapshotId": "4"}

    (text,) = proven(signed(sent)).strings_to_sign

    assert text.split("&")[0] == "zone=1"
    assert text.endswith("vmsnapshotid=4&vmid=3")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "length"),
        ("!!!!", "Base64"),
        ("YWJj", "length"),
        ("é", "Base64"),
        (base64.b64encode(bytes(19)).decode(), "length"),
        (base64.b64encode(bytes(32)).decode(), "length"),
        (base64.b64encode(bytes(20)).decode().rstrip("="), "Base64"),
        (base64.b64encode(bytes(20)).decode() + "\n", "Base64"),
        ("A" * 26 + "B=", "canonical"),
        (base64.urlsafe_b64encode(b"\xff" * 20).decode(), "Base64"),
        ("AAAA" * 5000, "length"),
    ],
)
def test_a_signature_is_strict_base64_of_a_digests_length(given, said):
    with pytest.raises(MalformedParameters, match=said) as refused:
        STRICT.read(get(encode({**PLAIN, "signature": given})))

    assert refused.value.access_key == KEY
    assert not given or given not in refused.value.message


def test_a_plus_sent_bare_is_named_as_the_cause():
    page = next(str(n) for n in range(200) if "+" in sign({**PLAIN, "page": str(n)}))
    sent = {**PLAIN, "page": page}
    query = encode(sent) + "&signature=" + sign(sent).replace("/", "%2F").replace("=", "%3D")

    with pytest.raises(MalformedParameters, match="%2B"):
        signing.read((STRICT,), get(query))
    with pytest.raises(MalformedParameters, match="%2B"):
        signing.read((STRICT,), post(query))


AWKWARD = {
    "cs": ("a~b*c", {"literal": "*~"}),
    "cloudmonkey": ("a~b*c", {"literal": "~"}),
    "libcloud": ("a~b*c[0]", {"literal": "*~[]", "fold": True}),
}


@pytest.mark.parametrize(("value", "how"), AWKWARD.values(), ids=AWKWARD)
def test_other_clients_spellings_are_admitted_only_where_lenient(value, how):
    request = signed({**PLAIN, "vmid": "7", "vmSnapshotId": value}, **how)

    proven(request, LENIENT)
    with pytest.raises(SignatureMismatch):
        proven(request, STRICT)


@pytest.mark.parametrize("scheme", [STRICT, LENIENT])
def test_the_servers_own_spelling_is_always_admitted_and_always_first(scheme):
    sent = {**PLAIN, "vmid": "7", "vmSnapshotId": "~*[0] é/+%7e"}

    claim = proven(signed(sent), scheme)

    assert claim.strings_to_sign[0] == canonical_string(sent, SERVER)
    assert "%7e*%5b0%5d%20%c3%a9%2f%2b%257e" in claim.strings_to_sign[0]


def test_only_spellings_that_differ_are_added():
    assert len(proven(signed(PLAIN), LENIENT).strings_to_sign) == 1
    assert len(proven(signed({**PLAIN, "x": "~"}), LENIENT).strings_to_sign) == 2
    assert len(proven(signed({**PLAIN, "x": "~*["}), LENIENT).strings_to_sign) == 1 + len(CLIENTS)


def test_no_spelling_lets_a_value_end_early():
    for spelling in (SERVER, *CLIENTS, Spelling(literal="*~[]")):
        text = canonical_string({"a": "1&b=2", "c": "%26"}, spelling)

        assert text == "a=1%26b%3d2&c=%2526"


@pytest.mark.parametrize(
    ("request_", "recognised"),
    [
        (get("apiKey=a&signature=b"), True),
        (get("APIKEY&SIGNATURE"), True),
        (get("%61pikey=a&s%69gnature=b"), True),
        (post("apiKey=a&signature=b"), True),
        (post("signature=b", query="apiKey=a"), True),
        (get("apiKey=a"), False),
        (get("signature=b"), False),
        (get("userapikey=a&signature=b"), False),
        (get("x=apikey%3Da%26signature%3Db"), False),
        (get("apiKey=a&signature=b&AWSAccessKeyId=c"), False),
        (get("apiKey=a&signature=b&X-Amz-Algorithm=c"), False),
        (get("apiKey=a&signature=b&X%2DAmz%2DAlgorithm=c"), False),
        (post("AWSAccessKeyId=c", query="apiKey=a&signature=b"), False),
        (post("apiKey=a&signature=b", content_type="text/plain"), False),
        (post("apiKey=a&signature=b", content_type=None), False),
        (SignedRequest(method="GET", target="/", headers=()), False),
        (SignedRequest(method="GET", target="/?", headers=(FORM,), body=b""), False),
        (get("%zz&%ff=%&apiKey=a&signature=b"), True),
        (post(b"\xff\xfe&apiKey=a&signature=b"), True),
    ],
)
def test_the_mark_is_a_signature_beside_an_api_key(request_, recognised):
    assert STRICT.recognises(request_) is recognised


def test_a_second_mechanism_beside_it_is_refused():
    schemes = (SigV4(), S3V2(), STRICT)
    headers = (
        ("Authorization", "AWS4-HMAC-SHA256 Credential=x"),
        ("Authorization", "AWS key:c2lnbmF0dXJl"),
    )
    query = encode({**PLAIN, "signature": sign(PLAIN)})

    for header in headers:
        with pytest.raises(MultipleMechanisms):
            signing.read(schemes, get(query, header))
    with pytest.raises(Malformed):
        signing.read(schemes, get(f"{query}&X-Amz-Signature=x"))
    with pytest.raises(Unsigned):
        signing.read(schemes, get("apiKey=a"))


def test_an_empty_secret_proves_nothing():
    request = signed(PLAIN, secret="")

    with pytest.raises(SignatureMismatch):
        signing.prove((STRICT,), signing.read((STRICT,), request), Secret(""))


def test_a_mismatch_shows_what_was_signed_but_nothing_sent_in_confidence():
    sent = {
        **PLAIN,
        "password": "hunter2",
        "usersecretkey": "s3kr1t",
        "tags[0].value": "shown",
        "privateKey": "pem-text",
    }
    claim = signing.read((STRICT,), signed(sent, secret="another"))

    with pytest.raises(SignatureMismatch) as refused:
        signing.prove((STRICT,), claim, SECRET)

    text = refused.value.detail["string_to_sign"]
    assert "tags[0].value=shown" in text
    assert f"apikey={KEY}" in text
    assert text.count("(concealed)") == 3
    for confidential in ("hunter2", "s3kr1t", "pem-text", sign(sent)):
        assert confidential not in str(refused.value.detail)


def test_a_secret_of_any_letters_signs():
    for text in ("ключ", "a b", "k" * 4096):
        claim = signing.read((STRICT,), signed(PLAIN, secret=text))
        signing.prove((STRICT,), claim, Secret(text))
    with pytest.raises(SignatureMismatch):
        signing.prove((STRICT,), claim, Secret("\ud800"))
