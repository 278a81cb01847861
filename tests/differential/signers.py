"""Published Python clients, each signing an order as it would be sent: `SIGNERS[name](order) -> SignedRequest`."""

from __future__ import annotations

import contextlib
import datetime as dt
import email.utils
import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import requests
import S3.Config
import S3.Crypto
import urllib3
from botocore.auth import (
    HmacV1Auth,
    HmacV1QueryAuth,
    S3SigV4Auth,
    S3SigV4QueryAuth,
    SigV4Auth,
    SigV4QueryAuth,
)
from botocore.awsrequest import AWSRequest, AWSResponse
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
from minio import Minio
from requests_aws4auth import AWS4Auth
from S3.SortedDict import SortedDict

from authsvc.signing import SignedRequest
from tests.differential.orders import ACCESS_KEY, BUCKET, EXPIRES, HOST, REGION, SECRET_KEY, Order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ENDPOINT = f"http://{HOST}"


class WillNot(Exception):
    """The client has no such call, or refuses the order by itself."""


def wire(method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes | None) -> SignedRequest:
    """Put what a client made on the wire as HTTP libraries do: Host from the URL, the fragment left off."""
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    pairs = [(name, value) for name, value in headers if name.lower() != "host"]
    return SignedRequest(method=method, target=target, headers=(("Host", parts.netloc), *pairs), body=body)


def unrepeated(order: Order) -> dict[str, str]:
    """Return the query as clients hold it that keep one value for each name."""
    if len(dict(order.query)) != len(order.query):
        raise WillNot("it cannot repeat a name")
    return dict(order.query)


def text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


# --- botocore's signers, without and with the AWS common runtime ---


def botocore(
    make: Callable[[Credentials, str], Any], *, body: bool = True, keep: tuple[str, ...] | None = None
):
    """Sign by one class.

    ``body`` says whether it is told of the body; in the query it would take it for parameters. Of what it moved
    to the query, only the headers in ``keep`` are sent as well.
    """

    def sign(order: Order) -> SignedRequest:
        request = AWSRequest(
            method=order.method,
            url=f"{ENDPOINT}{order.target}",
            headers=dict(order.headers),
            data=order.body if body else None,
        )
        make(Credentials(ACCESS_KEY, SECRET_KEY, order.token), order.service).add_auth(request)
        pairs = [
            (name, text(value))
            for name, value in request.headers.items()
            if keep is None or name.lower() in keep
        ]
        return wire(order.method, request.url, pairs, order.body)

    return sign


# --- boto3, a whole client ---


@contextlib.contextmanager
def boto3_client(version: str):
    client = boto3.client(
        "s3",
        endpoint_url=ENDPOINT,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(signature_version=version, s3={"addressing_style": "path"}),
    )
    with contextlib.closing(client):
        yield client


def _call(order: Order) -> tuple[str, dict[str, Any]]:
    """Choose boto3's operation for an order."""
    query = dict(order.query)
    if order.name in {"empty-values", "awkward-query"}:
        more = {"Prefix": query["prefix"]} | ({"Marker": query["marker"]} if "marker" in query else {})
        return "list_objects", {"Bucket": BUCKET, **more}
    where = {"Bucket": BUCKET, "Key": order.key}
    if order.name == "sub-resources":
        return "upload_part", where | {"UploadId": query["uploadId"], "PartNumber": 2, "Body": b"x"}
    if order.query:
        raise WillNot
    if order.name == "copy":
        return "copy_object", where | {"CopySource": {"Bucket": BUCKET, "Key": "sour ce/+ü"}}
    if order.method == "PUT":
        more = {"Metadata": {"colour": "blue  and   green"}, "ACL": "private"} if order.headers else {}
        return "put_object", where | {"Body": order.body} | more
    return {"GET": "get_object", "HEAD": "head_object", "DELETE": "delete_object"}[order.method], where


def boto3_sends(version: str):
    def sign(order: Order) -> SignedRequest:
        operation, parameters = _call(order)
        sent: list[Any] = []

        def answer(request, **_):
            sent.append(request)
            return AWSResponse(request.url, 200, {}, _Nothing())

        with boto3_client(version) as client:
            client.meta.events.register("before-send.s3", answer)
            with contextlib.suppress(Exception):  # what it makes of an empty answer is not our business
                getattr(client, operation)(**parameters)
        (request,) = sent
        pairs = [(name, text(value)) for name, value in request.headers.items()]
        return wire(request.method, request.url, pairs, None)

    return sign


