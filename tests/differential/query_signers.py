"""Published clients of CloudStack and of the Query APIs: `SIGNERS[name](parameters, method) -> SignedRequest`."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from botocore.auth import SigV2Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.crt.auth import CrtSigV4Auth
from cs import CloudStack
from keystoneclient.contrib.ec2.utils import Ec2Signer
from libcloud.compute.drivers.cloudstack import CloudStackNodeDriver

from tests.differential.orders import ACCESS_KEY, HOST, REGION, SECRET_KEY
from tests.differential.signers import text, wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from authsvc.signing import SignedRequest

    Sign = Callable[[dict[str, str], str], SignedRequest]

ENDPOINT = f"http://{HOST}/client/api"
PATH = "/services/Cloud/"
FORM = "application/x-www-form-urlencoded"


class Heard(Exception):
    """Carries what was about to be sent."""


# --- CloudStack ---


class _Session:
    """Stands where cs has its HTTP session."""

    def send(self, prepared, **_):
        raise Heard(prepared)


def cs(parameters: dict[str, str], method: str, expiration: int = 600) -> SignedRequest:
    client = CloudStack(
        ENDPOINT,
        ACCESS_KEY,
        SECRET_KEY,
        method=method.lower(),
        session=_Session(),
        expiration=expiration,
    )
    try:
        client.listZones(**parameters)
    except Heard as heard:
        (sent,) = heard.args
    body = sent.body.encode() if isinstance(sent.body, str) else sent.body
    pairs = [(name, text(value)) for name, value in sent.headers.items()]
    return wire(sent.method, sent.url, pairs, body)


def cs_version_1(parameters: dict[str, str], method: str) -> SignedRequest:
    return cs(parameters, method, expiration=-1)


class _Wire:
    """Stands where libcloud has its connection."""

    def request(self, **sent):
        raise Heard(sent)


def libcloud(parameters: dict[str, str], method: str) -> SignedRequest:
    host, _, port = HOST.partition(":")
    driver = CloudStackNodeDriver(
        ACCESS_KEY, SECRET_KEY, host=host, port=int(port), path="/client/api", secure=False
    )
    connection = driver.connection
    connection.connect = lambda **_: None
    connection.connection = _Wire()
    try:
        connection.request("/client/api", params={"command": "listZones", **parameters}, method=method)
    except Heard as heard:
        (sent,) = heard.args
    pairs = [(name, text(value)) for name, value in sent["headers"].items()]
    return wire(sent["method"], f"http://{HOST}{sent['url']}", pairs, None)


# --- Query APIs ---


def ec2signer(version: str):
    """Let keystoneclient sign: what Heat, and every EC2 gateway of OpenStack, signs or checks with."""

    def sign(parameters: dict[str, str], method: str) -> SignedRequest:
        now = time.gmtime()
        stamp = time.strftime("%Y%m%dT%H%M%SZ", now)
        signed = {"Action": "DescribeInstances", "Version": "2010-08-31", **parameters}
        headers = {"Host": HOST}
        if version == "2":
            signed |= {
                "AWSAccessKeyId": ACCESS_KEY,
                "SignatureVersion": "2",
                "SignatureMethod": "HmacSHA256",
                "Timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", now),
            }
        else:
            listed = "host;x-amz-date" if method == "GET" else "content-type;host;x-amz-date"
            headers |= {"X-Amz-Date": stamp} | ({} if method == "GET" else {"Content-Type": FORM})
            credential = f"{ACCESS_KEY}/{stamp[:8]}/{REGION}/ec2/aws4_request"
            headers["Authorization"] = (
                f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={listed}, Signature="
            )
        body = urlencode(signed, quote_via=quote).encode() if method == "POST" and version == "4" else b""
        made = Ec2Signer(SECRET_KEY).generate(
            {
                "verb": method,
                "host": HOST,
                "path": PATH,
                "params": signed,
                "headers": headers,
                "body_hash": hashlib.sha256(body).hexdigest(),
            }
        )
        if version == "2":
            signed["Signature"] = made
        else:
            headers["Authorization"] += made
        return _query_api(method, signed, headers)

    return sign


def _query_api(method: str, parameters: dict[str, str], headers: dict[str, str]) -> SignedRequest:
    sent = urlencode(parameters, quote_via=quote)
    pairs = list(headers.items())
    if method == "GET":
        return wire("GET", f"http://{HOST}{PATH}?{sent}", pairs, None)
    pairs = [*(pair for pair in pairs if pair[0] != "Content-Type"), ("Content-Type", FORM)]
    return wire("POST", f"http://{HOST}{PATH}", pairs, sent.encode())


def botocore_v2(parameters: dict[str, str], method: str) -> SignedRequest:
    """Sign as botocore does for the services that still have version 2."""
    signed = {"Action": "DescribeInstances", "Version": "2010-08-31", **parameters}
    request = AWSRequest(method=method, url=f"http://{HOST}{PATH}")
    setattr(request, "params" if method == "GET" else "data", signed)
    SigV2Auth(Credentials(ACCESS_KEY, SECRET_KEY)).add_auth(request)
    return _query_api(method, getattr(request, "params" if method == "GET" else "data"), {})


def botocore_v4(kind: Any):
    def sign(parameters: dict[str, str], method: str) -> SignedRequest:
        signed = urlencode({"Action": "DescribeInstances", **parameters}, quote_via=quote)
        if method == "GET":
            request = AWSRequest(method="GET", url=f"http://{HOST}{PATH}?{signed}")
        else:
            request = AWSRequest(
                method="POST", url=f"http://{HOST}{PATH}", data=signed, headers={"Content-Type": FORM}
            )
        kind(Credentials(ACCESS_KEY, SECRET_KEY), "ec2", REGION).add_auth(request)
        pairs = [(name, text(value)) for name, value in request.headers.items()]
        return wire(method, request.url, pairs, signed.encode() if method == "POST" else None)

    return sign


CLOUDSTACK: dict[str, Sign] = {"cs": cs, "cs-version-1": cs_version_1, "libcloud": libcloud}
QUERY_APIS: dict[str, Sign] = {
    "ec2signer-v2": ec2signer("2"),
    "ec2signer-v4": ec2signer("4"),
    "botocore-v2": botocore_v2,
    "botocore-v4": botocore_v4(SigV4Auth),
    "botocore-crt-v4": botocore_v4(CrtSigV4Auth),
}
