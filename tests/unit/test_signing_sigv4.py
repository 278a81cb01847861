"""Signature V4 in the header: what is read, what is refused, and in which words."""

import dataclasses
import hashlib
from functools import partial

import pytest

from authsvc import signing
from authsvc.errors import (
    DuplicateParameter,
    Malformed,
    MalformedAuthorization,
    MissingDate,
    MissingPayloadHash,
    MultipleMechanisms,
    SignatureMismatch,
    UnknownMechanism,
    UnknownPayloadHash,
    UnsignedHeaders,
)
from authsvc.model import Secret
from authsvc.signing import Scope, SignedRequest
from authsvc.signing.canonical import canonical_headers, canonical_query, normalised_path
from authsvc.signing.s3v2 import S3V2
from authsvc.signing.sigv4 import SigV4, signature, signing_key
from tests import claims
from tests.signers import ACCESS_KEY, EMPTY, HOST, SECRET_KEY, STAMP, v4_header, v4_signature

SECRET = Secret(SECRET_KEY)
SCHEME = SigV4()
SCHEMES = (SCHEME, S3V2())
SCOPE = "20130524/us-east-1/s3/aws4_request"
BARE = (HOST, ("X-Amz-Date", STAMP), ("X-Amz-Content-Sha256", EMPTY))
SIGNED = "host;x-amz-content-sha256;x-amz-date"
EC2 = "20130524/us-east-1/ec2/aws4_request"
refused = partial(claims.refused, SCHEMES)


def proven(request):
    claim = signing.read(SCHEMES, request)
    signing.prove(SCHEMES, claim, SECRET)
    return claim


def test_an_empty_secret_proves_nothing():
    """Whoever finds a user without a secret key could sign as that user."""
    claim = signing.read(SCHEMES, v4_header())
    made = signature(signing_key(Secret(""), claim.scope), claim.strings_to_sign[0])
    with pytest.raises(SignatureMismatch):
        signing.prove(SCHEMES, claim.changed(signature=made), Secret(""))


def with_authorization(value, *more):
    headers = (*BARE, ("Authorization", value), *more)
    return SignedRequest(method="GET", target="/", headers=headers)


def test_what_a_claim_says():
    claim = proven(v4_header("PUT", "/bucket/k%20ey?partNumber=1", headers=(("Range", "bytes=0-9"),)))
    assert claim.scheme == "sigv4"
    assert claim.access_key == ACCESS_KEY
    assert claim.scope == Scope(date="20130524", region="us-east-1", service="s3")
    assert claim.signed_at == 1369353600.0
    assert claim.expires_at is None
    assert not claim.presigned
    assert claim.signed_headers == ("host", "range", "x-amz-content-sha256", "x-amz-date")
    assert claim.unsigned_query == ()
    assert (claim.payload, claim.body_sha256, claim.seen_body_sha256) == ("signed", EMPTY, None)
    assert claim.token is None
    assert claim.algorithm is None


def test_the_body_hash_the_caller_saw_is_reported_beside_the_signed_one():
    seen = hashlib.sha256(b"another body").hexdigest()
    assert proven(v4_header("PUT", body_sha256=seen)).seen_body_sha256 == seen
    assert proven(v4_header("PUT", body=b"another body")).seen_body_sha256 == seen
    assert proven(v4_header("PUT", body=b"another body", body_sha256=seen)).seen_body_sha256 == seen


def test_a_hash_that_is_not_the_one_of_the_body_beside_it_is_no_request():
    for body in (b"", b"a body"):
        with pytest.raises(Malformed, match="beside it"):
            SCHEME.read(v4_header("PUT", body=body, body_sha256="0" * 64))


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/bucket",
        "/bucket/",
        "/b//plain",
        "/b/x/../plain",
        "/b/./x",
        "/b/%E1%88%B4",
        "/b/ሴ",
        "/b/a%20b%2Bc~d",
        "/b/a+b",
        "/b/%25",
        "/b/%FF%FE",
        "/b/k;v=1:2@3!$&'()*,",
        "/b?a=1&a-b=2&a=0",
        "/b?uploads",
        "/b?k=",
        "/b?k=b&k=a",
        "/b?q=%20%2F%2b&empty=&&x=y=z",
        "/b?prefix=%E1%88%B4&c=%FF",
        "/b?a;b=c",
    ],
)
def test_awkward_targets_of_s3(target):
    proven(v4_header(target=target))


