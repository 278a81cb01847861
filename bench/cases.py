"""What is asked: one prepared request, or one for each of many people, per way of asking."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from authsvc.model import Secret
from authsvc.signing import cloudstack
from bench.load import spell

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.region import Person, Region

HOST = "s3.region-1.example.com"
TARGET = "/bucket/some/object.bin?partNumber=1&uploadId=abcdef"
JSON = ("Content-Type", "application/json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A way of asking: ``spelled`` writes the question about one person; it counts as ``verifications`` of them.

    A case of ``each`` compares one of its verifications with the bare exchange of that other case.
    """

    name: str
    spelled: Callable[[Region, Person], bytes]
    verifications: int = 1
    each: str = ""

    @property
    def yardstick(self) -> str:
        """Return the name of the case whose bare exchange this one is compared with."""
        return self.each or self.name


def verify(region: Region, person: Person) -> bytes:
    """Ask the native face about an S3 request signed by boto's own signer."""
    headers = [("Authorization", f"Bearer {region.token}"), JSON]
    return spell("POST", "/v1/verify", headers, json.dumps(_question(person)).encode())


def batch(region: Region, person: Person) -> bytes:
    """Ask about a hundred requests at once, as many as fit into 64 KiB."""
    questions = [_question(person, target=f"/b/{number}") for number in range(100)]
    headers = [("Authorization", f"Bearer {region.token}"), JSON]
    body = json.dumps({"requests": questions}, separators=(",", ":")).encode()
    return spell("POST", "/v1/verify/batch", headers, body)


def s3tokens(region: Region, person: Person) -> bytes:
    """Show a string to sign as Swift does."""
    return spell(
        "POST",
        "/v3/s3tokens",
        [("X-Auth-Token", region.token), JSON],
        presented(person.access_key, person.secret),
    )


def get_user(region: Region, person: Person) -> bytes:
    """Ask as CloudStack's API is asked, signed by the root administrator."""
    admin = region.people["admin"]
    parameters = {
        "apiKey": admin.access_key,
        "command": "getUser",
        "expires": (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S+0000"),
        "response": "json",
        "signatureVersion": "3",
        "userapikey": person.access_key,
    }
    made = cloudstack.signature(Secret(admin.secret), cloudstack.canonical_string(parameters))
    return spell("GET", f"/client/api?{urlencode(parameters | {'signature': made})}")


def forward_auth(region: Region, person: Person) -> bytes:
    """Ask as nginx does for a request it is about to pass on."""
    question = _question(person)
    headers = [(name, value) for name, value in question["headers"] if name != "Host"]
    headers += [
        ("X-Auth-Token", region.token),
        ("X-Original-Method", "GET"),
        ("X-Original-URI", question["target"]),
        ("X-Original-Host", HOST),
    ]
    return spell("GET", "/forward-auth", headers)


CASES: Sequence[Case] = (
    Case(name="verify", spelled=verify),
    Case(name="batch", spelled=batch, verifications=100, each="verify"),
    Case(name="s3tokens", spelled=s3tokens),
    Case(name="getUser", spelled=get_user),
    Case(name="forward-auth", spelled=forward_auth),
)


def presented(access_key: str, secret: str) -> bytes:
    """Sign a string to sign for S3, now, and spell it as ``/v3/s3tokens`` takes it."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    scope = f"{stamp[:8]}/us-east-1/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(b'a canonical request').hexdigest()}"
    key = b"AWS4" + secret.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    token = base64.urlsafe_b64encode(text.encode()).decode()
    return json.dumps(
        {"credentials": {"access": access_key, "token": token, "signature": signature}}
    ).encode()


def _question(person: Person, *, target: str = TARGET) -> dict[str, object]:
    request = AWSRequest(
        method="GET", url=f"https://{HOST}{target}", headers={"Host": HOST, "User-Agent": "bench/1.0"}
    )
    S3SigV4Auth(Credentials(person.access_key, person.secret), "s3", "us-east-1").add_auth(request)
    return {
        "method": "GET",
        "target": target,
        "headers": [[name, value] for name, value in request.headers.items()],
        "expect": {"service": "s3"},
    }
