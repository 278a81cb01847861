"""Signature V4, stage by stage, against the figures of AWS's documentation and signing suite."""

import hashlib

import pytest

from authsvc.errors import SignatureMismatch
from authsvc.model import Secret
from authsvc.signing import Scope, SignedRequest
from authsvc.signing.sigv4 import SigV4, canonical_request, signature, signing_key, string_to_sign

S3_SECRET = Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
SUITE_SECRET = Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
WELCOME = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"
SCHEME = SigV4()


def s3_request(target, signed, made, *headers, method="GET", host="examplebucket.s3.amazonaws.com"):
    authorization = (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        f"SignedHeaders={signed},Signature={made}"
    )
    return SignedRequest(
        method=method,
        target=target,
        headers=(
            ("Host", host),
            *headers,
            ("x-amz-date", "20130524T000000Z"),
            ("Authorization", authorization),
        ),
    )


S3 = {
    "get-object": (
        s3_request(
            "/test.txt",
            "host;range;x-amz-content-sha256;x-amz-date",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
            ("Range", "bytes=0-9"),
            ("x-amz-content-sha256", EMPTY),
        ),
        (
            "GET\n/test.txt\n\nhost:examplebucket.s3.amazonaws.com\nrange:bytes=0-9\n"
            f"x-amz-content-sha256:{EMPTY}\nx-amz-date:20130524T000000Z\n\n"
            f"host;range;x-amz-content-sha256;x-amz-date\n{EMPTY}"
        ),
        "7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972",
    ),
    "put-object": (
        s3_request(
            "/test$file.text",
            "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
            ("Date", "Fri, 24 May 2013 00:00:00 GMT"),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ("x-amz-content-sha256", WELCOME),
            method="PUT",
        ),
        (
            "PUT\n/test%24file.text\n\ndate:Fri, 24 May 2013 00:00:00 GMT\nhost:examplebucket.s3.amazonaws.com\n"
            f"x-amz-content-sha256:{WELCOME}\nx-amz-date:20130524T000000Z\n"
            "x-amz-storage-class:REDUCED_REDUNDANCY\n\n"
            f"date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class\n{WELCOME}"
        ),
        "9e0e90d9c76de8fa5b200d8c849cd5b8dc7a3be3951ddb7f6a76b4158342019d",
    ),
    "get-lifecycle": (
        s3_request(
            "/?lifecycle",
            "host;x-amz-content-sha256;x-amz-date",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
            ("x-amz-content-sha256", EMPTY),
        ),
        (
            "GET\n/\nlifecycle=\nhost:examplebucket.s3.amazonaws.com\n"
            f"x-amz-content-sha256:{EMPTY}\nx-amz-date:20130524T000000Z\n\n"
            f"host;x-amz-content-sha256;x-amz-date\n{EMPTY}"
        ),
        "9766c798316ff2757b517bc739a67f6213b4ab36dd5da2f94eaebf79c77395ca",
    ),
    "list-objects": (
        s3_request(
            "/?max-keys=2&prefix=J",
            "host;x-amz-content-sha256;x-amz-date",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
            ("x-amz-content-sha256", EMPTY),
        ),
        (
            "GET\n/\nmax-keys=2&prefix=J\nhost:examplebucket.s3.amazonaws.com\n"
            f"x-amz-content-sha256:{EMPTY}\nx-amz-date:20130524T000000Z\n\n"
            f"host;x-amz-content-sha256;x-amz-date\n{EMPTY}"
        ),
        "df57d21db20da04d7fa30298dd4488ba3a2b47ca3a489c74750e0f1e7df1b9b7",
    ),
    "put-chunks": (
        s3_request(
            "/examplebucket/chunkObject.txt",
            "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;"
            "x-amz-decoded-content-length;x-amz-storage-class",
            "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
            ("Content-Encoding", "aws-chunked"),
            ("x-amz-decoded-content-length", "66560"),
            ("Content-Length", "66824"),
            method="PUT",
            host="s3.amazonaws.com",
        ),
        (
            "PUT\n/examplebucket/chunkObject.txt\n\ncontent-encoding:aws-chunked\ncontent-length:66824\n"
            "host:s3.amazonaws.com\nx-amz-content-sha256:STREAMING-AWS4-HMAC-SHA256-PAYLOAD\n"
            "x-amz-date:20130524T000000Z\nx-amz-decoded-content-length:66560\n"
            "x-amz-storage-class:REDUCED_REDUNDANCY\n\n"
            "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;"
            "x-amz-decoded-content-length;x-amz-storage-class\nSTREAMING-AWS4-HMAC-SHA256-PAYLOAD"
        ),
        "cee3fed04b70f867d036f722359b0b1f2f0e5dc0efadbc082b76c4c60e316455",
    ),
    "presigned-get": (
        SignedRequest(
            method="GET",
            target="/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
            "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
            "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
            "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
            headers=(("Host", "examplebucket.s3.amazonaws.com"),),
        ),
        (
            "GET\n/test.txt\nX-Amz-Algorithm=AWS4-HMAC-SHA256"
            "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
            "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\n"
            "host:examplebucket.s3.amazonaws.com\n\nhost\nUNSIGNED-PAYLOAD"
        ),
        "3bfa292879f6447bbcda7001decf97f4a54dc650c8942174ae0a9121cf58ad04",
    ),
}


