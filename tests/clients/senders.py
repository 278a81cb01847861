"""Published clients, each sending one request that it signs itself: `send(store, access_key, secret) -> code`.

The code is the one of the error answer as the client understood it, None for success.
"""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import urllib3
from botocore.config import Config
from botocore.exceptions import ClientError
from minio import Minio
from minio.error import S3Error

from tests.region import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.clients.capture import Store

REGION = "us-east-1"
CODE = re.compile(r"<Code>(\w+)</Code>")


@contextlib.contextmanager
def boto(
    store: Store, access_key: str, secret: str, version: str | None = None, service: str = "s3"
) -> Iterator[Any]:
    client = boto3.client(
        service,
        endpoint_url=store.url,
        region_name=REGION,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret,
        config=Config(
            signature_version=version, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}
        ),
    )
    with contextlib.closing(client):
        yield client


def boto_sends(call: Callable[[Any], object], version: str | None = None, service: str = "s3"):
    def send(store: Store, access_key: str, secret: str) -> str | None:
        with boto(store, access_key, secret, version, service) as client:
            try:
                call(client)
            except ClientError as error:
                return error.response["Error"]["Code"]
        return None

    return send


def boto_presigns(version: str, operation: str, method: str, body: bytes | None = None, **more: Any):
    def send(store: Store, access_key: str, secret: str) -> str | None:
        with boto(store, access_key, secret, version) as client:
            parameters = {"Bucket": "bucket", "Key": "a key/ü", **more}
            url = client.generate_presigned_url(operation, Params=parameters, ExpiresIn=600)
        return code_of(ask(url, method, body))

    return send


def code_of(answer: Any) -> str | None:
    found = CODE.search(answer.body.decode())
    assert (found is None) == (answer.status == 200), answer
    return found and found[1]


@contextlib.contextmanager
def minio(store: Store, access_key: str, secret: str) -> Iterator[Minio]:
    with urllib3.PoolManager(retries=False) as pool:
        yield Minio(
            endpoint=f"127.0.0.1:{store.port}",
            access_key=access_key,
            secret_key=secret,
            secure=False,
            region=REGION,
            http_client=pool,
        )


def minio_sends(call: Callable[[Minio], object]):
    def send(store: Store, access_key: str, secret: str) -> str | None:
        with minio(store, access_key, secret) as client:
            try:
                call(client)
            except S3Error as error:
                return error.code
        return None

    return send


def minio_presigns(store: Store, access_key: str, secret: str) -> str | None:
    with minio(store, access_key, secret) as client:
        url = client.presigned_get_object(bucket_name="bucket", object_name="a key/ü")
    return code_of(ask(url))


def s3cmd(*words: str):
    def send(store: Store, access_key: str, secret: str) -> str | None:
        place = f"127.0.0.1:{store.port}"
        done = run(
            str(Path(sys.executable).with_name("s3cmd")),
            *("--config=/dev/null", "--no-ssl", f"--host={place}", f"--host-bucket={place}"),
            *(
                f"--access_key={access_key}",
                f"--secret_key={secret}",
                f"--region={REGION}",
                "--max-retries=0",
            ),
            *words,
        )
        if done.returncode == 0:
            return None
        found = re.search(r"S3 error: \d+ \((\w+)\)", done.stderr) or CODE.search(done.stderr)
        assert found, done.stderr
        return found[1]

    return send


def curl(target: str, *words: str):
    def send(store: Store, access_key: str, secret: str) -> str | None:
        done = run(
            *("curl", "--silent", "--show-error", "--path-as-is", "--aws-sigv4", f"aws:amz:{REGION}:s3"),
            *("--user", f"{access_key}:{secret}", "--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD"),
            *words,
            store.url + target,
        )
        assert done.returncode == 0, done.stderr
        found = CODE.search(done.stdout)
        return found and found[1]

    return send


def run(*words: str) -> subprocess.CompletedProcess[str]:
    if shutil.which(words[0]) is None:
        pytest.fail(f"The tests need {Path(words[0]).name} and found none.", pytrace=False)
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)


def _upload(client: Any) -> None:
    client.create_multipart_upload(Bucket="bucket", Key="a key/ü", ContentType="text/plain")


def _put(client: Any) -> None:
    client.put_object(Bucket="bucket", Key="k", Body=b"some bytes", Metadata={"colour": "blue"})


def _copy(client: Any) -> None:
    client.copy_object(Bucket="bucket", Key="k", CopySource={"Bucket": "bucket", "Key": "sour ce/+ü"})


def _list(client: Any) -> None:
    client.list_objects_v2(Bucket="bucket", Prefix="a b/+~ü", Delimiter="/", StartAfter="x=&y")


def _put_by_minio(client: Minio) -> None:
    client.put_object(bucket_name="bucket", object_name="a key/ü+", data=io.BytesIO(b"some bytes"), length=10)


SENDERS = {
    **{
        f"boto3-{name}-{version}": boto_sends(call, version)
        for name, call in (("upload", _upload), ("put", _put), ("copy", _copy), ("list", _list))
        for version in ("s3v4", "s3")
    },
    **{
        f"boto3-presigned-{name}-{version}": boto_presigns(version, *call)
        for name, call in (("get", ("get_object", "GET")), ("put", ("put_object", "PUT", b"some bytes")))
        for version in ("s3v4", "s3")
    },
    "boto3-presigned-part-s3v4": boto_presigns(
        "s3v4", "upload_part", "PUT", b"some bytes", UploadId="u/1+=", PartNumber=2
    ),
    "boto3-sts": boto_sends(lambda client: client.get_caller_identity(), service="sts"),
    "boto3-ec2": boto_sends(lambda client: client.describe_regions(RegionNames=["a b+ü"]), service="ec2"),
    "minio-put": minio_sends(_put_by_minio),
    "minio-list": minio_sends(
        lambda client: list(client.list_objects(bucket_name="bucket", prefix="a b/+~ü"))
    ),
    "minio-presigned-get": minio_presigns,
    "s3cmd-list": s3cmd("ls", "s3://bucket/a b+"),
    "s3cmd-put": s3cmd("put", __file__, "s3://bucket/a key ü+"),
    "s3cmd-list-v2": s3cmd("--signature-v2", "ls", "s3://bucket/a b+"),
    "s3cmd-put-v2": s3cmd("--signature-v2", "put", __file__, "s3://bucket/a key ü+"),
    "curl-get": curl("/bucket/a%20key?prefix=x"),
    "curl-put": curl("/bucket/k", "--upload-file", __file__),
}
SCHEMES = {name: "s3v2" if name.endswith(("-s3", "-v2")) else "sigv4" for name in SENDERS}
