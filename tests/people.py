"""Users, keys and signed requests that tests share."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from authsvc.model import (
    AccessKey,
    Account,
    AccountType,
    Credential,
    Domain,
    Freshness,
    KeyPair,
    Principal,
    Secret,
    State,
    User,
)
from authsvc.signing import Scope, SignedRequest
from authsvc.signing.canonical import canonical_query, canonical_request, string_to_sign
from authsvc.signing.encoding import recode_path
from authsvc.signing.sigv4 import ALGORITHM, signature, signing_key

NOW = 1_800_000_000.0
ACCESS_KEY = AccessKey(
    "plgWJfZK4gyS3mOMTVmjUVg-X-jlWlnfaUJ9GAbBbf9EdM-kAYMmAiLqzzq1ElZLYq_u38zCm0bewzGUdP66mg"
)
SECRET_KEY = "VDaACYb0LV9eNjTetIOElcVQkvJck_J_QljX_FcHRj87ZKiy0z0ty0ZsYBkoXkY9b7eq1EhwJaw7FF3akA3KBQ"


def alice(
    *,
    access_key: str = ACCESS_KEY,
    secret: str = SECRET_KEY,
    as_of: float = NOW,
    ambiguous: bool = False,
    user: dict[str, Any] | None = None,
    account: dict[str, Any] | None = None,
    domain: dict[str, Any] | None = None,
    key: dict[str, Any] | None = None,
) -> Credential:
    """Make alice's credential, changed as asked."""
    return Credential(
        access_key=AccessKey(access_key),
        verifier=Secret(secret),
        principal=Principal(
            user=User(
                **{
                    "id": "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
                    "name": "alice",
                    "state": State.ENABLED,
                    "firstname": "Alice",
                    "lastname": "Liddell",
                    "email": "alice@example.com",
                    "timezone": "UTC",
                    "created": NOW - 86400,
                    "source": "native",
                    **(user or {}),
                }
            ),
            account=Account(
                **{
                    "id": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
                    "name": "acme",
                    "type": AccountType.NORMAL,
                    "state": State.ENABLED,
                    **(account or {}),
                }
            ),
            domain=Domain(
                **{
                    "id": "16fd2706-8baf-433b-82eb-8c7fada847da",
                    "name": "ROOT",
                    "path": "/",
                    **(domain or {}),
                }
            ),
            key=KeyPair(**(key or {})),
        ),
        freshness=Freshness(as_of=as_of, source="database"),
        ambiguous=ambiguous,
    )


def signed_s3(
    *,
    method: str = "GET",
    path: str = "/bucket/key",
    query: str | None = None,
    headers: tuple[tuple[str, str], ...] = (),
    host: str = "s3.example.com",
    at: float = NOW,
    access_key: str = ACCESS_KEY,
    secret: str = SECRET_KEY,
    region: str = "us-east-1",
    payload: str | None = None,
) -> SignedRequest:
    """Sign a request as an S3 client does, in the header."""
    stamp = datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = Scope(date=stamp[:8], region=region, service="s3")
    payload = payload or hashlib.sha256(b"").hexdigest()
    pairs = (("Host", host), ("X-Amz-Date", stamp), ("X-Amz-Content-Sha256", payload), *headers)
    names = sorted(name.lower() for name, _ in pairs)
    values = {name.lower(): value for name, value in pairs}
    unsigned = SignedRequest(
        method=method, target=path if query is None else f"{path}?{query}", headers=pairs
    )
    text = string_to_sign(
        algorithm=ALGORITHM,
        timestamp=stamp,
        scope=scope.text,
        canonical_request=canonical_request(
            method=method,
            path=recode_path(path),
            query=canonical_query(unsigned.pairs),
            headers="".join(f"{name}:{values[name]}\n" for name in names),
            signed_headers=";".join(names),
            payload=payload,
        ),
    )
    made = signature(signing_key(Secret(secret), scope), text)
    authorization = (
        f"{ALGORITHM} Credential={access_key}/{scope.text}, SignedHeaders={';'.join(names)}, Signature={made}"
    )
    return SignedRequest(
        method=method, target=unsigned.target, headers=(*pairs, ("Authorization", authorization))
    )


class StoppedClock:
    """A clock that moves when told."""

    def __init__(self, now: float = NOW) -> None:
        self.wall = now
        self.steady = 1000.0

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.steady

    def advance(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


class HeardEvents:
    """Keeps every decision."""

    def __init__(self) -> None:
        self.decisions: list[Any] = []

    def record(self, decision: Any) -> None:
        self.decisions.append(decision)
