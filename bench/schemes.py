"""What a verification costs, scheme by scheme and stage by stage, in process and without HTTP.

``python -m bench.schemes [--rounds 200] [--calls 20]``: every scheme by turns in each round; the figure is the
least of the rounds, because whatever else the machine does can only add to it. ``floor`` is what the HMACs, hashes
or the ECDSA verification of the scheme take by themselves.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import os
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from botocore.auth import (
    HmacV1Auth,
    HmacV1PostAuth,
    HmacV1QueryAuth,
    S3SigV4Auth,
    S3SigV4PostAuth,
    S3SigV4QueryAuth,
    SigV2Auth,
    SigV4Auth,
)
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.crt.auth import CrtS3SigV4AsymAuth

from authsvc import signing
from authsvc.directory.memory import MemoryDirectory
from authsvc.events.silent import SilentEvents
from authsvc.model import Secret
from authsvc.service.verify import Verify
from authsvc.settings import read_settings
from authsvc.signing import SignedRequest
from authsvc.signing.cloudstack import canonical_string, signature
from authsvc.signing.sigv4 import signing_key
from authsvc.signing.sigv4a import private_key, public_key, require_signed_by
from authsvc.wiring.clock import CLOCK
from authsvc.wiring.rules import policy, schemes
from bench.people import ACCESS_KEY, SECRET, somebody

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECRET_KEY = SECRET.reveal()
HOST = "s3.region-1.example.com"
USUAL = {"User-Agent": "bench/1.0 md/Botocore#1.44 ua/2.1", "Accept-Encoding": "identity"}
OBJECT = f"https://{HOST}/bucket/some/object.bin?partNumber=1&uploadId=abcdef"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a request is made of, so that making it can be timed too."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None = None

    def request(self) -> SignedRequest:
        """Make the request."""
        return SignedRequest(method=self.method, target=self.target, headers=self.headers, body=self.body)


def main() -> None:
    """Run and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--calls", type=int, default=20)
    options = parser.parse_args()
    figures = asyncio.run(_measure(dict(requests()), options.rounds, options.calls))
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} CPUs, Python {sys.version.split()[0]}, µs per call"
    )
    columns = ("request", "read", "admit", "prove", "verify", "floor")
    print(f"{'':22}" + "".join(f"{name:>9}" for name in columns))
    for name, stages in figures.items():
        print(f"{name:22}" + "".join(f"{stages[column]:9.1f}" for column in columns))


async def _measure(parts: dict[str, Parts], rounds: int, calls: int) -> dict[str, dict[str, float]]:
    least: dict[str, dict[str, float]] = {name: defaultdict(lambda: float("inf")) for name in parts}
    stages = {name: dict(_stages(one)) for name, one in parts.items()}
    verify = _verify()
    for _ in range(rounds):
        for name, calls_of in stages.items():
            for stage, call in calls_of.items():
                least[name][stage] = min(least[name][stage], _timed(call, calls))
            request = parts[name].request()
            began = time.perf_counter()
            for _ in range(calls):
                await verify(request, caller="bench")
            least[name]["verify"] = min(least[name]["verify"], (time.perf_counter() - began) / calls * 1e6)
    return least


def _stages(parts: Parts) -> Iterator[tuple[str, Callable[[], object]]]:
    settings = read_settings({"AUTHSVC_SIGV2_ALGORITHMS": "HmacSHA256"})
    spoken, rules = schemes(settings), policy(settings)
    request = parts.request()
    claim = signing.read(spoken, request)
    secret, now = Secret(SECRET_KEY), time.time()
    signing.prove(spoken, claim, secret)
    yield "request", parts.request
    yield "read", lambda: signing.read(spoken, request)
    yield "admit", lambda: rules.admit(claim, now=now)
    yield "prove", lambda: signing.prove(spoken, claim, secret)
    yield "floor", _floor(claim)


def _floor(claim: signing.Claim) -> Callable[[], object]:
    """Return the cryptography alone, over as many bytes."""
    text, key = claim.strings_to_sign[0].encode(), SECRET_KEY.encode()
    if claim.scheme == "sigv4a":
        private = private_key(claim.access_key, Secret(SECRET_KEY))
        point = public_key(claim.access_key, Secret(SECRET_KEY))
        assert private
        return lambda: require_signed_by(point, claim.signature, claim.strings_to_sign[0])
    if claim.scope is not None:
        canonical, secret, scope = (claim.canonical_request or "").encode(), Secret(SECRET_KEY), claim.scope
        return lambda: (
            hashlib.sha256(canonical).hexdigest(),
            hmac.digest(signing_key(secret, scope), text, "sha256"),
        )
    return lambda: hmac.digest(key, text, "sha256" if claim.scheme == "sigv2" else "sha1")


