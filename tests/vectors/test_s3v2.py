"""S3's Signature V2, string and signature, against the figures of AWS's documentation."""

import pytest

from authsvc.errors import SignatureMismatch
from authsvc.model import Secret
from authsvc.signing import SignedRequest
from authsvc.signing.s3v2 import S3V2, canonical_amz_headers, signature, string_to_sign

SECRET = Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
SCHEME = S3V2()
UPLOAD = (
    ("User-Agent", "curl/7.15.5"),
    ("Host", "static.johnsmith.net:8080"),
    ("x-amz-acl", "public-read"),
    ("content-type", "application/x-download"),
    ("Content-MD5", "4gJE4saaMU4BqNR0kLY+lw=="),
    ("X-Amz-Meta-ReviewedBy", "joe@johnsmith.net"),
    ("X-Amz-Meta-ReviewedBy", "jane@johnsmith.net"),
    ("X-Amz-Meta-FileChecksum", "0x02661779"),
    ("X-Amz-Meta-ChecksumAlgorithm", "crc32"),
    ("Content-Disposition", "attachment; filename=database.dat"),
    ("Content-Encoding", "gzip"),
    ("Content-Length", "5913339"),
)
GET_DATE, PUT_DATE = "Tue, 27 Mar 2007 19:36:42 +0000", "Tue, 27 Mar 2007 21:15:45 +0000"
LIST_DATE, ACL_DATE = "Tue, 27 Mar 2007 19:42:41 +0000", "Tue, 27 Mar 2007 19:44:46 +0000"
JPEG = (("Content-Type", "image/jpeg"), ("Content-Length", "94328"))


def case(method, target, date, made, text, *, bucket=None, headers=()):
    pairs = (*headers, ("Date", date), ("Authorization", f"AWS AKIAIOSFODNN7EXAMPLE:{made}"))
    return SignedRequest(method=method, target=target, headers=pairs, bucket=bucket), text, made


CASES = {
    "get-object": case(
        "GET",
        "/photos/puppy.jpg",
        GET_DATE,
        "bWq2s1WEIj+Ydj0vQ697zp+IXMU=",
        f"GET\n\n\n{GET_DATE}\n/johnsmith/photos/puppy.jpg",
        bucket="johnsmith",
    ),
    "get-object-newer-bucket": case(
        "GET",
        "/photos/puppy.jpg",
        GET_DATE,
        "qgk2+6Sv9/oM7G3qLEjTH1a1l1g=",
        f"GET\n\n\n{GET_DATE}\n/awsexamplebucket1/photos/puppy.jpg",
        bucket="awsexamplebucket1",
    ),
    "put-object": case(
        "PUT",
        "/photos/puppy.jpg",
        PUT_DATE,
        "MyyxeRY7whkBe+bq8fHCL/2kKUg=",
        f"PUT\n\nimage/jpeg\n{PUT_DATE}\n/johnsmith/photos/puppy.jpg",
        bucket="johnsmith",
        headers=JPEG,
    ),
    "list": case(
        "GET",
        "/?prefix=photos&max-keys=50&marker=puppy",
        LIST_DATE,
        "htDYFYduRNen8P9ZfE/s9SuKy0U=",
        f"GET\n\n\n{LIST_DATE}\n/johnsmith/",
        bucket="johnsmith",
    ),
    "fetch-acl": case(
        "GET",
        "/?acl",
        ACL_DATE,
        "c2WLPFtWHVgbEmeEG93a4cG37dM=",
        f"GET\n\n\n{ACL_DATE}\n/johnsmith/?acl",
        bucket="johnsmith",
    ),
    "delete": case(
        "DELETE",
        "/johnsmith/photos/puppy.jpg",
        "Tue, 27 Mar 2007 21:20:27 +0000",
        "R4dJ53KECjStyBO5iTBJZ4XVOaI=",
        "DELETE\n\n\n\nx-amz-date:Tue, 27 Mar 2007 21:20:26 +0000\n/johnsmith/photos/puppy.jpg",
        headers=(("x-amz-date", "Tue, 27 Mar 2007 21:20:26 +0000"),),
    ),
    "delete-by-date": case(
        "DELETE",
        "/johnsmith/photos/puppy.jpg",
        "Tue, 27 Mar 2007 21:20:26 +0000",
        "lx3byBScXR6KzyMaifNkardMwNk=",
        "DELETE\n\n\nTue, 27 Mar 2007 21:20:26 +0000\n/johnsmith/photos/puppy.jpg",
    ),
    "upload": case(
        "PUT",
        "/db-backup.dat.gz",
        "Tue, 27 Mar 2007 21:06:08 +0000",
        "ilyl83RwaSoYIEdixDQcA4OnAnc=",
        "PUT\n4gJE4saaMU4BqNR0kLY+lw==\napplication/x-download\nTue, 27 Mar 2007 21:06:08 +0000\n"
        "x-amz-acl:public-read\nx-amz-meta-checksumalgorithm:crc32\n"
        "x-amz-meta-filechecksum:0x02661779\n"
        "x-amz-meta-reviewedby:joe@johnsmith.net,jane@johnsmith.net\n"
        "/static.johnsmith.net/db-backup.dat.gz",
        bucket="static.johnsmith.net",
        headers=UPLOAD,
    ),
    "list-buckets": case(
        "GET",
        "/",
        "Wed, 28 Mar 2007 01:29:59 +0000",
        "qGdzdERIC03wnaRNKh6OqZehG9s=",
        "GET\n\n\nWed, 28 Mar 2007 01:29:59 +0000\n/",
    ),
    "unicode-keys": case(
        "GET",
        "/dictionary/fran%C3%A7ais/pr%c3%a9f%c3%a8re",
        "Wed, 28 Mar 2007 01:49:49 +0000",
        "DNEZGsoieTZ92F3bUfSPQcbGmlM=",
        "GET\n\n\nWed, 28 Mar 2007 01:49:49 +0000\n/dictionary/fran%C3%A7ais/pr%c3%a9f%c3%a8re",
    ),
    "presigned": (
        SignedRequest(
            method="GET",
            target="/photos/puppy.jpg?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE"
            "&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620",
            headers=(("Host", "johnsmith.s3.amazonaws.com"),),
            bucket="johnsmith",
        ),
        "GET\n\n\n1175139620\n/johnsmith/photos/puppy.jpg",
        "NpgCjnDzrM+WFzoENXmpNDUsSn8=",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_string_to_sign(name):
    request, text, _ = CASES[name]
    assert SCHEME.read(request).strings_to_sign[0] == text


@pytest.mark.parametrize("name", CASES)
def test_signature(name):
    request, text, made = CASES[name]
    assert signature(SECRET, text) == made
    claim = SCHEME.read(request)
    assert claim.signature == made
    SCHEME.prove(claim, SECRET)
    with pytest.raises(SignatureMismatch):
        SCHEME.prove(claim, Secret("another secret"))


def test_the_stages_stand_on_their_own():
    request, text, _ = CASES["upload"]
    amz = canonical_amz_headers(request.fields)
    assert amz.splitlines()[0] == "x-amz-acl:public-read"
    assert (
        string_to_sign(
            method="PUT",
            content_md5="4gJE4saaMU4BqNR0kLY+lw==",
            content_type="application/x-download",
            date="Tue, 27 Mar 2007 21:06:08 +0000",
            amz_headers=amz,
            resource="/static.johnsmith.net/db-backup.dat.gz",
        )
        == text
    )
