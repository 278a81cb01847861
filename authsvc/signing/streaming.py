"""Payloads in chunks: what a request announces of them, and whether they are what was signed.

Chunks go to the store, which checks each before it releases its bytes; what it needs for that is a ``Chunks``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authsvc.errors import (
    IncompleteBody,
    InvalidChunkSize,
    MalformedTrailer,
    MissingDecodedLength,
    NotAnUpload,
    UnknownTrailer,
)
from authsvc.signing.chunks import canonical_trailer, chunk_string_to_sign, trailer_string_to_sign, unpadded
from authsvc.signing.request import EMPTY_SHA256
from authsvc.signing.resource import SUB_RESOURCES
from authsvc.signing.scope import ASYMMETRIC

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authsvc.errors import Denied
    from authsvc.signing.claim import Payload
    from authsvc.signing.request import SignedRequest

SMALLEST: Final = 8192
"""Bytes of a chunk that is not the last one, at least."""
DECODED_LENGTH: Final = "x-amz-decoded-content-length"
TRAILERS: Final = "x-amz-trailer"
_TRAILER_SIGNATURE: Final = "x-amz-trailer-signature"
_LENGTH: Final = re.compile(r"\d{1,15}", re.ASCII)
_CHECKSUM: Final = re.compile(r"x-amz-checksum-[a-z0-9]{1,32}", re.ASCII)
_HEAD: Final = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;chunk-signature=([0-9a-f]{16,144}\*{0,128}))?")
_NOT_UPLOADS: Final = SUB_RESOURCES - {"partNumber", "uploadId"}
_TAKES_TRAILERS: Final = frozenset({"streaming-trailer", "streaming-unsigned-trailer"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunks:
    """What the header of a request says of the chunks that follow it.

    Attributes:
        algorithm: The request's; None where chunks carry no signatures.
        timestamp: The request's, ``YYYYMMDDTHHMMSSZ``.
        scope: The credential scope, as it stands in strings to sign.
        seed: The signature the first chunk goes on from: the request's.
        decoded_length: Bytes of the payload without its framing; None where that is not said.
        trailer_names: Lower-case names of the trailers announced.
        has_trailers: The payload ends in trailers, were it none.
        body: The framed payload, where the caller sent it along.
    """

    algorithm: str | None
    timestamp: str
    scope: str
    seed: str
    decoded_length: int | None
    trailer_names: tuple[str, ...] = ()
    has_trailers: bool = False
    body: bytes | None = None

    @property
    def first_string_to_sign_prefix(self) -> str | None:
        """Return the first chunk's string to sign but for its last line, the hash of the chunk."""
        if self.algorithm is None:
            return None
        return self.string_to_sign(self.seed, b"").removesuffix(EMPTY_SHA256)

    def string_to_sign(self, previous: str, data: bytes) -> str:
        """Write a chunk's string to sign."""
        return chunk_string_to_sign(
            algorithm=self.algorithm or "",
            timestamp=self.timestamp,
            scope=self.scope,
            previous_signature=previous,
            chunk=data,
        )

    def trailer_string_to_sign(self, previous: str, trailers: Mapping[str, str]) -> str:
        """Write the trailers' string to sign; ``previous`` is the signature of the last, empty chunk."""
        return trailer_string_to_sign(
            algorithm=self.algorithm or "",
            timestamp=self.timestamp,
            scope=self.scope,
            previous_signature=previous,
            trailer=canonical_trailer(trailers.items()),
        )


def read_chunks(
    request: SignedRequest, *, mode: Payload, algorithm: str, timestamp: str, scope: str, seed: str
) -> Chunks:
    """Read what announces chunks; ``mode`` is one of those in which a payload comes so.

    Raises:
        DuplicateParameter: The length is given twice.
    """
    length = request.header(DECODED_LENGTH) or ""
    names = ",".join(request.fields.get(TRAILERS, ()))
    return Chunks(
        algorithm=None if mode == "streaming-unsigned-trailer" else algorithm,
        timestamp=timestamp,
        scope=scope,
        seed=seed,
        decoded_length=int(length) if _LENGTH.fullmatch(length) else None,
        trailer_names=tuple(sorted(name.strip(" \t").lower() for name in names.split(","))) if names else (),
        has_trailers=mode in _TAKES_TRAILERS,
        body=request.body,
    )