def _timed(call: Callable[[], object], calls: int) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - began) / calls * 1e6


def _verify() -> Verify:
    settings = read_settings({})
    return Verify(
        directory=MemoryDirectory(CLOCK, [somebody()]),
        schemes=schemes(settings),
        policy=policy(settings),
        clock=CLOCK,
        events=SilentEvents(),
    )


def requests() -> Iterator[tuple[str, Parts]]:
    """Sign one request in every way, with published signers where there are any."""
    held = Credentials(ACCESS_KEY, SECRET_KEY)
    chunks = {"X-Amz-Decoded-Content-Length": "66560", "Content-Encoding": "aws-chunked"}
    query = {"Action": "DescribeInstances", "Version": "2016-11-15", "Filter.1.Name": "instance-type"}
    yield "cloudstack", _cloudstack()
    yield "sigv4", _signed(S3SigV4Auth(held, "s3", "us-east-1"), "GET", OBJECT)
    yield "sigv4 presigned", _signed(S3SigV4QueryAuth(held, "s3", "us-east-1"), "GET", OBJECT)
    yield "sigv4 in chunks", _signed(_InChunks(held, "s3", "us-east-1"), "PUT", OBJECT, chunks)
    form = "&".join(f"{name}={value}" for name, value in query.items()).encode()
    yield "sigv4, ec2", _signed(SigV4Auth(held, "ec2", "us-east-1"), "POST", f"https://{HOST}/", body=form)
    yield "sigv4a", _signed(CrtS3SigV4AsymAuth(held, "s3", "*"), "GET", OBJECT)
    yield "sigv4-post", _form(S3SigV4PostAuth(held, "s3", "us-east-1"))
    yield "s3v2", _signed(HmacV1Auth(held), "GET", OBJECT)
    yield "s3v2 presigned", _signed(HmacV1QueryAuth(held), "GET", OBJECT)
    yield "s3v2-post", _form(HmacV1PostAuth(held))
    request = AWSRequest(method="GET", url=f"https://{HOST}/", params=query)
    SigV2Auth(held).add_auth(request)
    yield "sigv2", _on_the_wire(request)


class _InChunks(S3SigV4Auth):
    """Signs for a payload in chunks, which botocore itself never does."""

    def payload(self, _request: AWSRequest) -> str:
        return "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"


def _signed(
    auth: S3SigV4Auth, method: str, url: str, headers: dict[str, str] | None = None, body: bytes | None = None
) -> Parts:
    request = AWSRequest(method=method, url=url, headers=USUAL | (headers or {}), data=body)
    auth.add_auth(request)
    return _on_the_wire(request, body)


def _on_the_wire(request: AWSRequest, body: bytes | None = None) -> Parts:
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    headers = [(name, value) for name, value in prepared.headers.items() if name.lower() != "host"]
    text = [(name, value.decode() if isinstance(value, bytes) else str(value)) for name, value in headers]
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return Parts(method=request.method, target=target, headers=(("Host", HOST), *text), body=body)


def _form(auth: S3SigV4PostAuth) -> Parts:
    request = AWSRequest(method="POST", url=f"https://{HOST}/bucket")
    end = datetime.now(UTC) + timedelta(minutes=10)
    request.context["s3-presign-post-fields"] = {"key": "user/${filename}", "acl": "private"}
    request.context["s3-presign-post-policy"] = {
        "expiration": f"{end:%Y-%m-%dT%H:%M:%SZ}",
        "conditions": [{"bucket": "bucket"}, ["starts-with", "$key", "user/"], {"acl": "private"}],
    }
    auth.add_auth(request)
    fields = request.context["s3-presign-post-fields"].items()
    body = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields
    )
    body += '--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    headers = (("Host", HOST), ("Content-Type", "multipart/form-data; boundary=b"), *USUAL.items())
    return Parts(method="POST", target="/bucket", headers=headers, body=body.encode())


def _cloudstack() -> Parts:
    end = datetime.now(UTC) + timedelta(minutes=10)
    given = {
        "apiKey": ACCESS_KEY,
        "command": "listVirtualMachines",
        "expires": f"{end:%Y-%m-%dT%H:%M:%S+0000}",
        "listall": "true",
        "page": "1",
        "pagesize": "500",
        "response": "json",
        "signatureVersion": "3",
    }
    made = signature(Secret(SECRET_KEY), canonical_string(given))
    query = "&".join(
        f"{name}={quote(value, safe='')}" for name, value in [*given.items(), ("signature", made)]
    )
    return Parts(method="GET", target=f"/client/api?{query}", headers=(("Host", HOST), *USUAL.items()))


if __name__ == "__main__":
    main()
