"""Whatever comes in, each AWS scheme reads it or says Malformed; whatever was signed, nothing else passes for it."""

import dataclasses
import re
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as st

from authsvc.errors import Malformed, SignatureMismatch
from authsvc.model import Secret
from authsvc.signing import Claim, SignedRequest, prove, read
from authsvc.signing.s3v2 import S3V2
from authsvc.signing.sigv2 import SigV2
from authsvc.signing.sigv4 import SigV4
from tests.signers import SECRET_KEY, STAMP, query_api, v2_header, v4_header, v4_presigned

SECRET = Secret(SECRET_KEY)
V4, V2, QUERY = SigV4(), S3V2(), SigV2()
SCHEMES = (V4, V2, QUERY)
DATE = "Tue, 27 Mar 2007 19:36:42 +0000"

GARBAGE = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "",
            "0",
            "-1",
            "٦٠٠",
            "9" * 5000,
            "1e309",
            "nan",
            "\ud800",
            "%FF",
            "%",
            "+",
            ";",
            "host",
            "host;x-amz-date",
            STAMP,
            DATE,
            "20130524T999999Z",
            "99991231T235959Z",
            "00000000T000000Z",
            "Fri, 31 Dec 9999 23:59:59 -2359",
            "AKID/20130524/us-east-1/s3/aws4_request",
            "AKID/20130524/us-east-1/ec2/aws4_request",
            "AWS4-HMAC-SHA256",
            "AWS4-ECDSA-P256-SHA256",
            "UNSIGNED-PAYLOAD",
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ]
    ),
)


def mostly(good):
    """Draw the good value most of the time, so that what stands behind it is reached."""
    return st.integers(0, 5).flatmap(lambda roll: GARBAGE if roll == 0 else st.just(good))


CREDENTIAL = "AKID/20130524/us-east-1/s3/aws4_request"
SHA256 = "0" * 64
V4_HEADER = st.builds(
    "{} Credential={}, SignedHeaders={}, Signature={}".format,
    mostly("AWS4-HMAC-SHA256"),
    mostly(CREDENTIAL),
    mostly("host;x-amz-date"),
    mostly(SHA256),
)
V2_HEADER = st.builds("{} {}:{}".format, mostly("AWS"), mostly("AKID"), mostly("c2lnbmF0dXJl"))
EXTRA_HEADERS = st.lists(
    st.tuples(
        st.one_of(
            st.sampled_from(
                ["Host", "Date", "X-Amz-Date", "X-Amz-Security-Token", "X_Amz_Acl", "Authorization"]
            ),
            st.text(max_size=6),
        ),
        GARBAGE,
    ),
    max_size=1,
)
V4_HEADERS = st.builds(
    lambda host, date, line, authorization, extra: [
        ("Host", host),
        ("X-Amz-Date", date),
        ("X-Amz-Content-Sha256", line),
        ("Authorization", authorization),
        *extra,
    ],
    mostly("h"),
    mostly(STAMP),
    mostly("UNSIGNED-PAYLOAD"),
    V4_HEADER,
    EXTRA_HEADERS,
)
V2_HEADERS = st.builds(
    lambda date, authorization, extra: [("Date", date), ("Authorization", authorization), *extra],
    mostly(DATE),
    V2_HEADER,
    EXTRA_HEADERS,
)
QUERY_HEADERS = EXTRA_HEADERS.map(lambda extra: [("Host", "h"), *extra])
NAMES = ["X-Amz-Date", "X%2DAmz%2DSignature", "x-amz-content-sha256", "X-Amz-Security-Token"]
NAMES += ["AWSAccessKeyId", "SignatureVersion", "acl", "versionId", "response-expires", "x-amz-meta-a", ""]
EXTRA_PARAMETERS = st.lists(st.tuples(st.sampled_from(NAMES), GARBAGE), max_size=2)


