"""What is packed is unpacked as it was, for the key it was packed for and for no other."""

from __future__ import annotations

import base64
import dataclasses
import secrets
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.cache.local import LocalCache
from authsvc.cache.packed import Packer
from authsvc.cache.record import Record
from authsvc.model import (
    AccessKey,
    Account,
    AccountType,
    Credential,
    Domain,
    Freshness,
    KeyPair,
    Principal,
    PublicKey,
    Role,
    Secret,
    State,
    User,
)
from tests.people import ACCESS_KEY, NOW, SECRET_KEY, StoppedClock, alice

SINCE = 1234.5

# What CloudStack makes, what looks like it and is not, and anything at all.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
UUIDS = st.uuids().map(str)
IDS = st.one_of(
    UUIDS,
    UUIDS.map(str.upper),
    UUIDS.map(lambda text: text.replace("-", "")),
    UUIDS.map(lambda text: f"{text[:9]} {text[10:]}"),
    UUIDS.map(lambda text: text[:7] + "é" + text[8:]),
    st.integers(0, 10**6).map(str),
    TEXT,
)
KEYS = st.binary(min_size=64, max_size=64).map(
    lambda raw: base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
)
SECRETS = st.one_of(
    KEYS,
    KEYS.map(lambda text: text[:-1] + "B"),  # bits beyond the last byte
    KEYS.map(lambda text: text.replace("-", "+").replace("_", "/")),
    KEYS.map(lambda text: text[:-1] + "ü"),
    KEYS.map(lambda text: text[:-2]),
    TEXT,
).map(Secret)
TIMES = st.floats(0, 4e9)
ROLES = st.builds(Role, id=IDS, name=TEXT, type=TEXT)
CREDENTIALS = st.builds(
    Credential,
    access_key=st.just(ACCESS_KEY),
    verifier=st.one_of(SECRETS, st.builds(PublicKey, st.binary(min_size=65, max_size=65))),
    ambiguous=st.booleans(),
    freshness=st.just(Freshness(as_of=NOW, source="memory")),
    principal=st.builds(
        Principal,
        user=st.builds(
            User,
            id=IDS,
            name=TEXT,
            state=st.sampled_from(State),
            firstname=st.none() | TEXT,
            lastname=st.none() | TEXT,
            email=st.none() | TEXT,
            timezone=st.none() | TEXT,
            created=st.none() | TIMES,
            source=st.none() | TEXT,
            is_default=st.booleans(),
        ),
        account=st.builds(
            Account,
            id=IDS,
            name=TEXT,
            type=st.sampled_from(AccountType),
            state=st.sampled_from(State),
            role=st.none() | ROLES,
        ),
        domain=st.builds(Domain, id=IDS, name=TEXT, path=TEXT, active=st.booleans()),
        key=st.builds(
            KeyPair,
            id=st.none() | IDS,
            starts_at=st.none() | TIMES,
            expires_at=st.none() | TIMES,
            restricted=st.booleans(),
            allowed=st.booleans(),
        ),
    ),
)


def held(credential, *, as_of=NOW):
    return Record(kind="held", as_of=as_of, credential=credential)


def shown(credential):
    """Return all of it, in a form that can be compared."""
    verifier = credential.verifier
    revealed = verifier.reveal() if isinstance(verifier, Secret) else verifier
    return (
        revealed,
        *(getattr(credential, name) for name in ("access_key", "principal", "freshness", "ambiguous")),
    )


@given(st.lists(CREDENTIALS, min_size=1, max_size=5), st.sampled_from([0, 1, 2048]))
def test_what_was_packed_is_unpacked_as_it_was(credentials, most_repeated):
    packer = Packer(most_repeated=most_repeated)
    packed = [packer.pack(held(credential), SINCE) for credential in credentials]
    for credential, each in zip(credentials, packed, strict=True):
        record, since = packer.unpack(each, ACCESS_KEY)
        assert (record.kind, record.as_of, since) == ("held", NOW, SINCE)
        assert shown(record.credential) == shown(credential)


@pytest.mark.parametrize("kind", ["gone", "forgotten"])
def test_nobody_is_unpacked_as_packed(kind):
    packer = Packer()
    record = Record(kind=kind, as_of=NOW)
    assert packer.unpack(packer.pack(record, SINCE), ACCESS_KEY) == (record, SINCE)


def test_a_record_as_cloudstack_makes_them_is_small():
    credential = alice(
        user={"id": str(uuid.uuid4())},
        account={"id": str(uuid.uuid4()), "role": Role(id=str(uuid.uuid4()), name="User", type="User")},
        key={"id": str(uuid.uuid4())},
    )
    packed = Packer().pack(held(credential), SINCE)
    assert len(packed) < 224
    assert ACCESS_KEY.encode() not in packed


def test_roles_and_domains_stand_in_memory_once():
    packer = Packer()
    first, second = (alice(account={"role": Role(id="4", name="User", type="User")}) for _ in range(2))
    one, _ = packer.unpack(packer.pack(held(first), SINCE), ACCESS_KEY)
    two, _ = packer.unpack(packer.pack(held(second), SINCE), ACCESS_KEY)
    for found in (one.credential.principal, two.credential.principal, packer.shared(second.principal)):
        assert found.domain is first.principal.domain
        assert found.account.role is first.principal.account.role
        assert found == second.principal


def test_what_is_packed_does_not_show_a_secret():
    packer = Packer()
    record, _ = packer.unpack(packer.pack(held(alice()), SINCE), ACCESS_KEY)
    assert SECRET_KEY not in repr(record)
    assert SECRET_KEY not in repr(vars(packer))