@pytest.mark.parametrize("name", S3)
def test_s3_canonical_request(name):
    request, canonical, _ = S3[name]
    assert SCHEME.read(request).canonical_request == canonical


@pytest.mark.parametrize("name", S3)
def test_s3_string_to_sign(name):
    request, _, digest = S3[name]
    assert SCHEME.read(request).strings_to_sign == (
        f"AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n{digest}",
    )


@pytest.mark.parametrize("name", S3)
def test_s3_signature(name):
    claim = SCHEME.read(S3[name][0])
    SCHEME.prove(claim, S3_SECRET)
    with pytest.raises(SignatureMismatch):
        SCHEME.prove(claim, SUITE_SECRET)


def test_the_stages_stand_on_their_own():
    """The documentation's IAM ListUsers request, each stage from the one before."""
    canonical = canonical_request(
        method="GET",
        path="/",
        query="Action=ListUsers&Version=2010-05-08",
        headers="content-type:application/x-www-form-urlencoded; charset=utf-8\n"
        "host:iam.amazonaws.com\nx-amz-date:20150830T123600Z\n",
        signed_headers="content-type;host;x-amz-date",
        payload=EMPTY,
    )
    digest = "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59"
    assert hashlib.sha256(canonical.encode()).hexdigest() == digest
    text = string_to_sign(
        algorithm="AWS4-HMAC-SHA256",
        timestamp="20150830T123600Z",
        scope="20150830/us-east-1/iam/aws4_request",
        canonical_request=canonical,
    )
    assert text == (f"AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/iam/aws4_request\n{digest}")
    key = signing_key(SUITE_SECRET, Scope(date="20150830", region="us-east-1", service="iam"))
    assert key.hex() == "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
    assert signature(key, text) == "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"


LETTERS = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SUITE = {
    "get-vanilla": ("/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    "get-vanilla-empty-query-key": (
        "/?Param1=value1",
        "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
    ),
    "get-vanilla-query-order-key-case": (
        "/?Param2=value2&Param1=value1",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    "get-vanilla-query-order-key": (
        "/?Param1=value2&Param1=Value1",
        "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1",
    ),
    "get-vanilla-query-order-value": (
        "/?Param1=value2&Param1=value1",
        "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694",
    ),
    "get-vanilla-query-unreserved": (
        f"/?{LETTERS}={LETTERS}",
        "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
    ),
    "get-vanilla-utf8-query": (
        "/?ሴ=bar",
        "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
    ),
    "get-unreserved": (
        f"/{LETTERS}",
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    ),
    "get-utf8": ("/ሴ", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
    "get-relative": (
        "/example/..",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    "get-relative-relative": (
        "/example1/example2/../..",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    "get-slash": ("//", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    "get-slash-dot-slash": ("/./", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    "get-slash-pointless-dot": (
        "/./example",
        "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5",
    ),
    "get-slashes": (
        "//example//",
        "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
    ),
}


def suite_request(target, made, *headers, method="GET", body=None):
    names = sorted({"host", "x-amz-date", *(name.lower() for name, _ in headers)})
    authorization = (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={';'.join(names)}, Signature={made}"
    )
    return SignedRequest(
        method=method,
        target=target,
        headers=(
            ("Host", "example.amazonaws.com"),
            *headers,
            ("X-Amz-Date", "20150830T123600Z"),
            ("Authorization", authorization),
        ),
        body=body,
    )


@pytest.mark.parametrize("name", SUITE)
def test_suite_of_the_generic_rules(name):
    target, made = SUITE[name]
    SCHEME.prove(SCHEME.read(suite_request(target, made)), SUITE_SECRET)


@pytest.mark.parametrize(
    ("made", "headers"),
    [
        pytest.param(
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
            (("My-Header1", " value1"), ("My-Header2", ' "a   b   c"')),
            id="get-header-value-trim",
        ),
        pytest.param(
            "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
            (("My-Header1", "value2"), ("My-Header1", "value2"), ("My-Header1", "value1")),
            id="get-header-key-duplicate",
        ),
        pytest.param(
            "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
            (
                (
                    "X-Amz-Security-Token",
                    "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267",
                ),
            ),
            id="get-header-session-token",
        ),
    ],
)
def test_suite_of_header_values(made, headers):
    SCHEME.prove(SCHEME.read(suite_request("/", made, *headers)), SUITE_SECRET)


@pytest.mark.parametrize(
    ("made", "headers", "body"),
    [
        ("5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b", (), None),
        (
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            (("Content-Type", "application/x-www-form-urlencoded"),),
            b"Param1=value1",
        ),
    ],
    ids=["post-vanilla", "post-x-www-form-urlencoded"],
)
def test_suite_of_posts(made, headers, body):
    claim = SCHEME.read(suite_request("/", made, *headers, method="POST", body=body))
    SCHEME.prove(claim, SUITE_SECRET)
    assert claim.payload == "signed"
    assert claim.body_sha256 == hashlib.sha256(body or b"").hexdigest()
