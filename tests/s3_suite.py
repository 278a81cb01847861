"""What a client of S3 does all day, against stores and gateways that leave to authsvc who somebody is."""

from __future__ import annotations

import dataclasses
import io
import secrets

import pytest
from botocore.exceptions import ClientError

from tests.region import ask

KEYS = [
    "plain",
    "two words",
    "ünïcödé/日本語/🦊",
    "1+1=2&x~!*'();:@$,[]",
    "%2F and %",
    "a%2Fb",
    "a//b",
    "é" * 200,
]
versions = pytest.mark.parametrize("version", ["s3v4", "s3"])


@pytest.fixture
def alice(site):
    return site.region.people["alice"]


@pytest.fixture
def bucket(site, alice):
    """A bucket of alice's, with nothing in it."""
    name = f"bucket-{secrets.token_hex(6)}"
    with site.client(alice) as client:
        client.create_bucket(Bucket=name)
    return name


def refusal(call, *arguments, **options):
    with pytest.raises(ClientError) as told:
        call(*arguments, **options)
    return told.value.response["Error"]["Code"]


def test_a_bucket_is_made_listed_and_removed(site, alice):
    name = f"bucket-{secrets.token_hex(6)}"
    with site.client(alice) as client:
        client.create_bucket(Bucket=name)
        client.head_bucket(Bucket=name)
        assert name in [each["Name"] for each in client.list_buckets()["Buckets"]]
        client.delete_bucket(Bucket=name)
        assert name not in [each["Name"] for each in client.list_buckets()["Buckets"]]


@versions
@pytest.mark.parametrize("key", KEYS, ids=lambda key: ascii(key)[1:21])
def test_an_object_comes_back_as_it_was_put(site, alice, bucket, key, version):
    content = secrets.token_bytes(1000)
    with site.client(alice, version=version) as client:
        client.put_object(Bucket=bucket, Key=key, Body=content, Metadata={"colour": "blue"})
        assert client.get_object(Bucket=bucket, Key=key)["Body"].read() == content
        assert client.head_object(Bucket=bucket, Key=key)["ContentLength"] == 1000
        client.delete_object(Bucket=bucket, Key=key)
        assert refusal(client.get_object, Bucket=bucket, Key=key) == "NoSuchKey"


def test_objects_are_listed(site, alice, bucket):
    with site.client(alice) as client:
        for key in ("a b/1", "a b/2+", "c"):
            client.put_object(Bucket=bucket, Key=key, Body=b"x")
        found = client.list_objects_v2(Bucket=bucket, Prefix="a b/")["Contents"]
    assert [each["Key"] for each in found] == ["a b/1", "a b/2+"]


@versions
def test_an_upload_in_parts(site, alice, bucket, version):
    first, last = secrets.token_bytes(5 * 1024 * 1024), b"the rest"
    with site.client(alice, version=version) as client:
        where = {"Bucket": bucket, "Key": "in parts/ü"}
        upload = where | {"UploadId": client.create_multipart_upload(**where)["UploadId"]}
        etags = [
            client.upload_part(**upload, PartNumber=n, Body=part)["ETag"]
            for n, part in enumerate((first, last), 1)
        ]
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
        client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        assert client.get_object(**where)["Body"].read() == first + last


def test_an_object_is_copied(site, alice, bucket):
    with site.client(alice) as client:
        client.put_object(Bucket=bucket, Key="sour ce/+ü", Body=b"to be copied")
        client.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "sour ce/+ü"})
        assert client.get_object(Bucket=bucket, Key="copy")["Body"].read() == b"to be copied"


@versions
def test_a_presigned_url_needs_no_key(site, alice, bucket, version):
    parameters = {"Bucket": bucket, "Key": "a key/ü+"}
    with site.client(alice, version=version) as client:
        put = client.generate_presigned_url("put_object", Params=parameters, ExpiresIn=600)
        get = client.generate_presigned_url("get_object", Params=parameters, ExpiresIn=600)
    assert ask(put, "PUT", b"by the holder of the address").status == 200
    assert ask(get).body == b"by the holder of the address"
    assert ask(get.replace("a%20key", "another")).status == 403
    assert ask(put, "GET").status == 403


def test_a_stream_of_unknown_length_to_the_signer(site, alice, bucket):
    """boto3 signs no body over https, and frames it with a checksum behind it; here over http with either."""
    content = secrets.token_bytes(300_000)
    with site.client(alice, s3={"payload_signing_enabled": False}) as client:
        client.upload_fileobj(io.BytesIO(content), bucket, "streamed")
        assert client.get_object(Bucket=bucket, Key="streamed")["Body"].read() == content


@versions
def test_who_may_not_is_told_why(site, alice, bucket, version):
    off = site.region.people["off"]
    nobody = dataclasses.replace(alice, access_key=secrets.token_urlsafe(64))
    for case, person, secret in (
        ("wrong secret", alice, secrets.token_urlsafe(64)),
        ("unknown key", nobody, None),
        ("switched off", off, None),
    ):
        with site.client(person, secret=secret, version=version) as client:
            assert refusal(client.list_objects_v2, Bucket=bucket) == site.code(case), case
            assert refusal(client.put_object, Bucket=bucket, Key="k", Body=b"x") == site.code(case), case


def test_a_bucket_is_its_accounts(site, bucket):
    with site.client(site.region.people["bob"]) as client:
        told = refusal(client.list_objects_v2, Bucket=bucket)
        assert told in {site.code("somebody else's bucket"), "NoSuchBucket"}


def test_nobody_in_particular_is_not_let_in(site, bucket):
    assert ask(f"{site.url}/{bucket}").status >= 400
