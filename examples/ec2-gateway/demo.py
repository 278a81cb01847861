"""The whole path on one machine: authsvc, the gateway, a user with a certificate, and what they get.

python examples/ec2-gateway/demo.py          goes on serving, and says how to ask
python examples/ec2-gateway/demo.py --once   stops after the answers
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web
from client import new_certificate, signed_envelope, signed_headers
from gateway import EC2, FORM, make_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

OTHERS = {name: value for name, value in os.environ.items() if not name.startswith("AUTHSVC_")}
"""What is set here already is meant for another authsvc than this one."""

XML = {"Content-Type": "text/xml; charset=utf-8"}
DESCRIBE = f'<DescribeRegions xmlns="{EC2}"><regionSet/></DescribeRegions>'


def authsvc(environment: dict[str, str], *words: str) -> str:
    """Run a command of authsvc's."""
    ran = subprocess.run(
        [sys.executable, "-m", "authsvc", *words],
        env={**OTHERS, **environment},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return ran.stdout


@asynccontextmanager
async def region(folder: Path) -> AsyncIterator[tuple[str, str, dict[str, str]]]:
    """Set a region up, and serve; yields authsvc's URL, the gateway's token and the user's keys."""
    environment = {"AUTHSVC_DATABASE_URL": f"sqlite:///{folder}/authsvc.db"}
    keys = dict(line.rsplit(None, 1) for line in authsvc(environment, "users", "add", "alice").splitlines())
    authsvc(
        environment,
        "regions",
        "update",
        "1",
        "--name",
        "south",
        "--endpoint",
        "https://south.example/client/",
    )
    authsvc(environment, "regions", "add", "2", "north", "https://north.example/client/")
    head, mark, entry = authsvc(
        {}, "tokens", "new", "gateway", "--grant", "verify", "--grant", "regions"
    ).partition("[[caller]]")
    (folder / "callers.toml").write_text(mark + entry, encoding="utf-8")
    environment |= {
        "AUTHSVC_CALLERS": str(folder / "callers.toml"),
        "AUTHSVC_PORT": "0",
        "AUTHSVC_OPS_PORT": "0",
        "AUTHSVC_DRAIN": "0",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "authsvc", "serve", env={**OTHERS, **environment}, stdout=subprocess.PIPE
    )
    try:
        while True:
            line = json.loads(await process.stdout.readline())
            if line.get("event") == "started":
                break
        yield line["faces"], head.splitlines()[1], keys
    finally:
        process.terminate()
        await process.communicate()


@asynccontextmanager
async def listening(app: web.Application, port: int) -> AsyncIterator[str]:
    """Serve the gateway."""
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def main(*, once: bool) -> None:
    """Show it."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            region(Path(folder)) as (service, token, keys),
            listening(make_gateway(service, token), 0 if once else 8788) as gateway,
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as http,
        ):
            await show(http, service, token, keys, gateway)
            if not once:
                print(f"\nThe gateway listens at {gateway}; its user's keys: {keys}\nCtrl-C ends it.")
                await asyncio.Event().wait()


async def show(
    http: aiohttp.ClientSession, service: str, token: str, keys: dict[str, str], gateway: str
) -> None:
    """Register a certificate, then ask the gateway by SOAP and by Query."""
    key, der = new_certificate("alice")
    signing = {"access_key": keys["access key"], "secret_key": keys["secret key"]}
    mine = f"{service}/v1/users/{keys['id']}/certificates"
    proof = signed_envelope(
        key,
        der,
        f'<RegisterCertificate xmlns="urn:authsvc:certificates"><UserId>{keys["id"]}</UserId></RegisterCertificate>',
    )
    headers = signed_headers("POST", mine, proof, service="authsvc", **signing)
    await tell(http, "register the certificate", mine, proof, {**headers, **XML, "X-Auth-Token": token})

    message = signed_envelope(key, der, DESCRIBE)
    await tell(http, "DescribeRegions by SOAP", gateway, message, XML)
    await tell(http, "the same message once more: a replay", gateway, message, XML)
    changed = signed_envelope(key, der, DESCRIBE).replace(b"DescribeRegions", b"TerminateInstances")
    await tell(http, "a message changed on its way", gateway, changed, XML)

    form = b"Action=DescribeRegions&RegionName.1=north&Version=2012-08-15"
    headers = signed_headers("POST", gateway, form, service="ec2", **signing)
    await tell(http, "DescribeRegions by Query", gateway, form, {**headers, "Content-Type": FORM})


async def tell(
    http: aiohttp.ClientSession, what: str, url: str, body: bytes, headers: dict[str, str]
) -> None:
    """Ask, and print what comes back."""
    async with http.post(url, data=body, headers=headers) as response:
        print(f"\n# {what}\n{response.status} {await response.text()}", flush=True)


if __name__ == "__main__":
    try:
        asyncio.run(main(once="--once" in sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
