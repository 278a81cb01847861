"""The V4 ``Authorization`` header."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from authsvc.errors import MalformedAuthorization, MissingDate, MultipleMechanisms, UnknownMechanism
from authsvc.signing import amzdate
from authsvc.signing.scope import ASYMMETRIC, read_credential, split_credential
from authsvc.signing.v4signature import Presented

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authsvc.model import AccessKey
    from authsvc.signing.request import SignedRequest
    from authsvc.signing.scope import Scope

_USUAL = re.compile(r"([^ ]*) +Credential=([^,\s]{1,600}), *SignedHeaders=([^,\s]+), *", re.ASCII)
_LONGEST: Final = 1200
"""Characters before a signature that are worth remembering."""
_COMPONENTS = ("Credential", "SignedHeaders", "Signature")


def from_header(request: SignedRequest, algorithm: str) -> Presented:
    """Read ``<algorithm> Credential=…, SignedHeaders=…, Signature=…`` and the date beside it.

    Raises:
        MultipleMechanisms: There are two such headers.
        UnknownMechanism: It is of another algorithm, or has nothing after it.
        MalformedAuthorization: A component is missing, doubled or misspelt, or the dates disagree.
        MissingDate: Neither ``x-amz-date`` nor ``date`` can be read.
    """
    values = request.fields["authorization"]
    if len(values) > 1:
        raise MultipleMechanisms(argument_name="Authorization")
    access_key, scope, signed_headers, signature = _said(values[0], algorithm)
    timestamp, signed_at = _date(request)
    if not timestamp.startswith(scope.date):
        raise refuse("Invalid credential date. Date is not the same as X-Amz-Date.")
    return Presented(
        access_key=access_key,
        scope=scope,
        timestamp=timestamp,
        signed_at=signed_at,
        signed_headers=signed_headers,
        signature=signature,
        query=request.pairs,
        refuse=refuse,
        refuse_scope=refuse,
    )


def refuse(reason: str) -> MalformedAuthorization:
    """Make the refusal of a malformed header, in AWS's words."""
    return MalformedAuthorization(f"The authorization header is malformed; {reason}")


def _said(header: str, algorithm: str) -> tuple[AccessKey, Scope, str, str]:
    """Read the header: whose signature for which scope, over which headers, and the signature."""
    head, mark, signature = header.rpartition("Signature=")
    usual = _usual(head, algorithm) if mark and len(head) <= _LONGEST else None
    # A signature is hexadecimal; what else may stand there, a comma or a blank among it, is looked at closely.
    if usual is not None and signature.isalnum():
        return *usual, signature
    credential, signed_headers, signature = _components(header, algorithm)
    access_key, scope = read_credential(credential, refuse, regional=algorithm != ASYMMETRIC)
    return access_key, scope, signed_headers, signature


@lru_cache(maxsize=1024)
def _usual(head: str, algorithm: str) -> tuple[AccessKey, Scope, str] | None:
    """Read what stands before the signature, None if it is not as everybody writes it; it is the same all day."""
    match = _USUAL.fullmatch(head)
    if match is None or match[1] != algorithm:
        return None
    credential = split_credential(match[2], algorithm != ASYMMETRIC)
    return None if credential is None else (*credential, match[3])


def _components(header: str, algorithm: str) -> Sequence[str]:
    mechanism, space, rest = header.partition(" ")
    if not space:
        raise UnknownMechanism(
            "Authorization header is invalid -- one and only one ' ' (space) required.",
            argument_name="Authorization",
        )
    if mechanism != algorithm:
        raise UnknownMechanism(argument_name="Authorization")
    return _any_order(rest)


def _any_order(text: str) -> Sequence[str]:
    parts = [part.strip(" \t") for part in text.split(",")]
    if len(parts) != len(_COMPONENTS):
        raise refuse(
            "the authorization header requires three components: Credential, SignedHeaders, and Signature."
        )
    found: dict[str, str] = {}
    for part in parts:
        name, equals, value = part.partition("=")
        if not equals or not value or " " in part or "\t" in part:
            shown = name.strip()
            which = f'component "{shown}"' if shown in _COMPONENTS else "header's component"
            raise refuse(f"the authorization {which} is malformed.")
        found[name] = value
    for name in _COMPONENTS:
        if name not in found:
            raise refuse(f"missing {name}.")
    return [found[name] for name in _COMPONENTS]


def _date(request: SignedRequest) -> tuple[str, float]:
    basic = request.header("x-amz-date")
    if basic is not None:
        seconds = amzdate.parse_basic(basic)
        if seconds is None:
            raise MissingDate
        return basic, seconds
    seconds = amzdate.parse(request.header("date") or "")
    if seconds is None:
        raise MissingDate
    return amzdate.write_basic(seconds), seconds
