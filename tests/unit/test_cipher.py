"""Stored secrets: which cipher, which key, and what is no secret at all."""

import base64
import hashlib

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from authsvc.directory.cipher import SecretCipher
from authsvc.errors import DirectoryUnready, SecretUnreadable, Unavailable
from authsvc.model import Secret

GENERATED = "VDaACYb0LV9eNjTetIOElcVQkvJck_J_QljX_FcHRj87ZKiy0z0ty0ZsYBkoXkY9b7eq1EhwJaw7FF3akA3KBQ"
AWS_SHAPED = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def v1(text, key="password", *, salt=b"saltsalt", padding=None):
    """Encrypt as Jasypt does; ``text`` may be bytes that no text is, padded or not."""
    plain = text if isinstance(text, bytes) else text.encode()
    derived = key.encode() + salt
    for _ in range(1000):
        derived = hashlib.md5(derived).digest()
    count = 8 - len(plain) % 8
    plain += bytes([count]) * count if padding is None else padding
    encryptor = Cipher(TripleDES(derived[:8] * 3), modes.CBC(derived[8:])).encryptor()
    return base64.b64encode(salt + encryptor.update(plain) + encryptor.finalize()).decode()


def v2(text, key="password", *, nonce=b"nonce-nonce-"):
    """Encrypt as Tink's AesGcmJce does."""
    plain = text if isinstance(text, bytes) else text.encode()
    sealed = AESGCM(hashlib.sha256(key.encode()).digest()).encrypt(nonce, plain, None)
    return base64.b64encode(nonce + sealed).decode()


def cipher(*keys):
    return SecretCipher([Secret(key) for key in keys])


@pytest.mark.parametrize("text", [GENERATED, AWS_SHAPED, "k", "a b", "ünïcöde ✓", "e\u0301", "🗝"])
@pytest.mark.parametrize("encrypted", [v1, v2])
def test_both_ciphers_decrypt_to_what_was_stored_unchanged(encrypted, text):
    assert cipher("password").decrypt(encrypted(text)).reveal() == text


def test_one_table_may_hold_both_ciphers_under_several_keys():
    both = cipher("new", "old")

    for stored in (v1(GENERATED, "old"), v2(GENERATED, "old"), v1(GENERATED, "new"), v2(GENERATED, "new")):
        assert both.decrypt(stored).reveal() == GENERATED


@pytest.mark.parametrize(
    "stored",
    [
        "",
        GENERATED,
        "password",
        "not base64 at all!",
        "ключ",
        "\ud800",
        v2(GENERATED, "other"),
        v1(GENERATED, "other"),
        v2(GENERATED)[:-4],
        v2(GENERATED + "x").rstrip("="),
        v2(GENERATED) + "\n",
        " " + v2(GENERATED),
        v2(GENERATED).replace("+", "-").replace("/", "_") + "-",
        v2(""),
        v2(b"\xff\xfe"),
        v1("")[:12],
        v1(GENERATED)[:-4],
        base64.b64encode(b"12345678").decode(),
        base64.b64encode(bytes(28)).decode(),
        "AAAA" * 1000,
    ],
)
def test_what_no_key_opens_is_unreadable_never_a_guess(stored):
    with pytest.raises(SecretUnreadable) as refused:
        cipher("password").decrypt(stored)

    assert isinstance(refused.value, Unavailable)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
    assert not refused.value.detail


@pytest.mark.parametrize(
    "stored",
    [
        v1(b"", padding=b"\x08" * 8),
        v1(b"key\x00more", padding=b"\x08" * 8),
        v1("line\nbreak"),
        v1("escape\x1b"),
        v1("c1\x85"),
        v1("unassigned \u0378"),
        v1(b"\xc3\x28abc"),
        v1(b"abcdefg", padding=b"\x00"),
        v1(b"abcdefg", padding=b"\x09"),
        v1(b"abcdef", padding=b"\x01\x02"),
        v1(b"abcdefgh", padding=b""),
        v1(b"abcdefgh", padding=b"\x10" * 16),
    ],
)
def test_a_v1_result_that_no_secret_can_be_is_refused(stored):
    with pytest.raises(SecretUnreadable):
        cipher("password").decrypt(stored)


