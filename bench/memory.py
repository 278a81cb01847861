"""Resident memory with many keys remembered. ``python -m bench.memory [--keys 100000] [--rounds 1]``.

The users are as various as in a region: keys of 64 random bytes each, names of people, addresses made of them, an
account each, in a few dozen domains. A round asks for every key once; from the second on, records that are no
longer fresh are read and remembered anew.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import secrets
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from authsvc.directory.cipher import SecretCipher
from authsvc.model import Secret
from bench.load import answer, spell
from bench.sites import authsvc
from tests.people import signed_s3
from tests.region import DATABASE_KEY
from tests.servers import MariaDB, install_datadir

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.load import Site
    from tests.region import Region

FIRST = 1_000_000
AT_ONCE = 100
PATIENCE = 100
FIRST_NAMES = [
    "Ada",
    "Aarav",
    "Amina",
    "Björn",
    "Chen",
    "Chloé",
    "Daniel",
    "Elif",
    "Emeka",
    "Fatima",
    "Giulia",
    "Hana",
    "Ivan",
    "Jorge",
    "Katarzyna",
    "Lars",
    "Maria",
    "Mehmet",
    "Nguyen",
    "Olga",
    "Priya",
    "Rafael",
    "Sofia",
    "Tomás",
    "Yuki",
    "Zoë",
]
LAST_NAMES = [
    "Almeida",
    "Andersson",
    "Bauer",
    "Castro",
    "Dubois",
    "Ferrari",
    "García",
    "Haddad",
    "Ivanova",
    "Johnson",
    "Kowalska",
    "Kim",
    "Lovelace",
    "Müller",
    "Nakamura",
    "Novak",
    "Okafor",
    "Patel",
    "Rossi",
    "Schneider",
    "Silva",
    "Smith",
    "Tran",
    "Virtanen",
    "Wang",
    "Yildiz",
]
DOMAINS = [f"customer{number:02}" for number in range(1, 41)]
TIMEZONES = ("UTC", "UTC", "Europe/Berlin", "Asia/Kolkata", "America/Sao_Paulo", None)


@dataclass(frozen=True, slots=True)
class Key:
    """A key pair as CloudStack makes one, and whose it is."""

    access_key: str
    secret: str
    first: str
    last: str
    number: int

    @property
    def user(self) -> str:
        return f"{self.first[0]}.{self.last}{self.number}".lower()


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__)
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--fresh-for", default="60", help="Seconds a record answers without being read anew.")
    options = parser.parse_args()
    print(report(options.keys, *measure(options.keys, options.rounds, options.fresh_for)))


def measure(number: int, rounds: int, fresh_for: str) -> tuple[float, float]:
    """Return the MiB resident before and after so many keys are remembered."""
    with tempfile.TemporaryDirectory(prefix="authsvc-bench-") as name, contextlib.ExitStack() as stack:
        install_datadir(Path(name) / "datadir")
        mariadb = stack.enter_context(MariaDB(Path(name) / "datadir"))
        settings = {"AUTHSVC_FRESH_FOR": fresh_for, "AUTHSVC_CACHE_SIZE": str(number)}
        region, site = stack.enter_context(authsvc(mariadb, Path(name) / "one", people=1, **settings))
        keys = list(_made(number))
        _add(region, keys)
        asyncio.run(_ask(region, site, keys[:AT_ONCE]))  # what the first questions allocate is not the keys'
        before = site.resident_mib()
        for _ in range(rounds):
            asyncio.run(_ask(region, site, keys))
            print(f"bench: {site.resident_mib():.1f} MiB", file=sys.stderr)
        return before, site.resident_mib()


def report(keys: int, before: float, after: float) -> str:
    """Say what was found in a line."""
    each = (after - before) / keys * 1024 * 1024
    return f"resident with {keys} keys remembered: {after:.0f} MiB, {before:.0f} MiB before; {each:.0f} bytes a key"


def _made(keys: int) -> Iterator[Key]:
    chance = random.Random(6)
    for number in range(keys):
        yield Key(
            access_key=secrets.token_urlsafe(64),
            secret=secrets.token_urlsafe(64),
            first=chance.choice(FIRST_NAMES),
            last=chance.choice(LAST_NAMES),
            number=number,
        )


def _add(region: Region, keys: Sequence[Key]) -> None:
    """Add a user with an account for each key, as CloudStack writes them."""
    cipher = SecretCipher([Secret(DATABASE_KEY)])
    domains = [region.rows.add_domain(name, f"/{name}/") for name in DOMAINS]
    accounts, users = [], []
    for key in keys:
        domain, row = key.number % len(domains), FIRST + key.number
        accounts.append((row, key.user, str(uuid.uuid4()), domains[domain]))
        email = f"{key.first}.{key.last}{key.number}@{DOMAINS[domain]}.example.com".lower()
        created = datetime(2015, 1, 1, tzinfo=UTC) + timedelta(seconds=key.number * 3571)
        stored = cipher.encrypt(Secret(key.secret))
        who = (row, key.user, str(uuid.uuid4()), row, key.first, key.last, email)
        zone = TIMEZONES[key.number % len(TIMEZONES)]
        users.append((*who, created.replace(tzinfo=None), zone, key.access_key, stored))
    with region.mariadb.connect(region.name) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO account (id, account_name, uuid, type, domain_id, role_id) VALUES (%s, %s, %s, 0, %s, 4)",
            accounts,
        )
        cursor.executemany(
            "INSERT INTO user (id, username, uuid, password, account_id, firstname, lastname, email, created, "
            "timezone, api_key, secret_key) VALUES (%s, %s, %s, '', %s, %s, %s, %s, %s, %s, %s, %s)",
            users,
        )


async def _ask(region: Region, site: Site, keys: Sequence[Key]) -> None:
    """Ask about one signature of each key, in batches, until each was answered."""
    headers = [("Authorization", f"Bearer {region.token}"), ("Content-Type", "application/json")]
    for start in range(0, len(keys), AT_ONCE):
        questions = [_question(key) for key in keys[start : start + AT_ONCE]]
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
        if start % (100 * AT_ONCE) == 0:
            print(f"bench: {start} of {len(keys)} keys asked for", file=sys.stderr)


def _question(key: Key) -> dict[str, object]:
    made = signed_s3(at=time.time(), access_key=key.access_key, secret=key.secret, host="s3.x", path="/b/k")
    return {"method": made.method, "target": made.target, "headers": [list(pair) for pair in made.headers]}


if __name__ == "__main__":
    main()