def query_of(**parameters):
    """Spell a query, its values either encoded or raw."""
    return st.builds(
        lambda given, extra, encode: "&".join(
            f"{name.replace('_', '-')}={quote(value, safe='', errors='replace') if encode else value}"
            for name, value in [*given.items(), *extra]
        ),
        st.fixed_dictionaries({name: mostly(value) for name, value in parameters.items()}),
        EXTRA_PARAMETERS,
        st.booleans(),
    )


V4_QUERY = query_of(
    X_Amz_Algorithm="AWS4-HMAC-SHA256",
    X_Amz_Credential=CREDENTIAL,
    X_Amz_Date=STAMP,
    X_Amz_Expires="600",
    X_Amz_SignedHeaders="host",
    X_Amz_Signature=SHA256,
)
V2_QUERY = query_of(AWSAccessKeyId="AKID", Expires="1175139620", Signature="c2ln")
QUERY_API = query_of(
    Action="X",
    AWSAccessKeyId="AKID",
    SignatureVersion="2",
    SignatureMethod="HmacSHA256",
    Timestamp="2013-05-24T00:00:00Z",
    Signature="c2ln",
)
PLAIN_QUERY = st.one_of(st.just(""), query_of(acl="", k="v"))


def in_value(text):
    return re.sub(r"[\x00\r\n\ud800-\udfff]", "?", text)


def in_target(text):
    return re.sub(r"[\x00-\x20\x7f#\ud800-\udfff]|%(?![0-9A-Fa-f]{2})", "?", text)


def in_name(text):
    return re.sub(r"[^!$&'*+.^_`|~0-9A-Za-z-]", "_", text) or "_"


def made(method, path, query, headers, body):
    return SignedRequest(
        method=method,
        target=in_target(f"/{path}?{query}"),
        headers=tuple((in_name(name), in_value(value)) for name, value in headers),
        body=body,
    )


SHAPES = st.one_of(
    st.tuples(PLAIN_QUERY, V4_HEADERS),
    st.tuples(PLAIN_QUERY, V2_HEADERS),
    st.tuples(V4_QUERY, QUERY_HEADERS),
    st.tuples(V2_QUERY, QUERY_HEADERS),
    st.tuples(QUERY_API, QUERY_HEADERS),
)
REQUESTS_OF_ANY_KIND = st.builds(
    lambda method, path, shape, body: made(method, path, *shape, body),
    st.sampled_from(["GET", "PUT", "get"]),
    st.one_of(st.sampled_from(["", "b", "b/", "b/k", "b/%2e%2e/k"]), GARBAGE),
    SHAPES,
    st.none() | st.binary(max_size=4),
)


def outcome(call, *arguments):
    """Return what a call returned, or the refusal it raised; anything else it raises fails the test."""
    try:
        return call(*arguments)
    except (Malformed, SignatureMismatch) as error:
        return error


@settings(max_examples=300)
@given(REQUESTS_OF_ANY_KIND)
def test_reading_raises_malformed_and_nothing_else(request):
    for scheme in SCHEMES:
        if scheme.recognises(request):
            claim = outcome(scheme.read, request)
            assert type(claim) is not Malformed, "a leaf says which part it was"
            if isinstance(claim, Claim):
                event(f"{scheme.name} read")
                assert isinstance(outcome(scheme.prove, claim, SECRET), SignatureMismatch)


@settings(max_examples=300)
@given(REQUESTS_OF_ANY_KIND)
def test_reading_by_whichever_scheme_knows_it_raises_malformed_and_nothing_else(request):
    said = outcome(read, SCHEMES, request)
    event(type(said).__name__)
    assert isinstance(said, Claim | Malformed)
    assert type(said) is not Malformed


def wire(text):
    return quote(text, safe="!$'()*,:@;")


