"""What botocore and the AWS common runtime sign, we prove: awkward keys, queries and headers."""

import dataclasses
import functools
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlsplit

import boto3
import pytest
from botocore.auth import (
    HmacV1Auth,
    HmacV1QueryAuth,
    S3SigV4Auth,
    S3SigV4QueryAuth,
    SigV2Auth,
    SigV4Auth,
    SigV4QueryAuth,
)
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.crt.auth import (
    CrtS3SigV4AsymAuth,
    CrtS3SigV4AsymQueryAuth,
    CrtS3SigV4Auth,
    CrtS3SigV4QueryAuth,
    CrtSigV4AsymAuth,
    CrtSigV4AsymQueryAuth,
    CrtSigV4Auth,
    CrtSigV4QueryAuth,
)
from hypothesis import given
from hypothesis import strategies as st
from minio import Minio
from minio.datatypes import PostPolicy
from urllib3.filepost import encode_multipart_formdata

from authsvc.errors import SignatureMismatch
from authsvc.model import AccessKey, Secret
from authsvc.signing import SignedRequest
from authsvc.signing.s3v2 import S3V2
from authsvc.signing.s3v2post import S3V2Post
from authsvc.signing.sigv2 import SigV2
from authsvc.signing.sigv4 import SigV4
from authsvc.signing.sigv4a import SigV4A, public_key
from authsvc.signing.sigv4post import SigV4Post

ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SECRET = Secret(SECRET_KEY)
ENDPOINT = "http://s3.example.com:9000"
V4, V4A, V2, QUERY = SigV4(), SigV4A(), S3V2(), SigV2()

CHARACTERS = st.one_of(
    st.sampled_from(list(" /.~+%=&?;:@!$'()*,[]{}|\\^`\"<>#_-")),
    st.sampled_from(["é", "ሴ", "\U0001f600", "..", "//", "%2F", "%20", "/../", "/./"]),
    st.characters(exclude_categories=["Cs"]),
)
TEXTS = st.lists(CHARACTERS, max_size=6).map("".join)
KEYS = TEXTS.map(lambda key: "/bucket/" + quote(key, safe="/~"))
PAIRS = st.lists(
    st.tuples(
        st.one_of(st.sampled_from(["prefix", "a", "a-b", "A", "k", "acl", "versionId"]), TEXTS.filter(bool)),
        TEXTS,
    ),
    max_size=4,
)


def spelt(pairs):
    return "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs)


QUERIES = PAIRS.map(spelt)
UNIQUE_QUERIES = PAIRS.map(lambda pairs: spelt(dict(pairs).items()))
HEADERS = st.dictionaries(
    st.sampled_from(["X-Amz-Meta-A", "X-Amz-Acl", "x-amz-meta-b", "Content-Type", "Range", "If-Match"]),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=8).flatmap(
        lambda word: st.sampled_from([word, f"{word}  {word}", f" {word} "])
    ),
    max_size=3,
)
METHODS = st.sampled_from(["GET", "PUT", "HEAD", "DELETE", "POST"])


