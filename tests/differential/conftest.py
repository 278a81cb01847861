"""The service, asked in process, with the clients' access key in its directory."""

from __future__ import annotations

import time

import pytest

from authsvc.directory.memory import MemoryDirectory
from authsvc.errors import AuthError, Unavailable
from authsvc.events.silent import SilentEvents
from authsvc.service.verify import Verify
from authsvc.settings import read_settings
from authsvc.wiring.rules import policy, schemes
from tests.differential.orders import ACCESS_KEY, SECRET_KEY
from tests.mutations import OTHER_KEY
from tests.people import StoppedClock, alice


@pytest.fixture
def settings():
    """What the operator set; tests parametrize it."""
    return {}


@pytest.fixture
def judge(settings):
    """Ask who signed; the answer is an access key, or the name of a refusal."""
    clock = StoppedClock(time.time())
    read = read_settings({f"AUTHSVC_{name}": value for name, value in settings.items()})
    people = [alice(access_key=ACCESS_KEY, secret=SECRET_KEY), alice(access_key=OTHER_KEY, secret="other")]
    verify = Verify(
        directory=MemoryDirectory(clock, people),
        schemes=schemes(read),
        policy=policy(read),
        clock=clock,
        events=SilentEvents(),
    )

    async def ask(request):
        clock.wall = time.time()
        try:
            verified = await verify(request, caller="test")
        except Unavailable:
            raise
        except AuthError as refusal:
            return type(refusal).__name__
        return verified.claim.access_key

    return ask
