"""A whole application to attack, over HTTP, with nothing behind it but the memory directory.

A test's id begins with ``row-NN``: the row of the table in docs/threat-model.md that it proves, ``row-00`` for what
has no row there.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import logging
from contextlib import asynccontextmanager

import pytest
from aiohttp.test_utils import TestClient

from authsvc.app import make_app
from authsvc.directory.memory import MemoryDirectory
from authsvc.regions.memory import MemoryRegions
from authsvc.settings import read_settings
from authsvc.wiring.rules import policy, schemes
from tests.people import HeardEvents, StoppedClock, alice
from tests.region import shapes
from tests.served import Served
from tests.signers import ACCESS_KEY, SECRET_KEY
from tests.standins import CALLERS, FACES, POOR_TOKEN, TOKEN, made_service

NOW = 1369353600.0
"""When `tests.signers` sign: 2013-05-24T00:00:00Z."""

BOBS_KEY, BOBS_SECRET = "AKIAI44QH8DHBEXAMPLE", "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY"


class Gate:
    """The application, and what a tester does to it.

    Attributes:
        said: Everything it answered, as text.
    """

    def __init__(self, settings: dict[str, str] | None = None) -> None:
        self.clock = StoppedClock(NOW)
        self.directory = MemoryDirectory(
            self.clock,
            [
                alice(access_key=ACCESS_KEY, secret=SECRET_KEY),
                alice(access_key=BOBS_KEY, secret=BOBS_SECRET, user={"id": "bobs-uuid", "name": "bob"}),
            ],
        )
        self.events = HeardEvents()
        self.lines: list[dict[str, object]] = []
        self.said: list[str] = []
        self.forgotten: list[str] = []
        self.settings = read_settings({f"AUTHSVC_{name}": value for name, value in (settings or {}).items()})

    @asynccontextmanager
    async def opened(self):
        yield made_service(
            schemes=schemes(self.settings),
            policy=policy(self.settings),
            directory=self.directory,
            clock=self.clock,
            events=self.events,
            regions=MemoryRegions(),
            forget=self._forget,
        )

    @asynccontextmanager
    async def running(self):
        app = make_app(self.opened, FACES, callers=CALLERS, tell=self.lines.append)
        async with TestClient(Served(app)) as self.http:
            yield self

    async def post(self, path, document, *, token=TOKEN, status=200):
        """Send JSON as the store does; the answer as JSON."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self.http.post(path, json=document, headers=headers) as response:
            text = await response.text()
            self.said.append(text)
            assert response.status == status, text
            return json.loads(text)

    async def ask(self, request, **more):
        """Ask who signed; ``request`` as a SignedRequest, or as the question itself."""
        return await self.post("/v1/verify", question(request) | more)

    async def refuses(self, request, code, status, **more):
        """Ask, and hold the answer to be this refusal; returns its detail."""
        answer = await self.ask(request, **more)
        assert answer["authenticated"] is False, answer
        assert "principal" not in answer
        assert (answer["error"]["code"], answer["error"]["status"]) == (code, status), answer
        return answer["error"]["detail"]

    async def admits(self, request, access_key=ACCESS_KEY, **more):
        """Ask, and hold the answer to be yes, for that key."""
        answer = await self.ask(request, **more)
        assert answer["authenticated"] is True, answer
        assert answer["access_key"] == access_key
        return answer

    async def misshapen(self, document):
        """Send what is no question: 400, in the caller's own words."""
        answer = await self.post("/v1/verify", document, status=400)
        assert answer["error"]["code"] == "MalformedRequest"
        return answer["error"]

    async def raw(self, sent: bytes, *, close: bool = False) -> bytes:
        """Send bytes as they are; the head of what comes back, empty where the other side just closes.

        ``close`` says that nothing more will be sent. Whoever waits for more then waits in vain.
        """
        reader, writer = await asyncio.open_connection("127.0.0.1", self.http.port)
        try:
            writer.write(sent)
            await writer.drain()
            if close:
                writer.write_eof()
            async with asyncio.timeout(10):
                return await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as end:
            return end.partial
        finally:
            writer.close()

    async def _forget(self, access_key):
        self.forgotten.append(access_key)


def question(request):
    """Describe a request as the store does that received it."""
    if isinstance(request, dict):
        return request
    described = {
        "method": request.method,
        "target": request.target,
        "headers": [list(pair) for pair in request.headers],
    }
    if request.body is not None:
        described["body"] = base64.b64encode(request.body).decode()
    for name in ("body_sha256", "bucket"):
        if getattr(request, name) is not None:
            described[name] = getattr(request, name)
    return described


@pytest.fixture
def settings():
    """What the operator set; tests parametrize it."""
    return {}


@pytest.fixture
async def gate(settings, caplog):
    """The application, running. At the end nothing it said or logged, at debug level, gives anything away."""
    caplog.set_level(logging.DEBUG)
    made = Gate(settings)
    async with made.running():
        yield made
    logged = "\n".join(
        [
            *(record.getMessage() + str(record.__dict__) for record in caplog.records),
            *map(str, made.lines),
            *map(str, made.events.decisions),
        ]
    )
    for canary in (SECRET_KEY, BOBS_SECRET, TOKEN, POOR_TOKEN):
        for shape in shapes(canary):
            assert shape.decode() not in logged + "".join(made.said)
    assert not any("Signature=" in line or ACCESS_KEY in line for line in map(str, made.lines))
    for answer in made.said:
        for expected in computed(answer):
            assert expected not in answer + logged, "a right signature was told"
    assert not any(record.levelno >= logging.ERROR for record in caplog.records), logged


def computed(answer):
    """Return the signatures that would have been right for what an answer says was signed."""
    document = json.loads(answer)
    detail = document.get("error", {}).get("detail") or {}
    text, provided = detail.get("string_to_sign", ""), detail.get("signature_provided")
    for made in _signatures(text):
        if made != provided:
            yield made


def _signatures(text):
    if text.startswith("AWS4-HMAC-SHA256\n"):
        scope = text.split("\n")[2]
        for secret in (SECRET_KEY, BOBS_SECRET):
            key = ("AWS4" + secret).encode()
            for part in scope.split("/"):
                key = hmac.digest(key, part.encode(), "sha256")
            yield hmac.digest(key, text.encode(), "sha256").hex()
    elif text:
        for secret in (SECRET_KEY, BOBS_SECRET):
            yield base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha1")).decode()