def signed(auth, method, path, query, headers, *, body=None):
    """Let a signer of botocore sign, and put the result on the wire as botocore does."""
    url = f"{ENDPOINT}{path}?{query}" if query else f"{ENDPOINT}{path}"
    request = AWSRequest(method=method, url=url, headers=headers, data=body)
    auth.add_auth(request)
    parts = urlsplit(request.url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    pairs = [(name, value) for name, value in request.headers.items() if name.lower() != "host"]
    return SignedRequest(method=method, target=target, headers=(("Host", parts.netloc), *pairs), body=body)


def credentials(token=None):
    return Credentials(ACCESS_KEY, SECRET_KEY, token)


def prove(scheme, request):
    claim = scheme.read(request)
    scheme.prove(claim, SECRET)
    assert claim.access_key == ACCESS_KEY
    return claim


S3_HEADER = [
    pytest.param(lambda: S3SigV4Auth(credentials(), "s3", "us-east-1"), id="botocore"),
    pytest.param(lambda: CrtS3SigV4Auth(credentials(), "s3", "us-east-1"), id="crt"),
]
S3_QUERY = [
    pytest.param(lambda: S3SigV4QueryAuth(credentials(), "s3", "us-east-1", expires=60), id="botocore"),
    pytest.param(lambda: CrtS3SigV4QueryAuth(credentials(), "s3", "us-east-1", expires=60), id="crt"),
]
GENERIC_HEADER = [
    pytest.param(lambda: SigV4Auth(credentials(), "ec2", "us-east-1"), id="botocore"),
    pytest.param(lambda: CrtSigV4Auth(credentials(), "ec2", "us-east-1"), id="crt"),
]
GENERIC_QUERY = [
    pytest.param(lambda: SigV4QueryAuth(credentials(), "sts", "us-east-1", expires=60), id="botocore"),
    pytest.param(lambda: CrtSigV4QueryAuth(credentials(), "sts", "us-east-1", expires=60), id="crt"),
]


@pytest.mark.parametrize("auth", S3_HEADER)
@given(method=METHODS, path=KEYS, query=QUERIES, headers=HEADERS)
def test_s3_header(auth, method, path, query, headers):
    claim = prove(V4, signed(auth(), method, path, query, headers))
    assert not claim.presigned


@pytest.mark.parametrize("auth", S3_QUERY)
@given(method=METHODS, path=KEYS, query=UNIQUE_QUERIES, headers=HEADERS)
def test_s3_presigned(auth, method, path, query, headers):
    claim = prove(V4, signed(auth(), method, path, query, headers))
    assert claim.presigned
    assert claim.expires_at == claim.signed_at + 60


@pytest.mark.parametrize("auth", GENERIC_HEADER)
@given(method=METHODS, path=KEYS, query=QUERIES, headers=HEADERS, body=st.none() | st.binary(max_size=8))
def test_generic_header(*, auth, method, path, query, headers, body):
    prove(V4, signed(auth(), method, path, query, headers, body=body))


@pytest.mark.parametrize("auth", GENERIC_QUERY)
@given(method=METHODS, path=KEYS, query=UNIQUE_QUERIES, headers=HEADERS)
def test_generic_presigned(auth, method, path, query, headers):
    prove(V4, signed(auth(), method, path, query, headers))


REGION_SETS = st.sampled_from(["*", "us-east-1", "us-*", "us-east-1,eu-*"])
V4A_SIGNERS = [
    pytest.param(CrtS3SigV4AsymAuth, "s3", id="s3"),
    pytest.param(CrtSigV4AsymAuth, "ec2", id="generic"),
]
V4A_QUERY_SIGNERS = [
    pytest.param(CrtS3SigV4AsymQueryAuth, "s3", id="s3"),
    pytest.param(CrtSigV4AsymQueryAuth, "sts", id="generic"),
]


def prove_by_both_keys(request, access_key=ACCESS_KEY, secret=SECRET_KEY):
    """Prove by the secret key, and by the public key it makes."""
    claim = V4A.read(request)
    V4A.prove(claim, Secret(secret))
    V4A.prove_by_public_key(claim, public_key(AccessKey(access_key), Secret(secret)))
    assert claim.access_key == access_key
    return claim


@pytest.mark.parametrize(("signer", "service"), V4A_SIGNERS)
@given(method=METHODS, path=KEYS, query=QUERIES, headers=HEADERS, regions=REGION_SETS)
def test_v4a_header(*, signer, service, method, path, query, headers, regions):
    auth = signer(credentials(), service, regions)
    claim = prove_by_both_keys(signed(auth, method, path, query, headers))
    assert claim.scope.region_set == tuple(regions.split(","))
    assert not claim.presigned


@pytest.mark.parametrize(("signer", "service"), V4A_QUERY_SIGNERS)
@given(method=METHODS, path=KEYS, query=UNIQUE_QUERIES, headers=HEADERS, regions=REGION_SETS)
def test_v4a_presigned(*, signer, service, method, path, query, headers, regions):
    auth = signer(credentials(), service, regions, expires=60)
    claim = prove_by_both_keys(signed(auth, method, path, query, headers))
    assert claim.scope.region_set == tuple(regions.split(","))
    assert claim.expires_at == claim.signed_at + 60


KEY_TEXTS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=","), min_size=1)


@given(access_key=KEY_TEXTS, secret=KEY_TEXTS)
def test_v4a_keys_are_the_runtimes_keys(access_key, secret):
    auth = CrtS3SigV4AsymAuth(Credentials(access_key, secret), "s3", "*")
    prove_by_both_keys(signed(auth, "GET", "/b/k", "", {}), access_key, secret)