@pytest.mark.parametrize(
    ("signed", "sent"),
    [
        ("/b/x/../plain", "/b/plain"),
        ("/b/plain", "/b/x/../plain"),
        ("/b/plain", "/b//plain"),
        ("/b/plain", "/b/./plain"),
        ("/b/plain", "/b/plain/"),
        ("/b/p", "/b/%2570"),
        ("/b/%70", "/b/%2570"),
        ("/b/%2E%2E", "/b/%C0%AE%C0%AE"),
        ("/b/a%20b", "/b/a+b"),
        ("/b?a=1", "/b?a=1&b=2"),
        ("/b?a=1&b=2", "/b?a=1"),
        ("/b?k=b", "/b?k=b&k=a"),
        ("/b?k=b", "/b?k=b;k=a"),
        ("/b?acl", "/b"),
        ("/b", "/b?acl"),
        ("/b?a=%2B", "/b?a=+"),
        ("/b?a=%252F", "/b?a=%2F"),
    ],
)
def test_another_target_than_the_signed_one(signed, sent):
    with pytest.raises(SignatureMismatch):
        proven(dataclasses.replace(v4_header(target=signed), target=sent))


@pytest.mark.parametrize(
    ("signed", "sent"),
    [
        ("/b/a%2fb", "/b/a/b"),
        ("/b/%7e%41", "/b/~A"),
        ("/b/%c3%a9", "/b/%C3%A9"),
        ("/b?a=%20b", "/b?a=+b"),
        ("/b?acl", "/b?acl="),
        ("/b?x=1&a=2", "/b?a=2&x=1"),
        ("/b?a=1", "/b?&a=1&"),
    ],
)
def test_spellings_of_one_target_have_one_canonical_form(signed, sent):
    proven(dataclasses.replace(v4_header(target=signed), target=sent))


@pytest.mark.parametrize("method", ["HEAD", "get", "Get", "PUT"])
def test_the_method_is_signed_as_it_stands(method):
    with pytest.raises(SignatureMismatch):
        proven(dataclasses.replace(v4_header("GET"), method=method))


@pytest.mark.parametrize(
    ("sent", "normalised"),
    [
        ("/", "/"),
        ("/a/b/", "/a/b/"),
        ("/a/..", "/"),
        ("/a/b/..", "/a"),
        ("/../../a", "/a"),
        ("/a/./b//c", "/a/b/c"),
        ("/a%20b", "/a%2520b"),
        ("/a/%2e%2e/b", "/a/%252e%252e/b"),
        ("/é", "/%C3%A9"),
        ("/a+b~c", "/a%2Bb~c"),
    ],
)
def test_other_services_normalise_and_encode_twice(sent, normalised):
    assert normalised_path(sent) == normalised
    assert SCHEME.read(v4_header(target=sent, scope=EC2)).canonical_request.startswith(f"GET\n{normalised}\n")


def test_the_services_signed_the_s3_way_are_a_choice():
    request = v4_header(target="/b/x/../y", scope="20130524/r/storage/aws4_request")
    with pytest.raises(SignatureMismatch):
        SCHEME.prove(SCHEME.read(request), SECRET)
    chosen = SigV4(s3_services=frozenset({"storage"}))
    chosen.prove(chosen.read(request), SECRET)


@pytest.mark.parametrize("service", ["s3-object-lambda", "s3-outposts", "s3express"])
def test_s3_has_several_service_names(service):
    proven(v4_header(target="/b//x%20y", scope=f"20130524/us-east-1/{service}/aws4_request"))


def test_other_services_hash_the_body_where_no_hash_is_stated():
    form = b"Action=DescribeInstances&Version=2016-11-15"
    line = hashlib.sha256(form).hexdigest()
    request = v4_header("POST", "/", payload=None, line=line, scope=EC2, body=form, double=True)
    claim = proven(request)
    assert (claim.payload, claim.body_sha256, claim.seen_body_sha256) == ("signed", line, line)
    with pytest.raises(SignatureMismatch):
        proven(dataclasses.replace(request, body=form + b"&DryRun=true"))
    assert proven(dataclasses.replace(request, body=None, body_sha256=line)).body_sha256 == line
    empty = v4_header("GET", "/", payload=None, line=EMPTY, scope=EC2)
    assert proven(empty).body_sha256 == EMPTY