def test_a_flipped_byte_of_v2_is_always_noticed():
    raw = base64.b64decode(v2(GENERATED))

    for index in range(len(raw)):
        altered = bytearray(raw)
        altered[index] ^= 1
        with pytest.raises(SecretUnreadable):
            cipher("password").decrypt(base64.b64encode(altered).decode())


@pytest.mark.parametrize("key", ["ключ", "schlüssel", "tab\tkey"])
def test_a_key_that_jasypt_refuses_still_opens_v2(key):
    assert cipher(key).decrypt(v2(GENERATED, key)).reveal() == GENERATED
    with pytest.raises(SecretUnreadable):
        cipher(key).decrypt(v1(GENERATED, key))


def test_what_is_encrypted_decrypts_and_never_looks_the_same_twice():
    ours = cipher("first", "second")
    stored = [ours.encrypt(Secret(GENERATED)) for _ in range(20)]

    assert len(set(stored)) == 20
    assert {ours.decrypt(one).reveal() for one in stored} == {GENERATED}
    assert cipher("first").decrypt(stored[0]).reveal() == GENERATED
    with pytest.raises(SecretUnreadable):
        cipher("second").decrypt(stored[0])


@pytest.mark.parametrize("keys", [(), ("password",)])
@pytest.mark.parametrize("plain", ["", "\ud800" * 3])
def test_an_empty_secret_and_no_text_are_not_stored(keys, plain):
    if plain and not keys:
        return
    with pytest.raises(ValueError, match=r"empty|Unicode") as refused:
        cipher(*keys).encrypt(Secret(plain))

    assert refused.value.__cause__ is None


def test_an_empty_database_key_is_refused():
    with pytest.raises(ValueError, match="a database key is empty"):
        cipher("password", "")


def test_without_keys_secrets_are_stored_in_clear():
    assert cipher().encrypt(Secret(GENERATED)) == GENERATED
    assert cipher().decrypt(GENERATED).reveal() == GENERATED
    with pytest.raises(SecretUnreadable):
        cipher().decrypt("")


def test_two_rows_are_compared_by_what_they_hold():
    ours = cipher("new", "old")

    assert ours.same(v1(GENERATED, "old"), v2(GENERATED, "new"))
    assert not ours.same(v2(GENERATED, "new"), v2(GENERATED + "x", "new"))
    with pytest.raises(SecretUnreadable):
        ours.same(v2(GENERATED, "new"), v2(GENERATED, "lost"))


@pytest.mark.parametrize(
    ("stored", "unreadable"),
    [
        ([], 0),
        ([v1(GENERATED), v2(GENERATED)], 0),
        ([v1(GENERATED), v2(GENERATED, "other"), "", GENERATED], 3),
    ],
)
def test_the_canary_counts_what_cannot_be_read(stored, unreadable):
    assert cipher("password").canary(stored) == unreadable


@pytest.mark.parametrize(
    ("keys", "stored", "reason"),
    [
        (("password",), [v2(GENERATED, "other")], "can be read with the configured database keys"),
        (("password",), [v1(GENERATED, "other")] * 3, "can be read with the configured database keys"),
        (("password",), [GENERATED, GENERATED], "can be read with the configured database keys"),
        ((), [v2("short secret")], "look encrypted and no database key is configured"),
        ((), [v1("s"), v1(GENERATED), v2(GENERATED)], "look encrypted and no database key is configured"),
    ],
)
def test_the_canary_dies_of_a_wrong_key_and_of_none(keys, stored, reason):
    with pytest.raises(DirectoryUnready) as refused:
        cipher(*keys).canary(stored)

    (said,) = refused.value.detail["reasons"]
    assert said.endswith(reason)


@pytest.mark.parametrize("plain", [GENERATED, AWS_SHAPED, "secret", "AAAA", "a secret of words"])
def test_secrets_in_clear_do_not_look_encrypted(plain):
    assert cipher().canary([plain]) == 0


def test_the_canary_counts_the_encrypted_among_the_clear():
    assert cipher().canary([GENERATED, v1(GENERATED), v2(GENERATED)]) == 2


def test_nothing_a_cipher_says_of_itself_holds_a_key():
    ours = cipher("the database key", "another")

    assert "database key" not in repr(ours)
    assert "database key" not in str(vars(ours))
