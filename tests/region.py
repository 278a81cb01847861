"""A region as its operator has it: CloudStack's database, Redis, callers, and authsvc as a process of its own.

with Region(mariadb, "4.22", folder, redis=redis) as region:
    region.authsvc.await_ready()
    region.verify(question)
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlsplit

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from authsvc.directory.cipher import SecretCipher
from authsvc.model import Secret
from tests.cloudstack_database import VERSIONS, CloudStackDatabase
from tests.command import ROOT, command
from tests.people import signed_s3
from tests.processes import LEASH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from tests.servers import MariaDB, Redis

PATIENCE = 20.0
DATABASE_KEY = "db secret & sym!"  # ASCII, as Jasypt wants it
GRANTS = ("verify", "identify", "admin", "regions")


def encrypt_v1(text: str, key: str = DATABASE_KEY) -> str:
    """Encrypt as Jasypt's PBEWithMD5AndDES does: PKCS #5 v1.5, 1000 rounds, salt in front."""
    salt = secrets.token_bytes(8)
    derived = key.encode("ascii") + salt
    for _ in range(1000):
        derived = hashlib.md5(derived).digest()
    plain = text.encode()
    count = 8 - len(plain) % 8
    encryptor = Cipher(TripleDES(derived[:8] * 3), modes.CBC(derived[8:])).encryptor()
    sealed = encryptor.update(plain + bytes([count]) * count) + encryptor.finalize()
    return base64.b64encode(salt + sealed).decode()


def encrypt_v2(text: str, key: str = DATABASE_KEY) -> str:
    return SecretCipher([Secret(key)]).encrypt(Secret(text))


@dataclass(frozen=True)
class Person:
    """Somebody with a key, and the numbers of their rows."""

    name: str
    access_key: str
    secret: str
    user: int
    account: int
    key: int


def await_that(holds: Callable[[], Any], what: str, within: float = PATIENCE) -> Any:
    """Wait until it is true and return what it said; exceptions of connections count as not yet."""
    deadline = time.monotonic() + within
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            said = holds()
            if said:
                return said
        assert time.monotonic() < deadline, f"in vain waited for: {what}"
        time.sleep(0.02)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    url: str, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    with contextlib.closing(connection):
        connection.request(
            method, parts.path + (f"?{parts.query}" if parts.query else ""), body, dict(headers or {})
        )
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())


class Authsvc:
    """The service as its own process, with nothing in its environment but PATH and its settings."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.environment = {
            "PATH": os.environ["PATH"],
            "AUTHSVC_PORT": "0",
            "AUTHSVC_OPS_PORT": "0",
            "AUTHSVC_DRAIN": "0",
            **settings,
        }
        self.folder = folder
        self.words: Sequence[str] = ("serve",)
        self.log, self.stderr = folder / "stdout", folder / "stderr"
        self.exit_code: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._leash: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        self.exit_code = None
        with self.log.open("wb") as out, self.stderr.open("wb") as err:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "authsvc", *self.words],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=ROOT,
                env=self.environment,
                start_new_session=True,
            )
        self._leash = subprocess.Popen(
            ["/bin/sh", "-c", LEASH, "leash", str(self._process.pid), str(self.folder)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        self._started = await_that(self._has_started, f"authsvc to start: {self.stderr.read_text()}")
        self.url, self.ops = self._started["faces"], self._started["ops"]
        self.ext_authz = self._started.get("ext_authz")
        return self

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    def _has_started(self) -> Any:
        assert self._process is not None
        assert self._process.poll() is None, f"authsvc ended at once: {self.stderr.read_text()}"
        return next((line for line in self.lines() if line.get("event") == "started"), None)

    def await_ready(self) -> Self:
        await_that(lambda: ask(f"{self.ops}/readyz").status == 200, "authsvc to be ready")
        return self

    def readiness(self) -> tuple[int, dict[str, Any]]:
        answer = ask(f"{self.ops}/readyz")
        return answer.status, answer.json

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self) -> int:
        """Wait for its end and return the exit code."""
        assert self._process is not None
        self.exit_code = self._process.wait(PATIENCE)
        self._release()
        return self.exit_code

    def stop(self) -> int:
        if self.exit_code is None:
            self.signal(signal.SIGTERM)
            self.wait()
        return self.exit_code

    def kill(self) -> None:
        """End it whatever it does; for the way out of a failed test."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._release()

    def lines(self) -> list[dict[str, Any]]:
        """Return the log; fails if a whole line of it is not JSON."""
        whole, _, _ = self.log.read_bytes().rpartition(b"\n")
        return [json.loads(line) for line in whole.splitlines()]

    def assert_silent_about(self, canaries: Iterable[str]) -> None:
        """Look for canaries in everything it wrote: as they are, in hex, base64 and percent-encoding."""
        written = self.log.read_bytes() + self.stderr.read_bytes()
        for canary in set(canaries):
            for shape in shapes(canary):
                assert shape not in written, f"{canary!r} stands in the log as {shape!r}"

    def _release(self) -> None:
        if self._leash:
            self._leash.communicate(b"released\n")
            self._leash = None


def shapes(canary: str) -> set[bytes]:
    raw = canary.encode()
    encoded = {base64.b64encode(b"x" * shift + raw)[4 if shift else 0 : -4] for shift in range(3)}
    return {
        raw,
        raw.hex().encode(),
        raw.hex().upper().encode(),
        quote(canary, safe="").encode(),
        *encoded,
        *(text.translate(bytes.maketrans(b"+/", b"-_")) for text in encoded),
    }