def test_a_stated_hash_goes_before_the_body_in_other_services():
    stated = hashlib.sha256(b"signed").hexdigest()
    claim = proven(v4_header("POST", "/", payload=stated, scope=EC2, body=b"sent"))
    assert claim.body_sha256 == stated
    assert claim.seen_body_sha256 == hashlib.sha256(b"sent").hexdigest()


@pytest.mark.parametrize(
    ("token", "mode"),
    [
        ("UNSIGNED-PAYLOAD", "unsigned"),
        ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", "streaming-unsigned-trailer"),
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "streaming"),
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "streaming-trailer"),
    ],
)
def test_no_payload_token_switches_the_check_off(token, mode):
    request = v4_header("PUT", payload=token)
    claim = proven(request)
    assert (claim.payload, claim.body_sha256) == (mode, None)
    with pytest.raises(SignatureMismatch):
        signing.prove(SCHEMES, claim.changed(signature="0" * 64), SECRET)
    with pytest.raises(SignatureMismatch):
        proven(dataclasses.replace(request, target="/bucket/other"))


@pytest.mark.parametrize("trailer", ["", "-TRAILER"])
def test_chunks_are_signed_by_the_algorithm_that_signed_the_request(trailer):
    refused(
        v4_header("PUT", payload=f"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD{trailer}"), UnknownPayloadHash
    )


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        EMPTY[:-1],
        EMPTY + "0",
        "unsigned-payload",
        "STREAMING-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILERS",
        "UNSIGNED-PAYLOAD,UNSIGNED-PAYLOAD",
        "٠" * 64,
    ],
)
def test_a_payload_line_nobody_defined(value):
    error = refused(v4_header(payload=value, line=value or "-"), UnknownPayloadHash)
    assert error.detail["argument_name"] == "x-amz-content-sha256"
    assert error.access_key == ACCESS_KEY


def test_s3_states_its_payload_hash():
    error = refused(v4_header(payload=None, line=EMPTY), MissingPayloadHash)
    assert error.message == "Missing required header for this request: x-amz-content-sha256"


def test_a_date_header_will_do():
    for date in ("Fri, 24 May 2013 00:00:00 GMT", "Fri, 24 May 2013 02:00:00 +0200", STAMP):
        claim = proven(v4_header(date=date))
        assert claim.signed_at == 1369353600.0


def test_the_amazon_date_goes_before_the_date():
    assert proven(v4_header(headers=(("Date", "nonsense"),))).signed_at == 1369353600.0


@pytest.mark.parametrize(
    "value", ["", "yesterday", "20130524", "20130532T000000Z", "Fri, 24 May 2013 00:00:00 GMT"]
)
def test_an_amazon_date_that_is_none(value):
    error = refused(v4_header(stamp=value), MissingDate)
    assert error.message == "AWS authentication requires a valid Date or x-amz-date header"


def test_no_date_at_all():
    headers = tuple(pair for pair in v4_header().headers if pair[0] != "X-Amz-Date")
    refused(SignedRequest(method="GET", target="/", headers=headers), MissingDate)


@pytest.mark.parametrize("scope", ["20130525/us-east-1/s3/aws4_request", "00000000/r/s3/aws4_request"])
def test_a_scope_of_another_day(scope):
    error = refused(v4_header(scope=scope), MalformedAuthorization)
    assert error.message == (
        "The authorization header is malformed; Invalid credential date. Date is not the same as X-Amz-Date."
    )


MALFORMED_CREDENTIAL = (
    'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
)


