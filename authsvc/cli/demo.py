"""``authsvc demo``: see it work, with nothing else installed."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
import secrets
import shlex
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import aiohttp
import click

from authsvc.cli.failing import fail, told_in_one_line
from authsvc.cli.process import signalled, started
from authsvc.directory.owned import OwnedDirectory
from authsvc.faces.callers import Caller, Callers, new_token, token_digest
from authsvc.model import Secret
from authsvc.ops.health import Health
from authsvc.ops.logs import LineLog
from authsvc.settings import Settings
from authsvc.signing import Scope, cloudstack, sigv4
from authsvc.signing.canonical import canonical_headers
from authsvc.wiring.backends import cipher, open_directory_engine

if TYPE_CHECKING:
    from authsvc.directory.owned import NewUser

WIDE = 110
HOST = "s3.region-1.example.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Who plays: a root administrator, a user, and the token of a store that asks about them."""

    admin: NewUser
    alice: NewUser
    token: str


@click.command()
@click.option("--once", is_flag=True, help="Stop after the worked example.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8180, show_default=True, help="0 picks a free one."
)
def demo(once: bool, port: int) -> None:
    """Run on an embedded directory in memory, ask three questions over HTTP, and show the answers.

    There is a root administrator, a user alice, and a store that asks. The questions: who holds alice's key
    (CloudStack's getUser), did alice sign this S3 request, and did she sign it as it looks after somebody
    changed it on the way. Then it goes on serving, with curl lines to try.

    \b
    Example:
      authsvc demo --once
    """
    with told_in_one_line():
        asyncio.run(_demo(once=once, port=port))


async def _demo(*, once: bool, port: int) -> None:
    # Named, because the service opens the directory for itself; gone with the process.
    name = secrets.token_hex(8)
    settings = Settings(
        database_url=Secret(f"sqlite:///file:{name}?mode=memory&cache=shared&uri=true"),
        port=port,
        ops_port=0,
        drain=0.0,
    )
    async with open_directory_engine(settings, writing=True) as engine:
        directory = OwnedDirectory(engine, cipher=cipher(settings))
        cast = Cast(
            admin=await directory.add_user("admin", admin=True),
            alice=await directory.add_user("alice", account="acme"),
            token=new_token(),
        )
        store = Caller(
            name="store",
            grants=frozenset({"verify", "identify"}),
            token_sha256=frozenset({token_digest(cast.token)}),
        )
        with LineLog() as log:
            quiet = dataclasses.replace(settings, log_level="warning")
            async with started(quiet, Callers([store]), health=Health(), log=log) as sockets:
                right = await _worked_example(sockets.faces, cast)
                if once:
                    if not right:
                        fail("the answers are not the ones there should be")
                    return
                _show_curl(sockets.faces, sockets.ops, cast)
                await signalled()


async def _worked_example(url: str, cast: Cast) -> bool:
    """Ask and show the three questions; say whether the answers were right."""
    signed = signed_request(cast.alice)
    tampered = signed | {"target": "/reports/2026.csv?versionId=1"}
    async with aiohttp.ClientSession() as http:
        _ask(1, "Who holds alice's access key? CloudStack's getUser, signed by the root administrator:")
        asked = get_user_query(cast)
        async with http.get(f"{url}/client/api?{asked}") as response:
            user = await _show(f"GET /client/api?{asked[:60]}…", response)
        answers = []
        for number, question, request in (
            (2, "Did alice sign this S3 request? The store passes on what it received:", signed),
            (3, "And this one, whose target somebody changed on the way?", tampered),
        ):
            _ask(number, question)
            headers = {"Authorization": f"Bearer {cast.token}"}
            async with http.post(f"{url}/v1/verify", json=request, headers=headers) as response:
                answers.append(
                    await _show(f"POST /v1/verify  {request['method']} {request['target']}", response)
                )
    refused = answers[1].get("error", {}).get("code")
    known = user["getuserresponse"].get("user", {}).get("id")
    return bool(
        known == cast.alice.id and answers[0].get("authenticated") and refused == "SignatureDoesNotMatch"
    )


def get_user_query(cast: Cast) -> str:
    """Sign ``getUser`` for alice's key as the administrator, good for a day; return the query string."""
    parameters = {
        "apiKey": cast.admin.access_key,
        "command": "getUser",
        "expires": datetime.fromtimestamp(time.time() + 86400, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000"),
        "response": "json",
        "signatureVersion": "3",
        "userapikey": cast.alice.access_key,
    }
    made = cloudstack.signature(cast.admin.secret, cloudstack.canonical_string(parameters))
    return urlencode(parameters | {"signature": made})


def signed_request(user: NewUser) -> dict[str, Any]:
    """Sign an S3 request as the user, now; return it as ``/v1/verify`` takes it."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = Scope(date=stamp[:8], region="region-1", service="s3")
    target = "/reports/2026.csv"
    fields = {
        "host": HOST,
        "x-amz-content-sha256": hashlib.sha256(b"").hexdigest(),
        "x-amz-date": stamp,
    }
    names = sorted(fields)
    canonical = sigv4.canonical_request(
        method="GET",
        path=target,
        query="",
        headers=canonical_headers({name: [fields[name]] for name in names}, names),
        signed_headers=";".join(names),
        payload=fields["x-amz-content-sha256"],
    )
    text = sigv4.string_to_sign(
        algorithm=sigv4.ALGORITHM, timestamp=stamp, scope=scope.text, canonical_request=canonical
    )
    made = sigv4.signature(sigv4.signing_key(user.secret, scope), text)
    authorization = (
        f"{sigv4.ALGORITHM} Credential={user.access_key}/{scope.text}, "
        f"SignedHeaders={';'.join(names)}, Signature={made}"
    )
    headers = [[name, value] for name, value in fields.items()] + [["authorization", authorization]]
    return {"method": "GET", "target": target, "headers": headers, "expect": {"service": "s3"}}


def _ask(number: int, question: str) -> None:
    click.secho(f"\n{number}. {question}", bold=True)


async def _show(asked: str, response: aiohttp.ClientResponse) -> Any:
    document = await response.json()
    click.echo(f"   {asked}\n   HTTP {response.status}")
    for line in json.dumps(document, indent=2).splitlines():
        click.echo(f"   {line[:WIDE]}{'…' * (len(line) > WIDE)}")
    return document


def _show_curl(url: str, ops: str, cast: Cast) -> None:
    click.secho(f"\nServing on {url} until you press Ctrl-C (health and metrics on {ops}). Try:", bold=True)
    question = json.dumps(signed_request(cast.alice))
    key = json.dumps({"access_key": cast.alice.access_key})
    click.echo(f"""
  TOKEN={cast.token}
  JSON='Content-Type: application/json'
  curl -s {shlex.quote(f"{url}/client/api?{get_user_query(cast)}")}
  curl -s {url}/v1/users/lookup -H "Authorization: Bearer $TOKEN" -H "$JSON" -d {shlex.quote(key)}
  curl -s {url}/v1/verify -H "Authorization: Bearer $TOKEN" -H "$JSON" -d {shlex.quote(question)}
  curl -s {ops}/readyz

The whole interface, to read: {url}/docs""")
