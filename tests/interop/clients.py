"""S3 clients as people have them: boto3, presigned URLs, and an upload signed chunk by chunk as mc and the Java SDK send it."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.region import Answer, Person

NAME = "us-east-1"
PART = 5 * 2**20
_EMPTY = hashlib.sha256(b"").hexdigest()


def s3(
    url: str, person: Person, *, secret: str | None = None, key: str | None = None, v2: bool = False
) -> Any:
    """Make a client that tries once."""
    return boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id=key or person.access_key,
        aws_secret_access_key=secret or person.secret,
        region_name=NAME,
        config=Config(
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": 1},
            signature_version="s3" if v2 else "s3v4",
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def code(call: Any, **arguments: Any) -> str:
    """Return the S3 error code of a call that must fail."""
    try:
        call(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    raise AssertionError("it did not fail")


def put_in_chunks(url: str, person: Person, path: str, body: bytes, *, size: int = 65536) -> Answer:
    """Upload with ``STREAMING-AWS4-HMAC-SHA256-PAYLOAD``: every chunk signed, each over the one before."""
    from tests.region import Answer

    parts = urlsplit(url)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/{NAME}/s3/aws4_request"
    headers = {
        "host": parts.netloc,
        "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "x-amz-date": stamp,
        "x-amz-decoded-content-length": str(len(body)),
    }
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = f"PUT\n{path}\n\n{lines}\n{names}\n{headers['x-amz-content-sha256']}"
    key = b"AWS4" + person.secret.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    previous = hmac.digest(key, f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashed}".encode(), "sha256").hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={person.access_key}/{scope}, SignedHeaders={names}, Signature={previous}"
    )
    sent = bytearray()
    for chunk in [*(body[at : at + size] for at in range(0, len(body), size)), b""]:
        hashed = hashlib.sha256(chunk).hexdigest()
        text = f"AWS4-HMAC-SHA256-PAYLOAD\n{stamp}\n{scope}\n{previous}\n{_EMPTY}\n{hashed}"
        previous = hmac.digest(key, text.encode(), "sha256").hex()
        sent += f"{len(chunk):x};chunk-signature={previous}\r\n".encode() + chunk + b"\r\n"
    headers |= {"content-encoding": "aws-chunked", "content-length": str(len(sent))}
    with contextlib.closing(
        http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    ) as connection:
        connection.request("PUT", path, bytes(sent), headers)
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())


def new_name() -> str:
    """Return a bucket's name that nobody has."""
    return f"bucket-{secrets.token_hex(6)}"


def bucket_of(client: Any) -> str:
    """Make a bucket and return its name."""
    name = new_name()
    client.create_bucket(Bucket=name)
    return name


def work_with_buckets(client: Any) -> None:
    """Make a bucket, and put, get, list, copy and upload in parts; then remove it all."""
    bucket = bucket_of(client)
    key = "a k/ey+%é"
    client.put_object(Bucket=bucket, Key=key, Body=b"hello", Metadata={"colour": "blue"})
    got = client.get_object(Bucket=bucket, Key=key)
    assert (got["Body"].read(), got["Metadata"]) == (b"hello", {"colour": "blue"})
    assert client.head_object(Bucket=bucket, Key=key)["ContentLength"] == 5
    client.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})
    assert [each["Key"] for each in client.list_objects_v2(Bucket=bucket)["Contents"]] == [key, "copy"]
    assert bucket in [each["Name"] for each in client.list_buckets()["Buckets"]]

    upload = client.create_multipart_upload(Bucket=bucket, Key="parts")
    named = {"Bucket": bucket, "Key": "parts", "UploadId": upload["UploadId"]}
    bodies = [secrets.token_bytes(PART), b"the end"]
    etags = [
        client.upload_part(**named, PartNumber=at, Body=body)["ETag"] for at, body in enumerate(bodies, 1)
    ]
    parts = [{"PartNumber": at, "ETag": etag} for at, etag in enumerate(etags, 1)]
    client.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
    assert client.get_object(Bucket=bucket, Key="parts")["Body"].read() == b"".join(bodies)

    for each in (key, "copy", "parts"):
        client.delete_object(Bucket=bucket, Key=each)
    client.delete_bucket(Bucket=bucket)