class _Nothing:
    """The body of an answer without one."""

    def stream(self, **_):
        return iter(())

    read = stream


def boto3_presigns(version: str):
    def sign(order: Order) -> SignedRequest:
        operation, parameters = _call(order)
        parameters.pop("Body", None)
        if operation in {"put_object", "copy_object"} and len(parameters) > 2:
            raise WillNot  # which headers the sender has to add, it does not tell
        with boto3_client(version) as client:
            url = client.generate_presigned_url(operation, Params=parameters, ExpiresIn=EXPIRES)
        return wire(order.method, url, (), None)

    return sign


# --- minio ---


class MinioHears(urllib3.PoolManager):
    """A pool that sends nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, str, Any]] = []

    def urlopen(self, method, url, redirect=True, **more):
        self.heard.append((method, url, more["headers"]))
        return urllib3.HTTPResponse(b"", status=200, headers={"content-type": "application/xml"})


def minio_client(hears: MinioHears) -> Minio:
    return Minio(
        endpoint=HOST,
        access_key=ACCESS_KEY,
        secret_key=SECRET_KEY,
        secure=False,
        region=REGION,
        http_client=hears,
    )


def minio_sends(order: Order) -> SignedRequest:
    hears = MinioHears()
    try:
        minio_client(hears)._execute(
            method=order.method,
            bucket_name=BUCKET,
            object_name=order.key,
            body=order.body,
            headers=dict(order.headers),
            query_params=unrepeated(order),
        )
    except ValueError as error:
        raise WillNot(str(error)) from None
    ((method, url, sent),) = hears.heard
    return wire(method, url, [(name, text(value)) for name, value in sent.items()], order.body)


def minio_presigns(order: Order) -> SignedRequest:
    if order.headers:
        raise WillNot
    try:
        url = minio_client(MinioHears()).get_presigned_url(
            method=order.method,
            bucket_name=BUCKET,
            object_name=order.key,
            expires=dt.timedelta(seconds=EXPIRES),
            extra_query_params=unrepeated(order),
        )
    except ValueError as error:
        raise WillNot(str(error)) from None
    return wire(order.method, url, (), None)


# --- requests-aws4auth ---


def aws4auth(order: Order) -> SignedRequest:
    auth = AWS4Auth(ACCESS_KEY, SECRET_KEY, REGION, order.service, session_token=order.token)
    request = requests.Request(
        order.method, f"{ENDPOINT}{order.target}", headers=order.headers, data=order.body, auth=auth
    ).prepare()
    pairs = [(name, text(value)) for name, value in request.headers.items()]
    return wire(request.method, request.url, pairs, order.body)


# --- s3cmd, by its module that signs ---


def s3cmd(version: int):
    def sign(order: Order) -> SignedRequest:
        configuration = S3.Config.Config()
        configuration.access_key, configuration.secret_key = ACCESS_KEY, SECRET_KEY
        parameters, headers = unrepeated(order), SortedDict(order.headers, ignore_case=True)
        if not all(re.fullmatch(r"[A-Za-z-]+", name) for name in parameters):
            raise WillNot("s3cmd knows its names and encodes none")
        uri = f"/{BUCKET}/{order.key}"
        if version == 2:
            headers["x-amz-date"] = email.utils.formatdate(usegmt=True)
            signed = S3.Crypto.sign_request_v2(order.method, uri, parameters, headers)
        else:
            signed = S3.Crypto.sign_request_v4(
                order.method, HOST, uri, parameters, REGION, headers, order.body or b""
            )
        # As S3.S3Request does: what is signed and what is sent come from the same two functions.
        path = S3.Crypto.s3_quote(uri, quote_backslashes=False, unicode_output=True)
        url = f"{ENDPOINT}{path}{S3.Crypto.format_param_str(parameters, always_have_equal=version == 4)}"
        return wire(order.method, url, list(signed.items()), order.body)

    return sign


def s3cmd_presigns(order: Order) -> SignedRequest:
    if order.method != "GET" or order.query or order.headers:
        raise WillNot
    configuration = S3.Config.Config()
    configuration.access_key, configuration.secret_key = ACCESS_KEY, SECRET_KEY
    configuration.host_base = configuration.host_bucket = HOST
    url = S3.Crypto.sign_url_base_v2(bucket=BUCKET, object=order.key, expiry=f"+{EXPIRES}")
    return wire("GET", url, (), None)


def _scoped(kind: type, **more: Any) -> Callable[[Credentials, str], Any]:
    return lambda credentials, service: kind(credentials, service, REGION, **more)


def _plain(kind: type, **more: Any) -> Callable[[Credentials, str], Any]:
    return lambda credentials, _service: kind(credentials, **more)


V2_KEPT = ("host", "content-type", "content-md5")

SIGNERS: dict[str, Callable[[Order], SignedRequest]] = {
    "botocore-header": botocore(_scoped(S3SigV4Auth)),
    "botocore-query": botocore(_scoped(S3SigV4QueryAuth, expires=EXPIRES), body=False),
    "botocore-crt-header": botocore(_scoped(CrtS3SigV4Auth)),
    "botocore-crt-query": botocore(_scoped(CrtS3SigV4QueryAuth, expires=EXPIRES), body=False),
    "botocore-v2-header": botocore(_plain(HmacV1Auth)),
    "botocore-v2-query": botocore(_plain(HmacV1QueryAuth, expires=EXPIRES), keep=V2_KEPT),
    "boto3-header": boto3_sends("s3v4"),
    "boto3-query": boto3_presigns("s3v4"),
    "boto3-v2-header": boto3_sends("s3"),
    "boto3-v2-query": boto3_presigns("s3"),
    "minio-py-header": minio_sends,
    "minio-py-query": minio_presigns,
    "requests-aws4auth": aws4auth,
    "s3cmd-header": s3cmd(4),
    "s3cmd-v2-header": s3cmd(2),
    "s3cmd-v2-query": s3cmd_presigns,
}
"""Clients of S3."""

ASYMMETRIC_SIGNERS: dict[str, Callable[[Order], SignedRequest]] = {
    "botocore-crt-v4a-header": botocore(_scoped(CrtS3SigV4AsymAuth)),
    "botocore-crt-v4a-query": botocore(_scoped(CrtS3SigV4AsymQueryAuth, expires=EXPIRES), body=False),
}
"""Clients of S3 that sign with ECDSA."""

SERVICE_SIGNERS: dict[str, Callable[[Order], SignedRequest]] = {
    "botocore-header": botocore(_scoped(SigV4Auth)),
    "botocore-query": botocore(_scoped(SigV4QueryAuth, expires=EXPIRES)),
    "botocore-crt-header": botocore(_scoped(CrtSigV4Auth)),
    "botocore-crt-query": botocore(_scoped(CrtSigV4QueryAuth, expires=EXPIRES)),
    "botocore-crt-v4a-header": botocore(_scoped(CrtSigV4AsymAuth)),
    "botocore-crt-v4a-query": botocore(_scoped(CrtSigV4AsymQueryAuth, expires=EXPIRES)),
    "requests-aws4auth": aws4auth,
}
"""Clients of every other service."""

JAVASCRIPT = {
    "s3": (
        "smithy-header",
        "smithy-query",
        "smithy-v4a-header",
        "aws-sdk-query",
        "minio-js-header",
        "minio-js-query",
        "aws4-header",
        "aws4-query",
        "aws4fetch-header",
        "aws4fetch-query",
    ),
    "execute-api": (
        "smithy-header",
        "smithy-query",
        "smithy-v4a-header",
        "aws4-header",
        "aws4-query",
        "aws4fetch-header",
        "aws4fetch-query",
    ),
}
"""Clients in `tests/clients/js`, by the service they sign for."""

BOTO2 = ("boto2-header", "boto2-v2-header", "boto2-v2-query") if sys.version_info < (3, 12) else ()
"""Clients of S3 in `boto2.py`; no later Python imports them."""


def boto2_signs(orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Let boto 2 sign, in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.differential.boto2"]
    done = subprocess.run(
        command, input=json.dumps(orders), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def from_document(order: Order, document: dict[str, Any]) -> SignedRequest:
    """Build what a program said it would send."""
    if "error" in document:
        raise WillNot(document["error"])
    return SignedRequest(
        method=document["method"],
        target=document["target"],
        headers=tuple((name, value) for name, value in document["headers"]),
        body=order.body,
    )