KEYS = st.lists(
    st.one_of(
        st.sampled_from(["a", "a b", "é", "..", ".", "", "~", "+", "%2F", "a=b", "k;v", "\U0001f600", "@:"]),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    ).map(wire),
    min_size=1,
    max_size=4,
).map(lambda parts: "/" + "/".join(parts))
QUERIES = st.lists(
    st.tuples(
        st.one_of(
            st.sampled_from(["prefix", "k", "k", "uploads", "a-b", "A", ""]),
            st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
        ).map(wire),
        st.one_of(
            st.none(),
            st.just(""),
            st.sampled_from(["a b", "/", "+", "~", "=", "é"]).map(wire),
            st.text(st.characters(exclude_categories=["Cs"]), max_size=6).map(wire),
        ),
    ),
    max_size=4,
).map(lambda pairs: "&".join(name if value is None else f"{name}={value}" for name, value in pairs))
METADATA = st.lists(
    st.tuples(
        st.sampled_from(["X-Amz-Meta-A", "x-amz-meta-b", "Content-Type", "Range"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=12),
    ),
    max_size=3,
    unique_by=lambda pair: pair[0],
)
SERVICES = st.sampled_from(["s3", "s3-outposts"])


def scope(service):
    return f"20130524/us-east-1/{service}/aws4_request"


@given(st.sampled_from(["GET", "PUT", "HEAD", "DELETE"]), KEYS, QUERIES, METADATA, SERVICES)
def test_what_was_signed_in_the_header_is_proven(method, key, query, headers, service):
    target = f"{key}?{query}" if query else key
    request = v4_header(method, target, headers=tuple(headers), scope=scope(service))
    V4.prove(V4.read(request), SECRET)


@given(st.sampled_from(["GET", "PUT", "HEAD", "DELETE"]), KEYS, QUERIES, METADATA, SERVICES)
def test_what_was_presigned_is_proven(method, key, query, headers, service):
    request = v4_presigned(method, key, query=query, headers=tuple(headers), scope=scope(service))
    V4.prove(V4.read(request), SECRET)


PARAMETERS = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6).map(lambda name: f"P{name}"),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    max_size=4,
)


@given(st.sampled_from(["GET", "POST", "HEAD"]), KEYS, PARAMETERS, st.sampled_from(["sha1", "sha256"]))
def test_what_was_signed_for_a_query_api_is_proven(method, path, parameters, digest):
    QUERY.prove(QUERY.read(query_api(method, path, digest=digest, **parameters)), SECRET)


def passes(request):
    claim = outcome(read, SCHEMES, request)
    return isinstance(claim, Claim) and outcome(prove, SCHEMES, claim, SECRET) is None


def meaning(target):
    """Say what a store would make of a target, by another route than ours."""
    path, _, query = target.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
    return unquote_to_bytes(path), sorted(pairs)


def flipped(text, place, bit):
    place %= len(text)
    return text[:place] + chr(ord(text[place]) ^ (1 << bit)) + text[place + 1 :]


def changed(request, **changes):
    try:
        return dataclasses.replace(request, **changes)
    except Malformed:
        return None


PLACES = st.integers(min_value=0, max_value=10_000)
BITS = st.integers(min_value=0, max_value=6)
SIGNED = v4_header(
    "PUT",
    "/bucket/a%20key+x/~y?partNumber=1&uploadId=a%2Fb",
    headers=(("X-Amz-Meta-A", "some value"), ("Content-Type", "text/plain")),
)
PRESIGNED = v4_presigned("PUT", "/bucket/a%20key", query="uploadId=x&acl", headers=(("Range", "b=0-9"),))
GENERIC = v4_header("POST", "/a/path?Action=X", scope="20130524/us-east-1/ec2/aws4_request", body=b"b")
V2_TEXT = f"PUT\n\ntext/plain\n{DATE}\nx-amz-meta-a:some value\n/bucket/a%20key?acl&versionId=1"
V2_SIGNED = v2_header(
    "PUT",
    "/bucket/a%20key?versionId=1&acl",
    V2_TEXT,
    headers=(("Date", DATE), ("Content-Type", "text/plain"), ("X-Amz-Meta-A", "some value")),
)
QUERY_SIGNED = query_api(**{"Filter.1.Name": "a b", "Filter.1.Value": "~é"})
FORM_SIGNED = query_api("POST", "/services/Cloud", **{"Filter.1.Name": "a b"})
REQUESTS = st.sampled_from([SIGNED, PRESIGNED, V2_SIGNED])


