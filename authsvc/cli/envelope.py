"""What ``authsvc explain`` tells of a SOAP envelope: how it is read, what is signed, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from authsvc.errors import AuthError
from authsvc.service.policy import timestamp
from authsvc.signing import wssecurity
from authsvc.signing.certificate import certified

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from authsvc.model import Certificate
    from authsvc.service.soap_policy import SoapPolicy
    from authsvc.signing.soapclaim import SoapClaim

Complaint = str
"""One line about what would be refused."""


def is_envelope(text: str) -> bool:
    """Say whether it is XML, and so no HTTP dump and no JSON."""
    return text.lstrip("\ufeff \t\r\n").startswith("<")


def explain_envelope(
    text: str, *, policy: SoapPolicy, now: float, registered: Certificate | bool | None
) -> bool:
    """Print how the envelope is read and say whether it would be accepted, as far as can be told.

    ``registered`` is the certificate that is kept under the hash of the one shown, None if there is none, False
    if nobody looked.
    """
    try:
        claim = wssecurity.read(text.encode("utf-8", "surrogateescape"))
    except AuthError as error:
        _tell("refused", f"{type(error).__name__}: {error.message}")
        if "rule" in error.detail:
            _tell("rule", error.detail["rule"])
        return False
    _describe(claim)
    complaints = [*_complaints(claim, policy, now), *_about_registration(registered)]
    for complaint in complaints:
        _tell("refused", complaint)
    if registered is False:
        _tell("note", "whether the certificate is registered was not looked up; give --look-up")
    _tell("verdict", "would be refused" if complaints else "the signature matches")
    return not complaints


def _describe(claim: SoapClaim) -> None:
    _tell("scheme", f"soap {claim.soap}")
    _tell("operation", f"{{{claim.operation.ns}}}{claim.operation.name}")
    _tell("certificate", claim.sha256)
    try:
        about = certified(claim.certificate)
    except AuthError as error:
        _tell("certificate", error.message)
    else:
        _tell("issuer and serial number", about.legacy_id)
        _tell("key", f"RSA, {about.bits} bits, {timestamp(about.not_before)} to {timestamp(about.not_after)}")
    _tell("signature", claim.algorithm)
    for part in claim.parts:
        _tell("signed", f"{part.part} {part.name.name}, {part.digest} {part.stated}")
    for name in claim.unsigned:
        _tell("not signed", f"header block {{{name.ns}}}{name.name}")
    created = "not said" if claim.created is None else timestamp(claim.created)
    _tell("created", created)
    _tell("expires", timestamp(claim.expires))
    click.echo(
        f"\ncanonical SignedInfo:\n  | {claim.signed_info.decode()}\n\ncanonical Body:\n  | {claim.body.decode()}\n"
    )


def _complaints(claim: SoapClaim, policy: SoapPolicy, now: float) -> Iterator[Complaint]:
    for part in claim.parts:
        if part.stated != part.computed:
            yield f"the {part.part} is not what was signed: {part.digest} of what is here is {part.computed}"

    def about_certificate() -> None:
        policy.check_certificate(certified(claim.certificate), now=now)

    checks: tuple[Callable[[], object], ...] = (
        lambda: policy.check_algorithms(claim),
        lambda: policy.check_time(claim, now=now),
        about_certificate,
        lambda: wssecurity.prove_signed_info(claim, claim.certificate),
    )
    for check in checks:
        try:
            check()
        except AuthError as error:
            yield f"{type(error).__name__}: {error.message}"


def _about_registration(registered: Certificate | bool | None) -> Iterator[Complaint]:
    if registered is None:
        yield "the certificate is not registered here"
    elif not isinstance(registered, bool) and registered.revoked is not None:
        yield f"the certificate was revoked at {timestamp(registered.revoked)}"


def _tell(name: str, text: str) -> None:
    click.echo(f"{name}: {text}")
