"""A small world to test faces in: a few users, a directory that can fail, callers, and clients that sign."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from aiohttp.test_utils import TestClient
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from authsvc.app import make_app
from authsvc.cache.replays import MemoryReplays
from authsvc.certificates.memory import MemoryCertificates
from authsvc.directory.memory import MemoryDirectory
from authsvc.errors import AuditUnavailable, DirectoryUnavailable
from authsvc.faces import keystone
from authsvc.faces.callers import GRANTS, Caller, Callers, token_digest
from authsvc.faces.keystone.passwords import PasswordHash
from authsvc.faces.registry import faces
from authsvc.model import (
    Account,
    AccountType,
    Credential,
    Domain,
    Freshness,
    KeyPair,
    Principal,
    Region,
    Role,
    Secret,
    State,
    User,
)
from authsvc.service.authenticate import Authenticate
from authsvc.service.bulkhead import Bulkhead
from authsvc.service.certificates import Register
from authsvc.service.identify import Identify
from authsvc.service.policy import Policy
from authsvc.service.service import Service
from authsvc.service.soap_policy import SoapPolicy
from authsvc.service.verify import Verify
from authsvc.signing.cloudstack import CloudStack
from authsvc.signing.s3v2 import S3V2
from authsvc.signing.s3v2post import S3V2Post
from authsvc.signing.sigv2 import SigV2
from authsvc.signing.sigv4 import SigV4
from authsvc.signing.sigv4a import SigV4A
from authsvc.signing.sigv4post import SigV4Post
from tests.served import Served

KEYSTONE = keystone.Rules(token_keys=(b"k" * 32,))
FACES = faces(keystone_rules=KEYSTONE)
SCHEMES = (SigV4(), SigV4A(), SigV4Post(), S3V2(), S3V2Post(), SigV2(), CloudStack())
TOKEN = "asv_a-token-for-tests"
POOR_TOKEN = "asv_a-token-without-grants-worth-having"
PASSWORD = "correct horse"
CHEAP_HASH = PasswordHash.make(PASSWORD.encode(), n=2)
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}

_THREADS = ThreadPoolExecutor(1)

CALLERS = Callers(
    (
        Caller(name="store", grants=GRANTS, token_sha256=frozenset({token_digest(TOKEN)})),
        Caller(
            name="poor", grants=frozenset({"regions"}), token_sha256=frozenset({token_digest(POOR_TOKEN)})
        ),
        Caller(
            name="swift",
            grants=frozenset({"verify"}),
            options={"keystone": {"user": "swift-user", "password_scrypt": [str(CHEAP_HASH)]}},
        ),
    )
)

REGIONS = (
    Region(id=2, name="Süd & <Co>", endpoint="https://two.example/client/"),
    Region(id=1, name="Local", endpoint="http://localhost:8080/client/", portable_ip_enabled=True),
)


class SystemClock:
    """The machine's clocks, for clients that look at them too."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)


class RegionTable:
    """Regions in a tuple; ``down = True`` takes it away."""

    def __init__(self):
        self.down = False

    async def list(self):
        if self.down:
            raise DirectoryUnavailable
        return REGIONS


class Decisions:
    """Every decision, in order."""

    def __init__(self):
        self.all = []

    def record(self, decision):
        self.all.append(decision)


class Pages:
    """An audit in a list; ``full = True`` and it takes no more."""

    def __init__(self):
        self.kept = []
        self.full = False

    async def keep(self, decision):
        if self.full:
            raise AuditUnavailable
        self.kept.append(decision)


def credential(key, *, name, type_=AccountType.NORMAL, state=State.ENABLED, pair=None, ambiguous=False):
    """Make a credential whose secret is the key's own name with ``secret-of-`` before it."""
    return Credential(
        access_key=key,
        verifier=Secret(secret_of(key)),
        principal=Principal(
            user=User(
                id=f"uuid-{name}",
                name=name,
                state=state,
                firstname="Ada & <b>",
                lastname="Łovelace",
                email=f"{name}@example.com",
                created=1365000000.25,
                source="UNKNOWN",
            ),
            account=Account(
                id="2",
                name="acme",
                type=type_,
                state=State.ENABLED,
                role=Role(id="role-1", name="Root Admin", type="Admin"),
            ),
            domain=Domain(id="uuid-root", name="ROOT", path="/"),
            key=pair or KeyPair(),
        ),
        freshness=Freshness(as_of=time.time(), source="memory"),
        ambiguous=ambiguous,
    )


