"""A body sent in signed chunks (``aws-chunked``): each signature continues from the one before.

::

    chunk                            trailer

    Algorithm-PAYLOAD                Algorithm-TRAILER
    Timestamp                        Timestamp
    CredentialScope                  CredentialScope
    PreviousSignature                PreviousSignature
    Hex(SHA256(""))                  Hex(SHA256(CanonicalTrailer))
    Hex(SHA256(Chunk))

The first chunk continues from the signature of the request, the last chunk is empty, the trailer comes after it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from authsvc.errors import SignatureMismatch
from authsvc.signing.request import EMPTY_SHA256

if TYPE_CHECKING:
    from collections.abc import Iterable

PADDED = 144
"""Characters a V4A signature takes up in a chunk, so that a body's length is known before it is signed."""


def chunk_string_to_sign(
    *, algorithm: str, timestamp: str, scope: str, previous_signature: str, chunk: bytes
) -> str:
    """Name the algorithm, the request's time and scope and the signature before, over the chunk's hash."""
    digest = hashlib.sha256(chunk).hexdigest()
    return f"{algorithm}-PAYLOAD\n{timestamp}\n{scope}\n{previous_signature}\n{EMPTY_SHA256}\n{digest}"


def trailer_string_to_sign(
    *, algorithm: str, timestamp: str, scope: str, previous_signature: str, trailer: str
) -> str:
    """Name the same over the hash of the trailer, as ``canonical_trailer`` writes it."""
    digest = hashlib.sha256(trailer.encode()).hexdigest()
    return f"{algorithm}-TRAILER\n{timestamp}\n{scope}\n{previous_signature}\n{digest}"


def canonical_trailer(fields: Iterable[tuple[str, str]]) -> str:
    """Write ``name:value`` lines, names in lower case and sorted; without any it is one line feed."""
    named = sorted((name.lower(), value.strip(" \t")) for name, value in fields)
    return "".join(f"{name}:{value}\n" for name, value in named) or "\n"


def padded(signature: str) -> str:
    """Fill a V4A signature up with ``*``, as it stands in a chunk."""
    return signature.ljust(PADDED, "*")


def unpadded(signature: str) -> str:
    """Take the ``*`` off a V4A signature, as it is proven and as the next chunk continues from it.

    Raises:
        SignatureMismatch: It is not of the one length.
    """
    if len(signature) != PADDED:
        raise SignatureMismatch("The signature of a chunk is not 144 characters long.")
    return signature.rstrip("*")
