"""What S3's Signature V2 takes from path and query, and what of the query it leaves unsigned."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from authsvc.errors import DuplicateParameter, MalformedParameters
from authsvc.signing.encoding import decode

if TYPE_CHECKING:
    from collections.abc import Collection

    from authsvc.signing.request import SignedRequest

SUB_RESOURCES = frozenset(
    {
        *("accelerate", "acl", "analytics", "cors", "defaultObjectAcl", "delete", "encryption"),
        *("intelligent-tiering", "inventory", "legal-hold", "lifecycle", "location", "logging", "metrics"),
        *("notification", "object-lock", "ownershipControls", "partNumber", "policy", "policyStatus"),
        *("publicAccessBlock", "replication", "requestPayment", "response-cache-control"),
        *("response-content-disposition", "response-content-encoding", "response-content-language"),
        *("response-content-type", "response-expires", "restore", "retention", "select", "select-type"),
        *("storageClass", "tagging", "torrent", "uploadId", "uploads", "versionId", "versioning"),
        *("versions", "website"),
    }
)
"""All that any known store or client signs."""
PARAMETERS = frozenset({"AWSAccessKeyId", "Expires", "Signature"})
_FIELD = re.compile(r"x-amz-[a-z0-9._-]+", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BUCKET_ROOT = re.compile(r"/[^/]+/?")


@dataclass(frozen=True, slots=True, kw_only=True)
class V2Query:
    """A query as V2 sees it; values decoded.

    Attributes:
        sub_resources: What is signed as part of the resource.
        amz: ``x-amz-*`` parameters that are signed as though they were headers; only presigned.
        parameters: The signature's own; only presigned.
        unsigned: Names of all others, as sent.
    """

    sub_resources: Mapping[str, str]
    amz: Mapping[str, str]
    parameters: Mapping[str, str]
    unsigned: tuple[str, ...]


def split_query(request: SignedRequest, sub_resources: Collection[str], *, presigned: bool) -> V2Query:
    """Sort the query's parameters by what V2 does with them.

    Raises:
        DuplicateParameter: One that is signed is given twice.
        MalformedParameters: A value that is signed could be read in two ways.
    """
    subs: dict[str, str] = {}
    amz: dict[str, str] = {}
    parameters: dict[str, str] = {}
    unsigned: list[str] = []
    for plain, (name, value) in zip(request.names, request.pairs, strict=True):
        folded = plain.lower()
        if plain in sub_resources:
            _put(subs, plain, value)
        elif presigned and plain in PARAMETERS:
            _put(parameters, plain, value)
        elif presigned and _FIELD.fullmatch(folded):
            _put(amz, folded, value)
        else:
            unsigned.append(name)
    for value in subs.values():
        _require_one_reading(value, sub_resources)
    return V2Query(sub_resources=subs, amz=amz, parameters=parameters, unsigned=tuple(unsigned))


def canonical_resources(request: SignedRequest, sub_resources: Mapping[str, str]) -> tuple[str, ...]:
    """Write bucket, raw path and sorted sub-resources; for a bucket's root also with its last ``/`` toggled.

    Clients sign ``/bucket/`` and send ``/bucket``. A sub-resource without a value is its name alone, be it sent
    with ``=`` or without.
    """
    pairs = sorted(sub_resources.items())
    query = "&".join([f"{name}={value}" if value else name for name, value in pairs])
    mark = "?" if query else ""
    if request.bucket is not None:
        return (f"/{request.bucket}{request.path}{mark}{query}",)
    path = request.path
    exact = f"{path}{mark}{query}"
    if not _BUCKET_ROOT.fullmatch(path):
        return (exact,)
    other = path.removesuffix("/") if path.endswith("/") else f"{path}/"
    return exact, f"{other}{mark}{query}"


def _put(found: dict[str, str], name: str, value: str | None) -> None:
    if name in found:
        raise DuplicateParameter(argument_name=name)
    text = decode(value or "")
    if text is None or _CONTROL.search(text):
        raise MalformedParameters(f"{name} is not text", argument_name=name)
    found[name] = text


def _require_one_reading(value: str, sub_resources: Collection[str]) -> None:
    """Refuse a value that reads like further sub-resources: decoded, both would be signed alike."""
    for part in value.split("&")[1:]:
        name = part.partition("=")[0]
        if name in sub_resources:
            raise MalformedParameters(f"a value that holds &{name} cannot be signed for", argument_name=name)
