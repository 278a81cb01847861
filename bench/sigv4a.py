"""What V4A costs in process: each stage, and V4 beside it, interleaved in one run.

``python -m bench.sigv4a [--rounds 9] [--number 1000]``: CPU time of this process, the least of the rounds, because
whatever else the machine does only adds to it.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.crt.auth import CrtS3SigV4AsymAuth

from authsvc import signing
from authsvc.directory.edge_file import EdgeFileWriter, read_edge_keys
from authsvc.directory.edge_signer import new_signer, read_signer
from authsvc.directory.rows import Holding
from authsvc.model import AccessKey
from authsvc.signing.sigv4 import SigV4
from authsvc.signing.sigv4a import SigV4A, private_key, public_key, read_point
from bench.people import ACCESS_KEY, SECRET, somebody

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMES = (SigV4(), SigV4A())
KEYS_IN_A_FILE = 1000


def main() -> None:
    """Run and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--number", type=int, default=1000)
    options = parser.parse_args()
    stages = _stages()
    least = dict.fromkeys(stages, float("inf"))
    for _ in range(options.rounds):
        for name, (stage, each) in stages.items():
            number = max(1, options.number // each)
            began = time.process_time()
            for _ in range(number):
                stage()
            took = (time.process_time() - began) / number / each * 1e6
            least[name] = min(least[name], took)
    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} CPUs, Python {sys.version.split()[0]}, CPU µs")
    yardstick = least["V4: read and prove"]
    for name, took in least.items():
        print(f"{name:52}{took:8.1f}{took / yardstick:8.2f}")


def _stages() -> dict[str, tuple[Callable[[], Any], int]]:
    """Name each stage, and how many verifications or keys it is worth."""
    symmetric, asymmetric = request(S3SigV4Auth, "us-east-1"), request(CrtS3SigV4AsymAuth, "us-*")
    claim = signing.read(SCHEMES, asymmetric)
    key = public_key(ACCESS_KEY, SECRET)
    pem, public = new_signer()
    file = edge_file(pem)

    def verify(signed: signing.SignedRequest, verifier: Any) -> None:
        signing.prove(SCHEMES, signing.read(SCHEMES, signed), verifier)

    return {
        "V4: read and prove": (lambda: verify(symmetric, SECRET), 1),
        "V4A: read": (lambda: signing.read(SCHEMES, asymmetric), 1),
        "V4A: prove by the public key": (lambda: signing.prove(SCHEMES, claim, key), 1),
        "V4A: read and prove by the public key": (lambda: verify(asymmetric, key), 1),
        "V4A: read and prove by the secret key": (lambda: verify(asymmetric, SECRET), 1),
        "V4A: derive the private key": (lambda: private_key(ACCESS_KEY, SECRET), 1),
        "V4A: derive the public key": (lambda: public_key(ACCESS_KEY, SECRET), 1),
        "edge keys: write, a key": (lambda: edge_file(pem), KEYS_IN_A_FILE),
        "edge keys: read, a key": (lambda: read_edge_keys(file, [public]), KEYS_IN_A_FILE),
        "edge keys: read a point of the curve": (lambda: read_point(key.point), 1),
    }


def request(signer: Any, region: str) -> signing.SignedRequest:
    """Let a published signer sign an S3 GET."""
    url = "https://s3.region-1.example.com/bucket/some/object.bin?partNumber=1&uploadId=abcdef"
    made = AWSRequest(method="GET", url=url, headers={"User-Agent": "bench/1.0", "Accept": "*/*"})
    signer(Credentials(ACCESS_KEY, SECRET.reveal()), "s3", region).add_auth(made)
    headers = [pair for pair in made.headers.items() if pair[0].lower() != "host"]
    return signing.SignedRequest(
        method="GET",
        target="/bucket/some/object.bin?partNumber=1&uploadId=abcdef",
        headers=(("Host", "s3.region-1.example.com"), *headers),
    )


def edge_file(pem: bytes) -> bytes:
    """Write a file of keys."""
    file = io.BytesIO()
    writer = EdgeFileWriter(file, read_signer(pem), region=1, exported_at=0.0, expires_at=1.0)
    for number in range(KEYS_IN_A_FILE):
        credential = somebody(AccessKey(f"{ACCESS_KEY}{number}"))
        writer.add(Holding(access_key=credential.access_key, credential=credential))
    writer.close()
    return file.getvalue()


if __name__ == "__main__":
    main()