PACKER = Packer()
PACKED = PACKER.pack(held(alice()), SINCE)


@pytest.mark.parametrize("length", range(len(PACKED)))
def test_a_pack_cut_short_is_refused(length):
    with pytest.raises(ValueError):
        PACKER.unpack(PACKED[:length], ACCESS_KEY)


@pytest.mark.parametrize(
    "packed",
    [
        PACKED + b"\0",
        PACKED[:16] + b"\x03" + PACKED[17:],  # a kind that there is not
        PACKED[:17] + b"\x00" + PACKED[18:],  # fewer blocks
        PACKED[:17] + b"\xff" + PACKED[18:],  # more
        Packer().pack(held(alice()), SINCE)[:17] + PACKED[17:17],
    ],
)
def test_what_is_no_pack_is_refused(packed):
    with pytest.raises(ValueError):
        PACKER.unpack(packed, ACCESS_KEY)


def test_a_pack_of_another_process_names_roles_and_domains_nobody_knows_here():
    with pytest.raises(ValueError):
        Packer().unpack(PACKED, ACCESS_KEY)


@given(st.binary(max_size=300))
def test_no_bytes_are_more_than_refused(raw):
    with pytest.raises(ValueError):
        PACKER.unpack(PACKED[:16] + b"\0" + raw, ACCESS_KEY)


# --- as the cache keeps them ----------------------------------------------------------------------------------


def cache(**options):
    return LocalCache(StoppedClock(), **options)


def test_no_key_answers_for_another():
    local = cache(hot=1)
    keys = [AccessKey(secrets.token_urlsafe(64)) for _ in range(2000)]
    for key in keys:
        local.put(key, held(alice(access_key=key, secret=f"of {key}")))
    for key in keys:
        found = local.get(key).credential
        assert (found.access_key, found.secret.reveal()) == (key, f"of {key}")
        assert local.get(AccessKey(key[:-1])) is None


@pytest.mark.parametrize(
    "keys",
    [
        ("k", "K"),
        ("k", "k "),
        ("\u00e9", "e\u0301"),  # composed and not
        ("ключ", "ключ\0"),
        ("\udcff", "\udcfe"),  # bytes of a header that are no UTF-8
        ("", "0"),
        ("a" * 100_000, "a" * 100_001),
    ],
)
def test_keys_that_look_alike_are_two(keys):
    local = cache(hot=1)
    for number, key in enumerate(keys):
        local.put(AccessKey(key), held(alice(access_key=key, secret=f"secret {number}")))
        local.put_unknown(AccessKey(f"{key}?"), as_of=NOW)
    found = [local.get(AccessKey(key)).credential for key in keys]
    assert [credential.secret.reveal() for credential in found] == ["secret 0", "secret 1"]
    assert [local.unknown_for(AccessKey(f"{key}?")) for key in keys] == [0.0, 0.0]
    assert [local.unknown_for(AccessKey(key)) for key in keys] == [None, None]


def test_keys_have_other_names_in_every_process():
    assert cache()._name(ACCESS_KEY) != cache()._name(ACCESS_KEY)


def test_access_keys_are_at_hand_and_nowhere_else():
    local = cache(hot=1)
    local.put(ACCESS_KEY, held(alice()))
    local.put(AccessKey("other"), held(alice(access_key="other")))
    assert ACCESS_KEY not in local._hot
    assert ACCESS_KEY.encode() not in b"".join(local._packed._shelves)


def test_a_pack_that_was_damaged_is_as_if_nothing_were_known():
    local = cache(hot=1)
    local.put(ACCESS_KEY, held(alice()))
    local.put(AccessKey("other"), held(alice(access_key="other")))
    name = local._name(ACCESS_KEY)
    local._packed.put(name, local._packed.take(name)[:-1])
    assert local.get(ACCESS_KEY) is None
    assert local.put(ACCESS_KEY, held(alice(), as_of=NOW + 1))
    assert local.get(ACCESS_KEY).as_of == NOW + 1


def test_what_is_at_hand_is_what_was_used_last():
    local = cache(hot=2)
    for key in ("a", "b"):
        local.put(AccessKey(key), held(alice(access_key=key)))
    local.get(AccessKey("a"))
    local.put(AccessKey("c"), held(alice(access_key="c")))
    assert list(local._hot) == ["a", "c"]
    assert len(local) == 3


def test_a_newer_record_takes_the_place_of_what_is_at_hand_and_packed():
    local = cache(hot=1)
    local.put(ACCESS_KEY, held(alice(secret="old")))
    assert local.put(ACCESS_KEY, held(alice(secret="new"), as_of=NOW + 1))
    assert not local.put(ACCESS_KEY, held(alice(secret="old")))
    assert local.get(ACCESS_KEY).credential.secret.reveal() == "new"
    local.put(AccessKey("other"), held(alice(access_key="other")))
    assert local.get(ACCESS_KEY).credential.secret.reveal() == "new"


def test_what_is_at_hand_is_as_what_is_packed():
    local = cache(hot=1)
    given_ = dataclasses.replace(alice(ambiguous=True), verifier=PublicKey(b"\x04" + bytes(64)))
    local.put(ACCESS_KEY, held(given_))
    at_hand = local.get(ACCESS_KEY)
    local.put(AccessKey("other"), held(alice(access_key="other")))
    assert local.get(ACCESS_KEY) == at_hand
    assert at_hand.credential.freshness.source == "memory"
