"""``authsvc certificates``: what users registered, between regions and from awsapi."""

from __future__ import annotations

import asyncio
import json
import time
from base64 import b64decode, b64encode
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TextIO

import click

from authsvc.cli.arguments import printable
from authsvc.cli.failing import told_in_one_line
from authsvc.cli.legacy import matched, read_entries, read_rows
from authsvc.directory.sql import SQLDirectory
from authsvc.errors import CertificateProblem, CertificateTaken, UnsupportedToken
from authsvc.model import AccessKey, Certificate
from authsvc.settings import read_settings
from authsvc.signing.certificate import certified
from authsvc.wiring.backends import cipher, open_certificates, open_directory_engine
from authsvc.wiring.clock import CLOCK
from authsvc.wiring.rules import soap_policy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from authsvc.certificates.sql import SQLCertificates
    from authsvc.service.soap_policy import SoapPolicy

FORMAT: Final = "authsvc-certificates-1"


@click.group()
def certificates() -> None:
    """Show, revoke and carry over the certificates by which users sign SOAP messages.

    Users register them themselves, see POST /v1/users/{id}/certificates.

    \b
    Example:
      authsvc certificates list
    """


@certificates.command("list")
@click.option("--user", help="Id of the user whose certificates to print; everybody's if not given.")
def list_(user: str | None) -> None:
    """Print certificates: hash, state, user, issuer and serial number.

    \b
    Example:
      authsvc certificates list --user 3f2504e0-4f89-11d3-9a0c-0305e82c3301
    """

    async def work(kept: SQLCertificates) -> None:
        for each in await kept.list(user):
            state = "active" if each.revoked is None else "revoked"
            click.echo(f"{each.sha256}\t{state}\t{each.user_id}\t{certified(each.der).legacy_id}")

    _run(work)


@certificates.command()
@click.argument("sha256", callback=printable)
def revoke(sha256: str) -> None:
    """Revoke the certificate with this SHA-256 for good.

    \b
    Example:
      authsvc certificates revoke 26aae9ababb210dced9adc5d15a9bf431f1caf7b3aa1381d11b9ebc7fd889b7d
    """

    async def work(kept: SQLCertificates) -> None:
        if not await kept.revoke(sha256.lower(), at=CLOCK.now()):
            raise ValueError(f"no certificate {sha256}")

    _run(work)


@certificates.command()
def export() -> None:
    """Print every certificate as JSON, revoked ones included, for `import` in another region.

    \b
    Example:
      authsvc certificates export > certificates.json
    """

    async def work(kept: SQLCertificates) -> None:
        described = [_described(each) for each in await kept.list()]
        click.echo(json.dumps({"format": FORMAT, "certificates": described}, indent=1))

    _run(work)


@certificates.command("import")
@click.argument("file", type=click.File(encoding="utf-8"), required=False)
@click.option(
    "--user-credentials",
    type=click.File(encoding="utf-8"),
    help="awsapi's rows: AccessKey and CertUniqueId as mysql --batch prints them.",
)
@click.option(
    "--keystore-listing",
    type=click.File(encoding="utf-8"),
    help="awsapi's certificates: its key store as keytool -list -rfc prints it, or PEM.",
)
def import_(file: TextIO | None, user_credentials: TextIO | None, keystore_listing: TextIO | None) -> None:
    """Take over the certificates in FILE, which `export` made, or those of CloudStack's awsapi.

    What is there already stays; what was revoked anywhere is revoked here. awsapi took certificates without a
    proof that their owners held the keys: take over only what you trust.

    \b
    Example:
      authsvc certificates import certificates.json
      mysql --batch cloudbridge -e 'SELECT AccessKey, CertUniqueId FROM usercredentials' > rows.tsv
      LC_ALL=C keytool -list -rfc -keystore xes.keystore > listing.txt
      authsvc certificates import --user-credentials rows.tsv --keystore-listing listing.txt
    """
    with told_in_one_line():
        if file is not None and user_credentials is None and keystore_listing is None:
            _run(_Import([_read(each) for each in _list(file.read())]))
        elif file is None and user_credentials is not None and keystore_listing is not None:
            rows, entries = read_rows(user_credentials.read()), read_entries(keystore_listing.read())
            _run(_LegacyImport(list(matched(rows, entries))))
        else:
            raise ValueError("give FILE, or both --user-credentials and --keystore-listing")