V2_QUERIES = st.lists(
    st.tuples(
        st.sampled_from(["prefix", "versionId", "uploadId", "partNumber", "response-content-type", "marker"]),
        TEXTS.filter(lambda text: text and not re.search(r"[\x00-\x1f\x7f]", text)),
    ),
    max_size=3,
    unique_by=lambda pair: pair[0],
).map(spelt)


@given(method=METHODS, path=KEYS, query=V2_QUERIES, headers=HEADERS)
def test_v2_header(method, path, query, headers):
    claim = prove(V2, signed(HmacV1Auth(credentials()), method, path, query, headers))
    assert not claim.presigned


@given(method=METHODS, path=KEYS, query=V2_QUERIES, headers=HEADERS)
def test_v2_presigned(method, path, query, headers):
    """What botocore signed for as headers it moves to the query; those S3 reads as headers have to be sent."""
    request = signed(HmacV1QueryAuth(credentials(), expires=60), method, path, query, headers)
    kept = tuple(pair for pair in request.headers if pair[0].lower() in ("host", "content-type"))
    claim = prove(V2, dataclasses.replace(request, headers=kept))
    assert claim.presigned
    assert claim.signed_at is None


@pytest.mark.parametrize("sub", ["acl", "uploads", "acl&versionId=3", "tagging", "delete"])
def test_v2_sub_resources(sub):
    prove(V2, signed(HmacV1Auth(credentials()), "GET", "/bucket/key", sub, {}))


def test_v2_sub_resource_with_an_equals_sign_is_signed_the_documented_way_alone():
    """botocore signs ``acl=`` where the documentation has ``acl``."""
    request = signed(HmacV1Auth(credentials()), "GET", "/bucket/key", "acl=", {})
    with pytest.raises(SignatureMismatch):
        prove(V2, request)


def test_v2_bucket_in_the_host():
    request = AWSRequest(method="GET", url="http://bucket.s3.example.com/", headers={})
    request.auth_path = "/bucket/"
    HmacV1Auth(credentials()).add_auth(request)
    headers = (("Host", "bucket.s3.example.com"), *request.headers.items())
    prove(V2, SignedRequest(method="GET", target="/", headers=headers, bucket="bucket"))


@given(
    method=st.sampled_from(["GET", "POST"]), parameters=st.dictionaries(TEXTS.filter(bool), TEXTS, max_size=4)
)
def test_query_api(method, parameters):
    """The Query protocol's signer: parameters in the query or in a form, as botocore puts them on the wire."""
    kind = "data" if method == "POST" else "params"
    request = AWSRequest(method=method, url=f"{ENDPOINT}/services/Cloud", **{kind: dict(parameters)})
    SigV2Auth(credentials("a/token+==")).add_auth(request)
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    sent = SignedRequest(
        method=method,
        target=f"{parts.path}?{parts.query}" if parts.query else parts.path,
        headers=(
            ("Host", parts.netloc),
            ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
        ),
        body=prepared.body.encode() if prepared.body else None,
    )
    claim = prove(QUERY, sent)
    assert claim.token == "a/token+=="


TOKENS = [
    (V4, S3SigV4Auth, ("s3", "us-east-1")),
    (V4, S3SigV4QueryAuth, ("s3", "us-east-1")),
    (V4, SigV4Auth, ("sts", "us-east-1")),
    (V4, CrtS3SigV4Auth, ("s3", "us-east-1")),
    (V4, CrtS3SigV4QueryAuth, ("s3", "us-east-1")),
    (V4A, CrtS3SigV4AsymAuth, ("s3", "*")),
    (V4A, CrtSigV4AsymAuth, ("sts", "*")),
    (V4A, CrtS3SigV4AsymQueryAuth, ("s3", "*")),
    (V2, HmacV1Auth, ()),
    (V2, HmacV1QueryAuth, ()),
]


@pytest.mark.parametrize(("scheme", "signer", "scope"), TOKENS)
def test_session_tokens(scheme, signer, scope):
    request = signed(signer(credentials("a/token+=="), *scope), "GET", "/bucket/key", "", {})
    assert prove(scheme, request).token == "a/token+=="


