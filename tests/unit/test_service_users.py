"""Service users of Keystone's whose callers change under them."""

from __future__ import annotations

import pytest

from authsvc.errors import CallerUnauthorized
from authsvc.faces.callers import Callers
from authsvc.faces.keystone.passwords import PasswordHash
from authsvc.faces.keystone.service_users import ServiceUsers
from tests.people import StoppedClock


def callers(*passwords):
    table = {"user": "swift", "password_scrypt": [str(PasswordHash.make(each, n=2)) for each in passwords]}
    entry = {"name": "store", "grants": ["verify"], "keystone": table}
    return Callers.parse({"caller": [entry]}, {"keystone": dict})


async def test_a_password_that_was_taken_out_is_wrong_though_it_was_right():
    known, clock = callers(b"first"), StoppedClock()
    users = ServiceUsers(known)
    for _ in range(2):
        assert (await users.log_in(users.of("store"), "first", clock))[0].name == "swift"
    known.adopt(callers(b"second"))
    with pytest.raises(CallerUnauthorized):
        await users.log_in(users.of("store"), "first", clock)
    assert (await users.log_in(users.of("store"), "second", clock))[0].name == "swift"


async def test_a_user_is_there_while_its_caller_is():
    known = Callers()
    users = ServiceUsers(known)
    assert users.all == ()
    known.adopt(callers(b"first"))
    assert [user.name for user in users.all] == ["swift"]
    assert users.of("store") is not None
    known.adopt(Callers())
    assert users.of("store") is None