def objection(request: SignedRequest, chunks: Chunks) -> Denied | None:
    """Return what is wrong with a request that announces chunks, to be told once its signature is proven."""
    if request.method != "PUT" or request.path == "/" or not _NOT_UPLOADS.isdisjoint(request.names):
        return NotAnUpload()
    if chunks.decoded_length is None:
        return MissingDecodedLength()
    trailers = chunks.trailer_names
    if trailers and not chunks.has_trailers:
        return UnknownTrailer("x-amz-trailer is given for a payload that has no trailers")
    if len(set(trailers)) < len(trailers) or not all(map(_CHECKSUM.fullmatch, trailers)):
        return UnknownTrailer()
    return None


def decode(chunks: Chunks, body: bytes, prove: Callable[[str, str], None]) -> bytes:
    """Take the framing off a whole payload, each chunk proven before the next is looked at.

    Args:
        chunks: What the header said.
        body: The framed payload, whole.
        prove: Takes a string to sign and a signature; returns only if they belong together.

    Raises:
        SignatureMismatch: Out of ``prove``.
        IncompleteBody: The framing is broken, or the payload shorter or longer than was said.
        InvalidChunkSize: A chunk that is not the last one is too small.
        MalformedTrailer: The trailers are not those that were announced.
    """
    decoded = bytearray()
    previous, size, place = chunks.seed, SMALLEST, 0
    while True:
        given, signature, place = _head(chunks, body, place)
        if given and size < SMALLEST:
            raise InvalidChunkSize(chunk=size)
        size = given
        data = body[place : place + size]
        if len(data) < size or len(decoded) + size > (chunks.decoded_length or 0):
            raise IncompleteBody
        if chunks.algorithm is not None:
            prove(chunks.string_to_sign(previous, data), signature)
        previous = signature
        decoded += data
        place += size
        if size == 0:
            break
        if body[place : place + 2] != b"\r\n":
            raise IncompleteBody
        place += 2
    if len(decoded) != chunks.decoded_length:
        raise IncompleteBody
    _prove_trailers(chunks, body[place:], previous, prove)
    return bytes(decoded)


def _head(chunks: Chunks, body: bytes, place: int) -> tuple[int, str, int]:
    """Read a chunk's size and signature; return them, and where its data begin."""
    end = body.find(b"\r\n", place, place + 300)
    match = _HEAD.fullmatch(body, place, end) if end >= 0 else None
    if match is None or (match[2] is None) != (chunks.algorithm is None):
        raise IncompleteBody
    return int(match[1], 16), _unpadded(chunks, (match[2] or b"").decode()), end + 2


def _unpadded(chunks: Chunks, signature: str) -> str:
    return unpadded(signature) if chunks.algorithm == ASYMMETRIC else signature


def _prove_trailers(chunks: Chunks, rest: bytes, previous: str, prove: Callable[[str, str], None]) -> None:
    if not rest.endswith(b"\r\n"):
        raise IncompleteBody
    trailers: dict[str, str] = {}
    for line in rest.split(b"\r\n"):
        # AWS's documentation ends a trailer in a line feed and its clients do not: a blank line is no trailer.
        name, colon, value = line.removesuffix(b"\n").decode("latin-1").partition(":")
        folded = name.lower()
        if not name and not colon:
            continue
        if not colon or folded in trailers:
            raise MalformedTrailer
        trailers[folded] = value.strip(" ")
    signature = trailers.pop(_TRAILER_SIGNATURE, None)
    is_signed = chunks.has_trailers and chunks.algorithm is not None
    if trailers.keys() != set(chunks.trailer_names) or (signature is not None) != is_signed:
        raise MalformedTrailer
    if signature is not None:
        prove(chunks.trailer_string_to_sign(previous, trailers), _unpadded(chunks, signature))