@pytest.mark.parametrize(
    ("credential", "said"),
    [
        ("AK", MALFORMED_CREDENTIAL),
        ("AK/20130524/us-east-1/s3", MALFORMED_CREDENTIAL),
        (f"/{SCOPE}", MALFORMED_CREDENTIAL),
        ("AK/20130524//s3/aws4_request", MALFORMED_CREDENTIAL),
        ("AK/20130524/us-east-1//aws4_request", MALFORMED_CREDENTIAL),
        (f"AK/{SCOPE}/", MALFORMED_CREDENTIAL),
        ("A" * 257 + "/" + SCOPE, MALFORMED_CREDENTIAL),
        (f"Aé/{SCOPE}", MALFORMED_CREDENTIAL),
        (
            "AK/20130524/us-east-1/s3/aws5_request",
            'incorrect terminal "aws5_request". This endpoint uses "aws4_request".',
        ),
        (f"AK/{SCOPE}/more", 'incorrect date format "us-east-1". This date in the credential'),
        (
            "AK/2013-05-24/us-east-1/s3/aws4_request",
            'incorrect date format "2013-05-24". This date in the credential must be in the format "yyyyMMdd".',
        ),
        ("AK/٢٠١٣٠٥٢٤/us-east-1/s3/aws4_request", MALFORMED_CREDENTIAL),
    ],
)
def test_a_credential_that_cannot_be_read(credential, said):
    value = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={SIGNED}, Signature={'0' * 64}"
    error = refused(with_authorization(value), MalformedAuthorization)
    assert error.message.startswith(f"The authorization header is malformed; {said}")


def test_an_access_key_may_hold_slashes():
    assert proven(v4_header(access_key="a/b/c")).access_key == "a/b/c"


COMPONENTS = (f"Credential=AK/{SCOPE}", f"SignedHeaders={SIGNED}", f"Signature={'0' * 64}")
THREE = "the authorization header requires three components: Credential, SignedHeaders, and Signature."


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (COMPONENTS[:2], THREE),
        ((*COMPONENTS, COMPONENTS[2]), THREE),
        ((*COMPONENTS, ""), THREE),
        ((COMPONENTS[0], COMPONENTS[0], COMPONENTS[2]), "missing SignedHeaders."),
        (("credential=x", *COMPONENTS[1:]), "missing Credential."),
        ((*COMPONENTS[:2], "Sig=x"), "missing Signature."),
        ((*COMPONENTS[:2], "Signature"), 'the authorization component "Signature" is malformed.'),
        ((*COMPONENTS[:2], "Signature="), 'the authorization component "Signature" is malformed.'),
        ((*COMPONENTS[:2], "Signature =0"), 'the authorization component "Signature" is malformed.'),
        ((*COMPONENTS[:2], "=0"), "missing Signature."),
        ((*COMPONENTS[:2], "wJalrXUtn"), "the authorization header's component is malformed."),
    ],
)
def test_components_missing_doubled_or_misspelt(parts, said):
    error = refused(with_authorization("AWS4-HMAC-SHA256 " + ", ".join(parts)), MalformedAuthorization)
    assert error.message == f"The authorization header is malformed; {said}"


@pytest.mark.parametrize("separator", [",", ", ", " , ", ",\t"])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_components_in_any_order_and_spacing(separator, order):
    request = v4_header()
    value = request.header("authorization").removeprefix("AWS4-HMAC-SHA256 ")
    parts = value.split(", ")
    changed = "AWS4-HMAC-SHA256  " + separator.join(parts[place] for place in order)
    headers = (*request.headers[:-1], ("Authorization", changed))
    proven(dataclasses.replace(request, headers=headers))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (
            "AWS4-HMAC-SHA256",
            "Authorization header is invalid -- one and only one ' ' (space) required.",
        ),
        (
            f"AWS4-HMAC-SHA256Credential=AK/{SCOPE},SignedHeaders=host,Signature=0",
            "Authorization header is invalid -- one and only one ' ' (space) required.",
        ),
        (f"AWS4-HMAC-SHA256X {', '.join(COMPONENTS)}", "Unsupported Authorization Type"),
        (f"AWS4-HMAC-SHA512 {', '.join(COMPONENTS)}", "Unsupported Authorization Type"),
        (f"AWS4-ECDSA-P256-SHA256 {', '.join(COMPONENTS)}", "Unsupported Authorization Type"),
        (f"aws4-hmac-sha256 {', '.join(COMPONENTS)}", "Unsupported Authorization Type"),
    ],
)
def test_mechanisms_of_another_name(value, said):
    error = refused(with_authorization(value), UnknownMechanism)
    assert (error.message, error.detail) == (said, {"argument_name": "Authorization"})


def test_two_authorization_headers():
    request = v4_header()
    for other in (request.headers[-1][1], "Bearer x", "AWS ak:sig"):
        headers = (*request.headers, ("authorization", other))
        refused(dataclasses.replace(request, headers=headers), MultipleMechanisms)