class _Import:
    """Keep certificates of another region, and tell what became of them."""

    def __init__(self, given: list[Certificate]) -> None:
        self._given = given

    async def __call__(self, kept: SQLCertificates) -> None:
        settings = read_settings()
        counts: Counter[str] = Counter()
        async with open_directory_engine(settings) as engine:
            users = SQLDirectory(engine, cipher=cipher(settings), clock=CLOCK)
            for each in self._given:
                counts[await _keep(kept, each)] += 1
                if await users.find_user(each.user_id) is None:
                    counts["of users that this region does not know"] += 1
        _tell(counts)


class _LegacyImport:
    """Keep awsapi's certificates for whoever holds the access key today."""

    def __init__(self, rows: list[Any]) -> None:
        self._rows = rows

    async def __call__(self, kept: SQLCertificates) -> None:
        settings = read_settings()
        counts: Counter[str] = Counter()
        async with open_directory_engine(settings) as engine:
            directory = SQLDirectory(engine, cipher=cipher(settings), clock=CLOCK)
            for row, found in self._rows:
                outcome = await self._take(kept, directory, row, found, soap_policy(settings))
                counts[outcome] += 1
        _tell(counts)

    @staticmethod
    async def _take(
        kept: SQLCertificates, directory: SQLDirectory, row: Any, found: bytes | str, policy: SoapPolicy
    ) -> str:
        if isinstance(found, str):
            click.echo(f"skipped\t{row.access_key}\t{found}")
            return "skipped"
        credential = await directory.find(AccessKey(row.access_key))
        if credential is None or credential.ambiguous:
            click.echo(f"skipped\t{row.access_key}\tno one live user holds this access key")
            return "skipped"
        about = certified(found)
        user_id = credential.principal.user.id
        new = Certificate(
            sha256=about.sha256,
            der=found,
            user_id=user_id,
            created=float(int(CLOCK.now())),
            legacy_id=about.legacy_id,
        )
        outcome = await _keep(kept, new)
        try:
            policy.check_certificate(about, now=time.time())
        except CertificateProblem as error:
            outcome += f", but {error.message}"
        click.echo(f"{outcome}\t{row.access_key}\t{user_id}\t{about.sha256}")
        return outcome


async def _keep(kept: SQLCertificates, certificate: Certificate) -> str:
    try:
        before = await kept.find(certificate.sha256)
        await kept.add(certificate)
        if certificate.revoked is not None:
            await kept.revoke(certificate.sha256, at=certificate.revoked)
    except CertificateTaken:
        return "refused: registered to another user, or revoked here"
    return "added" if before is None else "there already"


def _tell(counts: Counter[str]) -> None:
    for outcome, count in sorted(counts.items()):
        click.echo(f"{count} {outcome}", err=True)


def _described(certificate: Certificate) -> dict[str, Any]:
    return {
        "sha256": certificate.sha256,
        "certificate": b64encode(certificate.der).decode(),
        "user_id": certificate.user_id,
        "created": _time(certificate.created),
        "revoked": None if certificate.revoked is None else _time(certificate.revoked),
        "legacy_id": certificate.legacy_id,
    }


def _list(text: str) -> list[Any]:
    try:
        document = json.loads(text)
        if document["format"] == FORMAT and isinstance(document["certificates"], list):
            return list(document["certificates"])
    except (ValueError, TypeError, KeyError):
        pass
    raise ValueError("the file was not made by `authsvc certificates export`")


def _read(given: Any) -> Certificate:
    try:
        der = b64decode(given["certificate"], validate=True)
        about = certified(der)
        if about.sha256 != given["sha256"]:
            raise ValueError(f"certificate {given['sha256']} has another hash than it says")
        revoked = given["revoked"]
        return Certificate(
            sha256=about.sha256,
            der=der,
            user_id=str(given["user_id"]),
            created=_seconds(given["created"]),
            revoked=None if revoked is None else _seconds(revoked),
            legacy_id=given["legacy_id"],
        )
    except (KeyError, TypeError, UnsupportedToken) as error:
        raise ValueError(f"a certificate in the file cannot be read: {error}") from None


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _seconds(written: str) -> float:
    return datetime.fromisoformat(written).timestamp()


def _run(work: Callable[[SQLCertificates], Awaitable[None]]) -> None:
    async def run() -> None:
        async with open_certificates(read_settings()) as kept:
            await work(kept)

    with told_in_one_line():
        asyncio.run(run())