def test_the_requests_that_are_tampered_with_below_are_good():
    assert all(passes(request) for request in (SIGNED, PRESIGNED, GENERIC, V2_SIGNED))
    assert passes(QUERY_SIGNED)
    assert passes(FORM_SIGNED)


@given(st.sampled_from([SIGNED, PRESIGNED]), PLACES, BITS)
def test_any_bit_of_the_target(request, place, bit):
    other = changed(request, target=flipped(request.target, place, bit))
    assume(other is not None and meaning(other.target) != meaning(request.target))
    assert not passes(other)


@given(PLACES, BITS)
def test_any_bit_of_a_target_of_another_service(place, bit):
    other = changed(GENERIC, target=flipped(GENERIC.target, place, bit))
    assume(other is not None)
    assert not passes(other)


@given(PLACES, BITS)
def test_any_bit_of_a_target_of_v2(place, bit):
    other = changed(V2_SIGNED, target=flipped(V2_SIGNED.target, place, bit))
    assume(other is not None)
    assume(meaning(other.target) != meaning(V2_SIGNED.target))
    assert not passes(other)


@given(PLACES, BITS)
def test_any_bit_of_a_target_of_a_query_api(place, bit):
    other = changed(QUERY_SIGNED, target=flipped(QUERY_SIGNED.target, place, bit))
    assume(other is not None and meaning(other.target) != meaning(QUERY_SIGNED.target))
    assert not passes(other)


@given(PLACES, BITS)
def test_any_bit_of_a_form_of_a_query_api(place, bit):
    body = flipped(FORM_SIGNED.body.decode(), place, bit)
    assume(meaning(f"/?{body}") != meaning(f"/?{FORM_SIGNED.body.decode()}"))
    assert not passes(dataclasses.replace(FORM_SIGNED, body=body.encode()))


@given(REQUESTS, PLACES, BITS)
def test_any_bit_of_the_method(request, place, bit):
    other = changed(request, method=flipped(request.method, place, bit))
    assert other is None or not passes(other)


@given(REQUESTS, PLACES, PLACES, BITS)
@example(SIGNED, 3, 0, 5)
def test_any_bit_of_a_signed_header(request, which, place, bit):
    covered = set(read(SCHEMES, request).signed_headers)
    headers = list(request.headers)
    places = [index for index, (name, _) in enumerate(headers) if name.lower() in covered]
    assume(places)
    index = places[which % len(places)]
    name, value = headers[index]
    headers[index] = (name, flipped(value, place, bit))
    assume(" ".join(headers[index][1].split()) != " ".join(value.split()))
    other = changed(request, headers=tuple(headers))
    assert other is None or not passes(other)


@given(REQUESTS, PLACES, BITS)
def test_any_bit_of_the_signature(request, place, bit):
    claim = read(SCHEMES, request)
    scheme = V4 if claim.scheme == "sigv4" else V2
    other = claim.changed(signature=flipped(claim.signature, place, bit))
    refusal = outcome(scheme.prove, other, SECRET)
    assert isinstance(refusal, SignatureMismatch)
    assert not any(claim.signature in shown for shown in refusal.detail.values())


@given(REQUESTS, st.sampled_from(["x-amz-copy-source", "X-Amz-Acl", "x-amz-meta-z"]), st.text(max_size=8))
def test_an_amazon_header_put_on_afterwards(request, name, value):
    other = changed(request, headers=(*request.headers, (name, value)))
    assert other is None or not passes(other)