@pytest.mark.parametrize(
    "query",
    [
        "X-Amz-Credential=B%2F20130524%2Fus-east-1%2Fs3%2Faws4_request",
        "X-Amz-Signature=0",
        "X-Amz-Algorithm=AWS4-HMAC-SHA256",
        "X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256",
        "X-Amz-Security-Token=t",
        "X%2DAmz%2DCredential=B",
        "x-amz-credential=B",
        "x%2damz-Signature=0",
        "AWSAccessKeyId=B&Signature=x&Expires=1",
    ],
)
def test_a_signature_in_header_and_query(query):
    refused(v4_header(target=f"/b?{query}"), MultipleMechanisms)


@pytest.mark.parametrize("signed", ["host", "host;x-amz-content-sha256", "x-amz-content-sha256;x-amz-date"])
def test_host_and_amazon_headers_have_to_be_signed(signed):
    error = refused(v4_header(signed=signed), UnsignedHeaders)
    expected = {"host", "x-amz-date"} - set(signed.split(";"))
    assert error.detail == {"headers_not_signed": sorted(expected)}
    assert error.message == "There were headers present in the request which were not signed"


@pytest.mark.parametrize(
    "name",
    [
        "x-amz-copy-source",
        "X-Amz-Acl",
        "x-amz-meta-a",
        "X_Amz_Copy_Source",
        "x-amz_acl",
        "x.amz.acl",
        "x-amz-",
    ],
)
def test_an_amazon_header_put_on_afterwards(name):
    error = refused(v4_header(unsigned_headers=((name, "/secret/k"),)), UnsignedHeaders)
    assert error.detail == {"headers_not_signed": [name.lower()]}


def test_an_alias_is_refused_even_if_it_is_signed():
    refused(v4_header(headers=(("X_Amz_Acl", "public-read"),)), UnsignedHeaders)


def test_the_payload_hash_and_ordinary_headers_need_not_be_signed():
    extra = (("Content-Type", "text/plain"), ("X-Amzn-Trace-Id", "t"), ("X-Forwarded-Host", "evil"))
    proven(v4_header(signed="host;x-amz-date", unsigned_headers=extra))


@pytest.mark.parametrize(
    "signed",
    [
        ";",
        ";host;x-amz-content-sha256;x-amz-date",
        "host;;x-amz-content-sha256;x-amz-date",
        "host;host;x-amz-content-sha256;x-amz-date",
        "x-amz-date;x-amz-content-sha256;host",
        "Host;x-amz-content-sha256;x-amz-date",
        "absent;host;x-amz-content-sha256;x-amz-date",
        "host;x-amz-content-sha256;x-amz-date;é",
        "host:x-amz-content-sha256:x-amz-date",
    ],
)
def test_a_list_of_signed_headers_that_is_none(signed):
    error = refused(v4_header(signed=signed), MalformedAuthorization)
    assert error.message.startswith("The authorization header is malformed; the SignedHeaders list must")


@pytest.mark.parametrize("name", ["X-Amz-Date", "X-Amz-Content-Sha256", "X-Amz-Security-Token"])
def test_headers_that_decide_and_are_given_twice(name):
    extra = ((name, STAMP),) if name != "X-Amz-Security-Token" else ((name, "t"), (name, "u"))
    error = refused(v4_header(headers=extra), DuplicateParameter)
    assert error.detail == {"argument_name": name.lower()}


def test_header_values_are_trimmed_collapsed_and_joined_in_order():
    fields = {"a": ["x  y\t z"], "b": ["2", "1  2"], "c": [""], "d": ["é\xa0 \t\xa0\x0bz"]}
    assert canonical_headers(fields, fields) == "a:x y z\nb:2,1 2\nc:\nd:é\xa0 \xa0\x0bz\n"
    proven(v4_header(headers=(("X-Amz-Meta-A", "  a   b  "), ("X-Amz-Meta-A", "c"))))
    request = v4_header(headers=(("X-Amz-Meta-A", "1"), ("X-Amz-Meta-A", "2")))
    turned = (*request.headers[:2], *reversed(request.headers[2:4]), *request.headers[4:])
    with pytest.raises(SignatureMismatch):
        proven(dataclasses.replace(request, headers=turned))


def test_a_query_is_sorted_by_name_and_then_value():
    pairs = [("a-b", "1"), ("a", "2"), ("a", "1"), ("A", None), ("a", "%2f")]
    assert canonical_query(pairs) == "A=&a=%2F&a=1&a=2&a-b=1"


