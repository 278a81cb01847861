"""``authsvc explain``: why does this signature not match?"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

import click

from authsvc import signing
from authsvc.cli.dump import read_dump
from authsvc.cli.envelope import explain_envelope, is_envelope
from authsvc.cli.failing import told_in_one_line
from authsvc.errors import AuthError, MissingPayloadHash
from authsvc.faces.native.question import read_question
from authsvc.model import AccessKey, Secret
from authsvc.service.explain import Explanation, explain, first_difference
from authsvc.service.policy import ANYTHING, Expectation, problem
from authsvc.settings import Settings, read_settings
from authsvc.signing import wssecurity
from authsvc.wiring.backends import open_certificates
from authsvc.wiring.rules import policy, schemes, soap_policy
from authsvc.wiring.service import open_service

if TYPE_CHECKING:
    from authsvc.model import Certificate, Verifier
    from authsvc.signing import SignedRequest


@click.command("explain")
@click.argument("file", type=click.File(encoding="utf-8"), default="-")
@click.option(
    "--secret-file",
    type=click.File(encoding="utf-8"),
    help="File that holds the user's secret key; - to be asked for it.",
)
@click.option("--look-up", is_flag=True, help="Take the key from the directory that AUTHSVC_* names.")
@click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ"]),
    help="When the request came, if not now: 2026-11-22T12:00:00Z.",
)
@click.option("--service", help="The service the endpoint is, such as s3.")
@click.option("--region", help="The region the endpoint is in, as clients sign it.")
@click.option(
    "--canonical-request",
    "their_canonical",
    type=click.File(encoding="utf-8"),
    help="The client's canonical request, as its debug log shows it.",
)
@click.option(
    "--string-to-sign",
    "their_string",
    type=click.File(encoding="utf-8"),
    help="The client's string to sign, as its debug log shows it.",
)
def explain_command(
    *,
    file: TextIO,
    secret_file: TextIO | None,
    look_up: bool,
    at: datetime | None,
    service: str | None,
    region: str | None,
    their_canonical: TextIO | None,
    their_string: TextIO | None,
) -> None:
    """Show how a request is read and signed, and if its signature does not match, why.

    FILE is a verify request (the JSON of POST /v1/verify), a raw HTTP dump, what curl -v printed, or a SOAP
    envelope; standard input without one. Every intermediate is shown; the secret key and what it computes never are.

    \b
    Example:
      curl -v --aws-sigv4 aws:amz:us-east-1:s3 --user AK:SK \\
          -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' http://store/bucket/key 2>&1 |
          authsvc explain --look-up
    """
    with told_in_one_line():
        settings = read_settings()
        now = time.time() if at is None else at.replace(tzinfo=UTC).timestamp()
        text = file.read()
        if is_envelope(text):
            raise SystemExit(0 if _explain_envelope(text, settings, now, look_up=look_up) else 1)
        request, expect = _read(text, service, region)
        verifier = _verifier(secret_file, look_up, request, settings)
        explanation = _explain_request(request, expect, settings, now, verifier)
    _show(explanation)
    claim = explanation.claim
    if claim is not None:
        _compare("canonical request", claim.canonical_request, their_canonical)
        _compare("string to sign", claim.strings_to_sign[0], their_string)
    raise SystemExit(0 if explanation.matches is not False and explanation.refusal is None else 1)


def _explain_envelope(text: str, settings: Settings, now: float, *, look_up: bool) -> bool:
    kept: Certificate | bool | None = False
    if look_up:
        try:
            sha256 = wssecurity.read(text.encode("utf-8", "surrogateescape")).sha256
        except AuthError:
            pass  # what is wrong with it is told in its place
        else:
            kept = asyncio.run(_certificate(sha256, settings))
    return explain_envelope(text, policy=soap_policy(settings), now=now, registered=kept)


def _explain_request(
    request: SignedRequest,
    expect: Expectation,
    settings: Settings,
    now: float,
    verifier: Verifier | None,
) -> Explanation:
    return explain(
        request,
        schemes=schemes(settings),
        lenient=schemes(settings, lenient=True),
        policy=policy(settings),
        now=now,
        verifier=verifier,
        expect=expect,
    )


async def _certificate(sha256: str, settings: Settings) -> Certificate | None:
    async with open_certificates(settings) as certificates:
        return await certificates.find(sha256)


def _read(text: str, service: str | None, region: str | None) -> tuple[SignedRequest, Expectation]:
    if text.lstrip().startswith("{"):
        question = read_question(text.encode())
        request, expect = question.request, question.expect
    else:
        request, expect = read_dump(text), ANYTHING
    return request, Expectation(service=service or expect.service, region=region or expect.region)


def _verifier(
    secret_file: TextIO | None, look_up: bool, request: SignedRequest, settings: Settings
) -> Verifier | None:
    if secret_file is not None and secret_file.name == "<stdin>":
        return Secret(click.prompt("secret key", hide_input=True, err=True))
    if secret_file is not None:
        return Secret(secret_file.read().removesuffix("\n"))
    return asyncio.run(_look_up(request, settings)) if look_up else None


async def _look_up(request: SignedRequest, settings: Settings) -> Verifier | None:
    try:
        claim = signing.read(schemes(settings), request)
    except AuthError:
        return None  # what is wrong with it is told in its place
    async with open_service(settings) as service:
        await service.directory.ping()  # connects, for which there is more time than for an answer
        credential = await service.directory.find(AccessKey(claim.access_key))
    if credential is None:
        raise ValueError(f"no live user holds the access key {claim.access_key}")
    reason = problem(credential, now=time.time())
    if reason is not None:
        click.echo(f"note: whatever the signature, this key opens nothing: {reason}")
    return credential.verifier


def _show(explanation: Explanation) -> None:
    claim, refusal = explanation.claim, explanation.refusal
    if claim is not None:
        click.echo(f"scheme: {claim.scheme}{' (presigned)' if claim.presigned else ''}")
    for name, text in explanation.steps:
        if "\n" in text:
            click.echo(f"\n{name}:")
            click.echo("\n".join(f"  | {line}" for line in text.split("\n")) + "\n")
        else:
            click.echo(f"{name}: {text}")
    if refusal is not None:
        click.echo(f"refused: {type(refusal).__name__}: {refusal.message}")
        for name, value in refusal.detail.items():
            click.echo(f"  {name}: {value}")
    if isinstance(refusal, MissingPayloadHash):
        click.echo("hint: curl does not send it unasked: add -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD'")
    if claim is not None:
        _show_verdict(explanation)


def _show_verdict(explanation: Explanation) -> None:
    if explanation.matches is None:
        click.echo("verdict: cannot tell without the secret key; give --secret-file or --look-up")
        return
    if explanation.matches:
        click.echo("verdict: the signature matches")
        return
    click.echo("verdict: the signature does not match")
    for cause in explanation.causes:
        click.echo(f"cause: {cause}")
    if not explanation.causes:
        click.echo("cause: none of the usual ones; the secret key is another one, or compare the client's")
        click.echo("  own canonical request and string to sign: --canonical-request, --string-to-sign")


def _compare(name: str, ours: str | None, theirs: TextIO | None) -> None:
    if theirs is None:
        return
    if ours is None:
        click.echo(f"{name}: the scheme has none")
        return
    difference = first_difference(ours, theirs.read().replace("\r\n", "\n").removesuffix("\n"))
    click.echo(
        f"{name}: alike on both sides" if difference is None else f"{name}, first difference: {difference}"
    )