@pytest.mark.parametrize("context", [{"payload_signing_enabled": False}, {"has_streaming_input": True}])
def test_unsigned_payload(context):
    request = AWSRequest(
        method="PUT",
        url="https://s3.example.com/b/k",
        headers={"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="},
        data=b"x",
    )
    request.context.update(context)
    S3SigV4Auth(credentials(), "s3", "us-east-1").add_auth(request)
    headers = (("Host", "s3.example.com"), *request.headers.items())
    claim = prove(V4, SignedRequest(method="PUT", target="/b/k", headers=headers))
    assert claim.payload == "unsigned"


def test_unsigned_trailer():
    request = AWSRequest(method="PUT", url="https://s3.example.com/b/k", headers={}, data=b"x")
    request.context["checksum"] = {"request_algorithm": {"in": "trailer"}}
    S3SigV4Auth(credentials(), "s3", "us-east-1").add_auth(request)
    headers = (("Host", "s3.example.com"), *request.headers.items())
    claim = prove(V4, SignedRequest(method="PUT", target="/b/k", headers=headers))
    assert claim.payload == "streaming-unsigned-trailer"


def test_presigned_with_a_payload_hash():
    digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    auth = S3SigV4QueryAuth(credentials(), "s3", "us-east-1")
    claim = prove(V4, signed(auth, "PUT", "/b/k", "", {"X-Amz-Content-SHA256": digest}))
    assert (claim.payload, claim.body_sha256) == ("signed", digest)


def test_an_encoded_slash_is_a_slash():
    """Clients that keep ``%2F`` in what they sign name another canonical path than S3, where a key is one text."""
    request = signed(S3SigV4Auth(credentials(), "s3", "us-east-1"), "GET", "/b/a%2Fb", "", {})
    with pytest.raises(SignatureMismatch):
        prove(V4, request)
    plain = signed(S3SigV4Auth(credentials(), "s3", "us-east-1"), "GET", "/b/a/b", "", {})
    prove(V4, dataclasses.replace(plain, target="/b/a%2Fb"))


FORM_FIELDS = st.dictionaries(
    st.sampled_from(["acl", "Content-Type", "x-amz-meta-a", "x-amz-meta-b", "success_action_status"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8),
    max_size=3,
)


def filled_in(url, fields, *, file=b"data", filename="a.txt"):
    """Fill a form in and encode it as urllib3 does for ``requests`` and for minio."""
    parts = [(name, (None, value)) for name, value in fields.items()]
    body, content_type = encode_multipart_formdata([*parts, ("file", (filename, file))])
    where = urlsplit(url)
    headers = (("Host", where.netloc), ("Content-Type", content_type))
    return SignedRequest(method="POST", target=where.path or "/", headers=headers, body=body)


@pytest.mark.parametrize(("version", "scheme"), [("s3v4", SigV4Post()), ("s3", S3V2Post())])
@given(fields=FORM_FIELDS, key=TEXTS.filter(bool))
def test_presigned_posts_of_boto3(version, scheme, fields, key):
    client = boto3_client(version)
    conditions = [{name: value} for name, value in fields.items()]
    conditions.append(["content-length-range", 1, 10])
    form = client.generate_presigned_post("bucket", key, Fields=dict(fields), Conditions=conditions)
    claim = prove(scheme, filled_in(form["url"], form["fields"]))
    assert claim.objection is None
    assert claim.upload.key == key.replace("${filename}", "a.txt")
    assert (claim.upload.bucket, claim.upload.length_range, claim.upload.size) == ("bucket", (1, 10), 4)


@functools.cache
def boto3_client(version):
    config = Config(signature_version=version, s3={"addressing_style": "path"})
    session = boto3.Session(ACCESS_KEY, SECRET_KEY, region_name="us-east-1")
    return session.client("s3", endpoint_url=ENDPOINT, config=config)


MINIO = Minio("s3.example.com:9000", ACCESS_KEY, SECRET_KEY, region="us-east-1")


@given(fields=FORM_FIELDS, key=TEXTS.filter(bool))
def test_presigned_posts_of_minio(fields, key):
    policy = PostPolicy("bucket", datetime.now(UTC) + timedelta(minutes=5))
    policy.add_equals_condition("key", key)
    policy.add_content_length_range_condition(1, 10)
    for name, value in fields.items():
        policy.add_equals_condition(name, value)
    form = MINIO.presigned_post_policy(policy)
    claim = prove(SigV4Post(), filled_in(f"{ENDPOINT}/bucket", {"key": key, **fields, **form}))
    assert (claim.objection is None) == ("${filename}" not in key)