@pytest.mark.parametrize("name", ["X-Amz-Security-Token", "x-amz-s3session-token"])
def test_a_session_token_is_reported_and_has_to_be_signed(name):
    assert proven(v4_header(headers=((name, "the token"),))).token == "the token"
    refused(v4_header(unsigned_headers=((name, "the token"),)), UnsignedHeaders)


def test_two_session_tokens():
    tokens = (("X-Amz-Security-Token", "t"), ("X-Amz-S3session-Token", "u"))
    refused(v4_header(headers=tokens), DuplicateParameter)


def chain(error):
    """Yield an error and what it was raised beside, which whoever prints errors may print."""
    while error is not None:
        yield error
        error = error.__context__


def test_a_mismatch_says_what_was_signed_and_never_the_signature():
    request = v4_header(headers=(("X-Amz-Security-Token", "hush"), ("Range", "bytes=0-1")))
    claim = SCHEME.read(dataclasses.replace(request, target="/bucket/other"))
    with pytest.raises(SignatureMismatch) as caught:
        SCHEME.prove(claim, SECRET)
    detail = caught.value.detail
    assert set(detail) == {"canonical_request", "string_to_sign", "signature_provided"}
    assert detail["canonical_request"].startswith("GET\n/bucket/other\n")
    assert "range:bytes=0-1\n" in detail["canonical_request"]
    assert detail["string_to_sign"] == claim.strings_to_sign[0]
    assert detail["signature_provided"] == claim.signature
    said = repr([(error, vars(error)) for error in chain(caught.value)])
    right = signature(signing_key(SECRET, claim.scope), claim.strings_to_sign[0])
    assert right not in said
    assert "hush" not in said
    assert SECRET_KEY not in said


def test_encryption_keys_are_concealed_too():
    name = "x-amz-server-side-encryption-customer-key"
    claim = SCHEME.read(v4_header(headers=((name, "a2V5"), (f"{name}-md5", "bWQ1"))))
    with pytest.raises(SignatureMismatch) as caught:
        SCHEME.prove(claim, Secret("wrong"))
    shown = caught.value.detail["canonical_request"]
    assert f"{name}:(concealed)\n" in shown
    assert f"{name}-md5:bWQ1\n" in shown


@pytest.mark.parametrize("made", ["0" * 64, "é", "x", "0" * 63, "SIGNATURE"])
def test_signatures_that_are_none(made):
    claim = SCHEME.read(v4_header()).changed(signature=made)
    with pytest.raises(SignatureMismatch):
        SCHEME.prove(claim, SECRET)


def test_an_upper_case_signature_is_another_one():
    claim = SCHEME.read(v4_header())
    with pytest.raises(SignatureMismatch):
        SCHEME.prove(claim.changed(signature=claim.signature.upper()), SECRET)


def test_secrets_that_are_no_text_do_not_break_the_proof():
    claim = SCHEME.read(v4_header())
    for text in ("", "\udc80", "é" * 1000):
        with pytest.raises(SignatureMismatch):
            SCHEME.prove(claim, Secret(text))


def test_the_wrong_host_behind_a_right_looking_one():
    request = v4_header()
    headers = (("Host", "evil"), *request.headers[1:], ("X-Forwarded-Host", HOST[1]))
    with pytest.raises(SignatureMismatch):
        proven(dataclasses.replace(request, headers=headers))
    refused(dataclasses.replace(request, headers=(HOST, *request.headers)), DuplicateParameter)


def test_the_scope_is_signed():
    request = v4_header()
    for old, new in (("us-east-1", "us-west-1"), ("/s3/", "/s3-outposts/")):
        value = request.headers[-1][1].replace(old, new)
        headers = (*request.headers[:-1], ("Authorization", value))
        with pytest.raises(SignatureMismatch):
            proven(dataclasses.replace(request, headers=headers))


def test_the_twin_signer_is_not_ours():
    """Guards the tests themselves: one figure of the documentation through the test signer."""
    made = v4_signature(
        "GET",
        "/?max-keys=2&prefix=J",
        [
            ("Host", "examplebucket.s3.amazonaws.com"),
            ("x-amz-content-sha256", EMPTY),
            ("x-amz-date", STAMP),
        ],
        SIGNED,
        EMPTY,
        scope=SCOPE,
    )
    assert made == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