def secret_of(key):
    return f"secret-of-{key}"


def made_service(*, schemes, policy, directory, clock, events, regions, forget, audit=None, **soap):
    """Make a service over these seams; ``soap`` may hold its certificates, replays and policy."""
    seams = {"directory": directory, "clock": clock, "events": events, "audit": audit}
    people = {
        "certificates": soap.get("certificates") or MemoryCertificates(),
        "users": directory,
        "clock": clock,
    }
    authenticate = Authenticate(
        replays=soap.get("replays") or MemoryReplays(clock),
        policy=soap.get("soap") or SoapPolicy(),
        events=events,
        audit=audit,
        bulkhead=Bulkhead(_THREADS),
        **people,
    )
    return Service(
        verify=Verify(schemes=schemes, policy=policy, **seams),
        identify=Identify(**seams),
        authenticate=authenticate,
        register=Register(authenticate=authenticate, **people),
        regions=regions,
        directory=directory,
        clock=clock,
        forget=forget,
    )


class World:
    """A service with its faces, and everything in it that tests want to touch."""

    def __init__(self, **policy):
        self.people = (
            credential("ADMINKEY", name="admin", type_=AccountType.ADMIN),
            credential("ALICEKEY", name="alice", pair=KeyPair(id="pair-1", expires_at=4102444800.0)),
            credential("OFFKEY", name="bob", state=State.DISABLED),
            credential("TWICEKEY", name="carol", ambiguous=True),
            credential(
                "NARROWKEY", name="dora", type_=AccountType.ADMIN, pair=KeyPair(id="pair-2", restricted=True)
            ),
        )
        self.directory = MemoryDirectory(SystemClock(), self.people)
        self.regions = RegionTable()
        self.decisions = Decisions()
        self.audit = None
        self.certificates = MemoryCertificates()
        self.replays = MemoryReplays(SystemClock())
        self.soap = SoapPolicy()
        self.events = []
        self.forgotten = []
        rules = {
            "schemes": frozenset(scheme.name for scheme in SCHEMES),
            "timeless": frozenset({"cloudstack"}),
        }
        self.policy = Policy(**(rules | policy))

    @property
    def service(self):
        return made_service(
            schemes=SCHEMES,
            policy=self.policy,
            directory=self.directory,
            clock=SystemClock(),
            events=self.decisions,
            audit=self.audit,
            regions=self.regions,
            forget=self._forget,
            certificates=self.certificates,
            replays=self.replays,
            soap=self.soap,
        )

    @asynccontextmanager
    async def opened(self):
        yield self.service

    def app(self, callers=CALLERS, rules=KEYSTONE):
        return make_app(self.opened, faces(keystone_rules=rules), callers=callers, tell=self.events.append)

    @asynccontextmanager
    async def client(self, callers=CALLERS, rules=KEYSTONE, **options):
        async with TestClient(Served(self.app(callers, rules)), **options) as client:
            yield client

    async def _forget(self, access_key):
        if self.directory.down:
            raise DirectoryUnavailable
        self.forgotten.append(access_key)


def s3_question(
    key="ALICEKEY", *, method="GET", target="/bucket/k%20ey?x=1", service="s3", body=b"", secret=None, **more
):
    """Sign a request with botocore and describe it as a store would that received it."""
    request = AWSRequest(
        method=method, url=f"https://s3.example.com{target}", data=body, headers={"Host": "s3.example.com"}
    )
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    signer(Credentials(key, secret or secret_of(key)), service, "us-east-1").add_auth(request)
    return {
        "method": method,
        "target": target,
        "headers": [list(pair) for pair in request.headers.items()],
        **more,
    }


def cloudstack_query(key, *, secret=None, expires_in=600, **parameters):
    """Sign a CloudStack API call and return its query string."""
    told = {"apiKey": key, **parameters}
    if expires_in is not None:
        expires = datetime.now(UTC) + timedelta(seconds=expires_in)
        told |= {"signatureVersion": "3", "expires": expires.strftime("%Y-%m-%dT%H:%M:%S%z")}
    text = "&".join(f"{name}={quote(value, safe='*')}" for name, value in sorted(told.items())).lower()
    digest = hmac.digest((secret or secret_of(key)).encode(), text.encode(), hashlib.sha1)
    told["signature"] = base64.b64encode(digest).decode()
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in told.items())
