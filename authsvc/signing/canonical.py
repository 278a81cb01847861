"""The canonical forms Signature V4 is made of, each usable on its own; one line each.

::

    CanonicalRequest       StringToSign

    HTTPMethod             Algorithm
    CanonicalPath          Timestamp
    CanonicalQuery         CredentialScope
    CanonicalHeaders       Hex(SHA256(CanonicalRequest))
    (empty)
    SignedHeaders
    PayloadHash
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from authsvc.signing.encoding import recode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from authsvc.signing.request import QueryPair

_BLANKS = re.compile(r"[ \t]+")


def canonical_request(
    *, method: str, path: str, query: str, headers: str, signed_headers: str, payload: str
) -> str:
    """Join the canonical parts; ``headers`` ends in a line feed, as ``canonical_headers`` makes it."""
    return f"{method}\n{path}\n{query}\n{headers}\n{signed_headers}\n{payload}"


def string_to_sign(*, algorithm: str, timestamp: str, scope: str, canonical_request: str) -> str:
    """Name the algorithm, the time (``YYYYMMDDTHHMMSSZ``) and the scope over the request's hash."""
    digest = hashlib.sha256(canonical_request.encode()).hexdigest()
    return f"{algorithm}\n{timestamp}\n{scope}\n{digest}"


def normalised_path(encoded: str) -> str:
    """Remove dot segments, collapse slashes, encode the encoded path once more (every service but S3)."""
    kept: list[str] = []
    for segment in encoded.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    path = "/" + "/".join(kept)
    if kept and encoded.endswith("/"):
        path += "/"
    return quote(path, safe="/")


def canonical_query(pairs: Iterable[QueryPair]) -> str:
    """Decode and encode each pair once, sort by name and then value; a name alone gets an empty value.

    ``+`` is a space, as every store's form decoding has it.
    """
    encoded = [(_component(name), _component(value) if value else "") for name, value in pairs]
    encoded.sort()
    return "&".join(["=".join(pair) for pair in encoded])


def canonical_headers(fields: Mapping[str, Sequence[str]], names: Iterable[str]) -> str:
    """Write ``name:value`` lines; runs of blanks become one space, repeated headers join with a comma.

    ``fields`` holds trimmed values by lower-case name; every one of ``names`` has to be among them.
    """
    text = "".join([f"{name}:{','.join(fields[name])}\n" for name in names])
    return _BLANKS.sub(" ", text) if "  " in text or "\t" in text else text


def _component(encoded: str) -> str:
    return recode(encoded.replace("+", "%20") if "+" in encoded else encoded)
