"""What no input may do to the Keystone face: find a fault, be let in, or be told a verdict it did not earn."""

from __future__ import annotations

import asyncio
import base64

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.standins import PASSWORD, TOKEN, World

texts = st.text(max_size=12)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
lines = st.lists(
    st.sampled_from(["GET", "AWS4-HMAC-SHA256", "", "20260101T000000Z", "1795000000", "/b/k"]) | texts,
    max_size=7,
)
strings = lines.map("\n".join).map(lambda text: base64.b64encode(text.encode("utf-8", "replace")).decode())
credentials = st.fixed_dictionaries(
    {},
    optional={
        "access": st.sampled_from(["ALICEKEY", "OFFKEY", "NOBODY"]) | scalars,
        "token": strings | scalars,
        "signature": texts | scalars,
        "more": anything,
    },
)
users = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["swift-user"]) | scalars,
        "id": st.sampled_from(["swift", "store"]) | scalars,
        "domain": st.sampled_from([{"id": "default"}, {"name": "Default"}]) | anything,
        "password": st.sampled_from([PASSWORD + " ", ""]) | scalars,
    },
)
logins = st.builds(
    lambda methods, user: {"auth": {"identity": {"methods": methods, "password": {"user": user}}}},
    st.sampled_from([["password"], "password", ["token"]]) | anything,
    users | anything,
)
questions = st.dictionaries(
    st.sampled_from(["credentials", "credential", "ec2Credentials"]), credentials | anything, max_size=2
)


def statuses(bodies, path, headers):
    """Send the bodies to a face of their own; return the statuses."""

    async def run():
        async with World().client() as client:
            return [(await client.post(path, json=body, headers=headers)).status for body in bodies]

    return asyncio.run(run())


@pytest.mark.parametrize("path", ["/v3/s3tokens", "/v2.0/s3tokens"])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(questions | anything, max_size=40))
def test_no_question_made_up_is_a_fault_or_a_yes(path, bodies):
    assert set(statuses(bodies, path, {"X-Auth-Token": TOKEN})) <= {400, 401, 404}


@settings(max_examples=15, deadline=None)
@given(st.lists(logins | anything, max_size=40))
def test_no_login_made_up_is_a_fault_or_a_yes(bodies):
    assert set(statuses(bodies, "/v3/auth/tokens", {})) <= {400, 401, 503}


@settings(max_examples=15, deadline=None)
@given(
    st.lists(questions, max_size=5),
    st.text(st.characters(min_codepoint=33, max_codepoint=255, exclude_categories=["Cc"]), max_size=60),
)
def test_no_token_made_up_makes_a_store(bodies, token):
    for shown in (token, f"gAAAAA{token}", f"asv_{token}"):
        assert set(statuses(bodies, "/v3/s3tokens", {"X-Auth-Token": shown})) <= {403}
