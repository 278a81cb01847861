"""Nothing that Redis gives back is believed unless one of our keys sealed it under this name."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.cache.record import LAYOUT, Record, read, write
from authsvc.cache.seal import BrokenSeal, Sealer
from authsvc.model import AccessKey, AccountType, PublicKey, Role, Secret
from tests.people import NOW, SECRET_KEY, alice

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
AK = AccessKey("an access key")
SEALER = Sealer([KEY])
NAME = SEALER.names(AK)[0]
SEALED = SEALER.seal(NAME, b"the record")


def test_what_was_sealed_opens():
    assert SEALER.open(NAME, SEALED) == b"the record"


def test_no_two_seals_are_alike():
    assert SEALER.seal(NAME, b"the record") != SEALED


def test_neither_the_record_nor_the_access_key_can_be_read():
    sealed = SEALER.seal(NAME, write(Record(kind="held", as_of=NOW, credential=alice())))
    assert SECRET_KEY.encode() not in sealed
    assert b"alice" not in sealed
    assert AK not in NAME


@pytest.mark.parametrize("bit", range(len(SEALED) * 8))
def test_one_bit_changed_breaks_the_seal(bit):
    changed = bytearray(SEALED)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BrokenSeal):
        SEALER.open(NAME, bytes(changed))


@pytest.mark.parametrize("length", range(len(SEALED)))
def test_a_record_cut_short_breaks_the_seal(length):
    with pytest.raises(BrokenSeal):
        SEALER.open(NAME, SEALED[:length])


def test_a_record_moved_to_another_key_breaks_the_seal():
    with pytest.raises(BrokenSeal):
        SEALER.open(SEALER.names(AccessKey("another"))[0], SEALED)


def test_another_key_does_not_open():
    with pytest.raises(BrokenSeal):
        Sealer([OTHER]).open(NAME, SEALED)


@given(st.binary(max_size=200))
def test_no_bytes_but_our_own_open(raw):
    with pytest.raises(BrokenSeal):
        SEALER.open(NAME, raw)


def test_while_keys_are_rotated_old_and_new_processes_see_each_others_records():
    before, after = Sealer([KEY, OTHER]), Sealer([OTHER, KEY])
    for writer, reader in ((before, after), (after, before)):
        name = writer.names(AK)[0]
        assert name in reader.names(AK)
        assert reader.open(name, writer.seal(name, b"x")) == b"x"


def test_a_key_taken_off_the_list_opens_nothing_any_more():
    rotated = Sealer([OTHER])
    assert NAME not in rotated.names(AK)


def test_without_a_key_nothing_is_sealed():
    with pytest.raises(ValueError, match="no cache key"):
        Sealer([])


@pytest.mark.parametrize(
    "credential",
    [
        alice(),
        alice(ambiguous=True),
        alice(key={"expires_at": NOW + 5}),
        alice(account={"role": Role(id="4", name="User", type="User"), "type": AccountType.ADMIN}),
        dataclasses.replace(alice(), verifier=PublicKey(b"\x04" + bytes(64))),
    ],
)
def test_a_record_is_read_as_it_was_written(credential):
    again = read(write(Record(kind="held", as_of=NOW, credential=credential)), source="redis")
    assert (again.kind, again.as_of) == ("held", NOW)
    assert again.credential.principal == credential.principal
    assert again.credential.access_key == credential.access_key
    assert shown(again.credential.verifier) == shown(credential.verifier)
    assert again.credential.ambiguous == credential.ambiguous
    assert again.credential.freshness.source == "redis"


def shown(verifier):
    return verifier.reveal() if isinstance(verifier, Secret) else verifier.point


@pytest.mark.parametrize("kind", ["gone", "forgotten"])
def test_a_record_of_nobody_is_read_as_it_was_written(kind):
    assert read(write(Record(kind=kind, as_of=NOW)), source="redis") == Record(kind=kind, as_of=NOW)


WRITTEN = write(Record(kind="held", as_of=NOW, credential=alice()))


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"null",
        b"[]",
        b"7",
        b'"text"',
        b"{}",
        WRITTEN.replace(str(LAYOUT).encode(), b"1"),
        WRITTEN.replace(b'"held"', b'"hold"'),
        WRITTEN.replace(b'"enabled"', b'"odd"'),
        WRITTEN.replace(b',0,"enabled"', b',77,"enabled"'),
        WRITTEN.replace(b'"alice",', b""),
        WRITTEN.replace(b'"alice",', b'"alice","alice",'),
        WRITTEN[:-1],
        bytes(range(128, 192)),
    ],
)
def test_what_is_no_record_of_this_layout_is_refused(written):
    with pytest.raises(ValueError):
        read(written, source="redis")
