"""A place where S3 is spoken, with authsvc deciding who somebody is: what the client suite needs to know of it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.region import Person, Region

CODES: Mapping[str, str] = {
    "wrong secret": "SignatureDoesNotMatch",
    "unknown key": "InvalidAccessKeyId",
    "switched off": "AccountProblem",
    "somebody else's bucket": "AccessDenied",
}


@dataclass(frozen=True)
class Site:
    """One endpoint, of a store or of a gateway in front of one.

    Attributes:
        url: Where S3 is spoken.
        region: Whose people sign.
        signing_region: What a credential scope has to name.
        codes: What the endpoint's clients are told, where that differs from `CODES`.
    """

    url: str
    region: Region
    signing_region: str = "us-east-1"
    codes: Mapping[str, str] = field(default_factory=dict)

    def code(self, case: str) -> str:
        """Return the error code that clients are told in a case of `CODES`."""
        return self.codes.get(case, CODES[case])

    @contextlib.contextmanager
    def client(
        self, person: Person, *, secret: str | None = None, version: str = "s3v4", **config: Any
    ) -> Iterator[Any]:
        """Open boto3's S3 client as the person."""
        options = {"addressing_style": "path", **config.pop("s3", {})}
        client = boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name=self.signing_region,
            aws_access_key_id=person.access_key,
            aws_secret_access_key=secret or person.secret,
            config=Config(signature_version=version, retries={"total_max_attempts": 1}, s3=options, **config),
        )
        with contextlib.closing(client):
            yield client
