"""Who may ask, and how they prove it."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from authsvc.errors import CallerForbidden, CallerUnauthorized
from authsvc.faces.callers import GRANTS, Caller, Callers, new_token, require, token_digest

SWIFT, PROXY = new_token(), new_token()
FILE = f"""
[[caller]]
name = "swift"
token_sha256 = ["{token_digest(SWIFT)}", "{token_digest("old").upper()}"]
tls_names = ["Swift.Region-1.example", "spiffe://region/Swift"]
grants = ["verify", "identify"]

[[caller]]
name = "proxy"
token_sha256 = ["{token_digest(PROXY)}"]
grants = ["verify"]
[caller.forward_auth]
headers = "original"

[[caller]]
name = "ceph"
tls_names = ["ceph.example"]
grants = ["verify"]
"""


@pytest.fixture
def callers():
    return Callers.parse(FILE, {"forward_auth": dict})


class Transport:
    """As much of a transport as says which certificate the client showed."""

    def __init__(self, *names):
        self._certificate = {"subjectAltName": names} if names else None

    def get_extra_info(self, name, default=None):
        return self._certificate if name == "peercert" else default

    def is_closing(self):
        return False


def asked(*headers, certificate=()):
    return make_mocked_request("POST", "/v1/verify", headers=headers, transport=Transport(*certificate))


def bearer(token):
    return ("Authorization", f"Bearer {token}")


def shown(token):
    return ("X-Auth-Token", token)


def test_a_file_becomes_callers(callers):
    swift, proxy, ceph = callers.all
    assert swift == Caller(
        name="swift",
        grants=frozenset({"verify", "identify"}),
        token_sha256=frozenset({token_digest(SWIFT), token_digest("old")}),
        tls_names=frozenset({"swift.region-1.example", "spiffe://region/Swift"}),
    )
    assert proxy.options == {"forward_auth": {"headers": "original"}}
    assert ceph.token_sha256 == frozenset()


@pytest.mark.parametrize(
    ("headers", "certificate", "name"),
    [
        ([bearer(SWIFT)], (), "swift"),
        ([("authorization", f"bearer  {SWIFT}")], (), "swift"),
        ([bearer("old")], (), "swift"),
        ([shown(PROXY)], (), "proxy"),
        ([("Authorization", "AWS4-HMAC-SHA256 Credential=…"), shown(PROXY)], (), "proxy"),
        ([bearer(SWIFT), shown("old")], (), "swift"),
        ([], [("DNS", "SWIFT.region-1.example")], "swift"),
        ([], [("URI", "spiffe://region/Swift")], "swift"),
        ([], [("DNS", "someone.example"), ("DNS", "ceph.example")], "ceph"),
        ([bearer(PROXY)], [("DNS", "someone.example")], "proxy"),
        ([bearer(SWIFT)], [("DNS", "swift.region-1.example")], "swift"),
    ],
)
def test_a_caller_is_known_by_token_or_certificate(callers, headers, certificate, name):
    assert callers.authenticate(asked(*headers, certificate=certificate)).name == name


@pytest.mark.parametrize(
    ("headers", "certificate"),
    [
        ([], ()),
        ([bearer("")], ()),
        ([bearer("nobody's")], ()),
        ([bearer(token_digest(SWIFT))], ()),
        ([bearer(f"{SWIFT} ")], ()),
        ([("Authorization", f"Basic {SWIFT}")], ()),
        ([("Authorization", SWIFT)], ()),
        ([("Authorization", "AWS4-HMAC-SHA256 Credential=…")], ()),
        ([shown("")], ()),
        ([bearer(SWIFT), shown(PROXY)], ()),
        ([bearer("nobody's"), shown(SWIFT)], ()),
        ([bearer(SWIFT), shown("nobody's")], ()),
        ([bearer(SWIFT), bearer(PROXY)], ()),
        ([shown(SWIFT), shown(PROXY)], ()),
        ([bearer(PROXY)], [("DNS", "ceph.example")]),
        ([], [("DNS", "ceph.example"), ("DNS", "swift.region-1.example")]),
        ([], [("URI", "ceph.example")]),
        ([], [("DNS", "spiffe://region/Swift")]),
        ([], [("email", "ceph.example")]),
        ([], [("URI", "spiffe://region/swift")]),
    ],
)
def test_anybody_else_is_nobody(callers, headers, certificate):
    with pytest.raises(CallerUnauthorized):
        callers.authenticate(asked(*headers, certificate=certificate))


def test_who_was_known_is_nobody_once_its_token_is_withdrawn(callers):
    for _ in range(2):
        assert callers.authenticate(asked(bearer(SWIFT))).name == "swift"
        assert callers.authenticate(asked(bearer(PROXY))).name == "proxy"
    others = FILE.replace(token_digest(SWIFT), token_digest("new"))
    callers.adopt(Callers.parse(others.replace('"proxy"', '"gate"'), {"forward_auth": dict}))
    with pytest.raises(CallerUnauthorized):
        callers.authenticate(asked(bearer(SWIFT)))
    assert callers.authenticate(asked(bearer(PROXY))).name == "gate"


def test_a_token_of_odd_bytes_is_nobody(callers):
    """aiohttp hands bytes that are no UTF-8 on as lone surrogates."""
    with pytest.raises(CallerUnauthorized):
        callers.authenticate(
            SimpleNamespace(headers=CIMultiDict({"X-Auth-Token": "t\udcff"}), transport=None)
        )


def test_a_connection_that_is_gone_shows_no_certificate(callers):
    with pytest.raises(CallerUnauthorized):
        callers.authenticate(SimpleNamespace(headers=asked().headers, transport=None))


def test_without_callers_nobody_may_ask():
    with pytest.raises(CallerUnauthorized):
        Callers().authenticate(asked(bearer(SWIFT)))
    assert Callers.parse("").all == ()


@pytest.mark.parametrize("grant", sorted(GRANTS))
def test_a_grant_is_needed(grant):
    require(Caller(name="all", grants=GRANTS), grant)
    with pytest.raises(CallerForbidden, match=grant):
        require(Caller(name="none", grants=GRANTS - {grant}), grant)


def test_a_token_has_256_bits_and_a_mark():
    token = new_token()
    assert token.startswith("asv_")
    assert len(token) == 4 + 43
    assert token != new_token()
    assert token_digest(token) == hashlib.sha256(token.encode()).hexdigest()


def test_every_problem_is_told_at_once():
    with pytest.raises(ValueError) as told:
        Callers.parse(
            """
            callers = 1
            [[caller]]
            name = "a b"
            grants = ["verify", "fly"]
            [[caller]]
            name = "x"
            token_sha256 = ["the-token-itself"]
            grants = "verify"
            grant = ["verify"]
            """
        )
    lines = str(told.value).splitlines()
    for line, words in zip(
        lines,
        [
            "unknown key 'callers'",
            "caller 1: name must",
            "caller 1: neither",
            "caller 1: unknown grant 'fly'",
            "caller 2 (x): grants must be a list",
            "caller 2 (x): token_sha256 holds",
            "caller 2 (x): unknown key 'grant'",
        ],
        strict=True,
    ):
        assert words in line
    assert "the-token-itself" not in str(told.value)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("[[caller", "not TOML"),
        ({"caller": {"name": "swift"}}, "list of tables"),
        ({"caller": ["swift"]}, "list of tables"),
        ({"caller": [{}]}, "name must"),
        ({"caller": [{"name": 7, "grants": ["verify"], "tls_names": ["x"]}]}, "name must"),
        ({"caller": [{"name": "a", "grants": [], "tls_names": ["x"]}]}, "grants is missing"),
        ({"caller": [{"name": "a", "grants": [1], "tls_names": ["x"]}]}, "grants must be a list of strings"),
        ({"caller": [{"name": "a", "grants": ["verify"], "tls_names": [""]}]}, "tls_names must be"),
        ({"caller": [{"name": "a", "grants": ["verify"], "token_sha256": ["ab"]}]}, "no SHA-256"),
    ],
)
def test_a_problem_is_told_precisely(document, words):
    with pytest.raises(ValueError, match=words):
        Callers.parse(document)


@pytest.mark.parametrize(
    ("key", "one", "other"),
    [
        ("name", "swift", "swift"),
        ("token_sha256", ["ab" * 32], ["AB" * 32]),
        ("tls_names", ["a.example", "b.example"], ["B.example"]),
    ],
)
def test_two_callers_share_nothing(key, one, other):
    entries = [
        {"name": "one", "tls_names": ["one"], "grants": ["verify"]},
        {"name": "other", "tls_names": ["other"], "grants": ["verify"]},
    ]
    entries[0][key], entries[1][key] = one, other
    with pytest.raises(ValueError, match=f"caller 1 and caller 2 have the same {key}"):
        Callers.parse({"caller": entries})