class Region:
    """Databases of a CloudStack version, people in it, a caller called store, and authsvc (not yet started).

    Args:
        mariadb: Where to make the database.
        version: A key of `VERSIONS`.
        folder: For files.
        redis: The shared cache; None for none.
        url: The database's address if not the server's own, such as a proxy's; `{}` becomes user and password.
        settings: Further settings, such as `AUTHSVC_DRAIN`.
    """

    def __init__(
        self,
        mariadb: MariaDB,
        version: str,
        folder: Path,
        *,
        redis: Redis | None = None,
        **settings: str,
    ) -> None:
        self.mariadb, self.folder = mariadb, folder
        self.name = f"cloud_{secrets.token_hex(6)}"
        self.password = secrets.token_urlsafe(12)
        self._settings = settings
        self._redis = redis
        self._version = VERSIONS[version]
        self.people: dict[str, Person] = {}

    def __enter__(self) -> Self:
        self.mariadb.execute(f"CREATE DATABASE {self.name} CHARACTER SET utf8 COLLATE utf8_general_ci")
        self.mariadb.add_user(self.name, self.password, f"SELECT ON {self.name}.*")
        self.rows = CloudStackDatabase(self._version, self._execute, " DEFAULT CHARSET=utf8")
        self.rows.create()
        self._populate()
        self.token = self._new_token()
        self.authsvc = Authsvc(self.folder, self._environment())
        return self

    def __exit__(self, *error: object) -> None:
        self.authsvc.kill()
        self.mariadb.mend()
        self.mariadb.execute(f"DROP DATABASE {self.name}")
        self.mariadb.execute(f"DROP USER {self.name}")

    def add(
        self,
        name: str,
        *,
        encrypt: Callable[[str], str] = encrypt_v2,
        access_key: str | None = None,
        secret: str | None = None,
        account: Mapping[str, Any] | None = None,
        **user: Any,
    ) -> Person:
        """Add a person with a key pair like those CloudStack makes, 86 characters each."""
        access_key = access_key or secrets.token_urlsafe(64)
        secret = secret or secrets.token_urlsafe(64)
        account_row = self.rows.add_account(name, **(account or {}))
        user_row = self.rows.add_user(name, account=account_row, **user)
        key_row = self.rows.add_key(user_row, account_row, access_key, encrypt(secret))
        self.people[name] = Person(name, access_key, secret, user_row, account_row, key_row)
        return self.people[name]

    def rotate(self, name: str) -> str:
        """Give the person another secret key, as CloudStack would in place."""
        secret = secrets.token_urlsafe(64)
        table = "api_keypair" if self._version.key_pairs else "user"
        self.rows.update(table, self.people[name].key, secret_key=encrypt_v2(secret))
        return secret

    def verify(
        self, question: Mapping[str, Any], *, token: str | None = None, url: str | None = None
    ) -> Answer:
        return ask(
            f"{url or self.authsvc.url}/v1/verify",
            "POST",
            json.dumps(question).encode(),
            {"Authorization": f"Bearer {token or self.token}", "Content-Type": "application/json"},
        )

    def canaries(self) -> set[str]:
        """Everything that must not show in a log, apart from signatures."""
        people = self.people.values()
        keys = {person.access_key for person in people}
        return keys | {person.secret for person in people} | {self.token, self.password, DATABASE_KEY}

    def _execute(self, sql: str, values: tuple[Any, ...] = ()) -> None:
        self.mariadb.execute(sql, values or (), database=self.name)

    def _populate(self) -> None:
        self.add("admin", account={"type": 1})
        self.add("alice", encrypt=encrypt_v1)
        self.add(
            "bob",
            access_key=f"AKIA{secrets.token_hex(8).upper()}",
            secret="wJalr/XUtn+FEMIK7MDENG/bPxRfiCYEXAMPL+/Q",
        )
        self.add("off", state="disabled")
        self.add("barred", encrypt=encrypt_v1, account={"state": "locked"})

    def _new_token(self) -> str:
        token, entry = new_token()
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "callers.toml").write_text(entry, encoding="utf-8")
        return token

    def _environment(self) -> dict[str, str]:
        environment = {
            "AUTHSVC_DATABASE_URL": self.mariadb.url(self.name, self.password, self.name),
            "AUTHSVC_DATABASE_KEYS": f"an older key\n{DATABASE_KEY}",
            "AUTHSVC_CALLERS": str(self.folder / "callers.toml"),
        }
        if self._redis is not None:
            environment["AUTHSVC_REDIS_URL"] = self._redis.url()
            environment["AUTHSVC_CACHE_KEYS"] = base64.b64encode(secrets.token_bytes(32)).decode()
        return environment | self._settings


@functools.cache
def new_token() -> tuple[str, str]:
    """Let the command line make a caller token; return it, and its entry for the callers file."""
    made = command("tokens", "new", "store", *(word for grant in GRANTS for word in ("--grant", grant)))
    assert made.returncode == 0, made.stderr
    head, mark, entry = made.stdout.partition("[[caller]]")
    return head.splitlines()[1], mark + entry


def signed(person: Person, secret: str | None = None, *, path: str = "/bucket/key") -> dict[str, Any]:
    """Sign an S3 request as the person, now; returned as `/v1/verify` takes it."""
    made = signed_s3(path=path, at=time.time(), access_key=person.access_key, secret=secret or person.secret)
    return {"method": made.method, "target": made.target, "headers": [list(pair) for pair in made.headers]}
