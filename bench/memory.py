"""Resident memory with many keys remembered. ``python -m bench.memory [--keys 100000]``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from bench.load import answer, spell
from bench.sites import authsvc
from tests.people import signed_s3
from tests.region import encrypt_v2
from tests.servers import MariaDB, install_datadir

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.load import Site
    from tests.region import Region

FIRST = 1_000_000
SECRET = "s" * 86
AT_ONCE = 100
PATIENCE = 100


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__)
    parser.add_argument("--keys", type=int, default=100_000)
    options = parser.parse_args()
    print(report(*measure(options.keys)))


def measure(keys: int) -> tuple[int, float, float]:
    """Return how many keys were remembered, and the MiB resident before and after."""
    with tempfile.TemporaryDirectory(prefix="authsvc-bench-") as name, contextlib.ExitStack() as stack:
        install_datadir(Path(name) / "datadir")
        mariadb = stack.enter_context(MariaDB(Path(name) / "datadir"))
        settings = {"AUTHSVC_FRESH_FOR": "60", "AUTHSVC_CACHE_SIZE": str(max(keys, 1))}
        region, site = stack.enter_context(authsvc(mariadb, Path(name) / "one", people=1, **settings))
        _add(region, keys)
        asyncio.run(_ask(region, site, range(AT_ONCE)))  # what the first questions allocate is not the keys'
        before = site.resident_mib()
        asyncio.run(_ask(region, site, range(keys)))
        return keys, before, site.resident_mib()


def report(keys: int, before: float, after: float) -> str:
    """Say what was found in a line."""
    each = (after - before) / keys * 1024 * 1024
    return f"resident with {keys} keys remembered: {after:.0f} MiB, {before:.0f} MiB before; {each:.0f} bytes a key"


def _add(region: Region, keys: int) -> None:
    """Add as many users with an account and a key each, as CloudStack writes them."""
    stored = encrypt_v2(SECRET)
    accounts = [(FIRST + number, f"account{number}", str(uuid.uuid4())) for number in range(keys)]
    users = [
        (FIRST + n, f"user{n}", str(uuid.uuid4()), FIRST + n, f"user{n}@example.com", _key(n), stored)
        for n in range(keys)
    ]
    with region.mariadb.connect(region.name) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO account (id, account_name, uuid, type, domain_id) VALUES (%s, %s, %s, 0, 1)",
            accounts,
        )
        cursor.executemany(
            "INSERT INTO user (id, username, uuid, password, account_id, firstname, lastname, email, created, "
            "timezone, api_key, secret_key) VALUES (%s, %s, %s, '', %s, 'Ada', 'Lovelace', %s, "
            "'2020-02-02 02:02:02', 'UTC', %s, %s)",
            users,
        )


async def _ask(region: Region, site: Site, numbers: range) -> None:
    """Ask about one signature of each key, in batches, until each was answered from the database once."""
    headers = [("Authorization", f"Bearer {region.token}"), ("Content-Type", "application/json")]
    for done, chunk in enumerate(_chunks(numbers)):
        questions = [_question(_key(number)) for number in chunk]
        body = json.dumps({"requests": questions}, separators=(",", ":")).encode()
        request = spell("POST", "/v1/verify/batch", headers, body)
        for _ in range(
            PATIENCE
        ):  # a busy database takes longer than anybody waits, and answers the next time
            told = json.loads(await answer(site, request))["results"]
            if all(result["authenticated"] for result in told):
                break
            await asyncio.sleep(0.1)
        else:
            raise SystemExit(f"not authenticated: {next(r for r in told if not r['authenticated'])}")
        if done % 100 == 0:
            print(f"bench: {done * AT_ONCE} of {len(numbers)} keys asked for", file=sys.stderr)


def _chunks(numbers: range) -> Iterator[range]:
    for start in range(0, len(numbers), AT_ONCE):
        yield numbers[start : start + AT_ONCE]


def _key(number: int) -> str:
    return f"k{number:085}"


def _question(access_key: str) -> dict[str, object]:
    made = signed_s3(at=time.time(), access_key=access_key, secret=SECRET, host="s3.x", path="/b/k")
    return {"method": made.method, "target": made.target, "headers": [list(pair) for pair in made.headers]}


if __name__ == "__main__":
    main()
