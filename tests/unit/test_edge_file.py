"""The file of edge keys: written, read, and refused as a whole."""

import base64
import hashlib
import io

import msgspec
import pytest

from authsvc.directory.edge_file import EdgeFileWriter, read_edge_keys
from authsvc.directory.edge_signer import new_signer, read_signer
from authsvc.directory.rows import Holding
from authsvc.model import AccessKey, State
from authsvc.signing.sigv4a import public_key
from tests.people import NOW, SECRET_KEY, alice

PEM, PUBLIC = new_signer()
OTHER_PEM, OTHER_PUBLIC = new_signer()
PEOPLE = [
    alice(access_key="AK1", secret="SK1"),
    alice(access_key="AK2", secret="SK2", user={"state": State.DISABLED, "id": "u2"}),
    alice(access_key="schlüssel", secret="SK3", key={"expires_at": 1.5, "restricted": True}, ambiguous=True),
]


def holdings(people=PEOPLE):
    return [Holding(access_key=person.access_key, credential=person) for person in people]


def written(held=None, *, pem=PEM, **changes):
    file = io.BytesIO()
    options = {"region": 7, "exported_at": NOW, "expires_at": NOW + 60} | changes
    writer = EdgeFileWriter(file, read_signer(pem), **options)
    for one in holdings() if held is None else held:
        writer.add(one)
    writer.close()
    return file.getvalue()


def signed_anew(lines, pem=PEM, **last):
    """Sign these lines as the writer does, whatever they say."""
    body = b"".join(line + b"\n" for line in lines)
    made = read_signer(pem).sign(b"authsvc edge keys 1\n" + hashlib.sha512(body).digest())
    end = {"records": len(lines) - 1, "signature": base64.b64encode(made).decode()} | last
    return body + msgspec.json.encode(end) + b"\n"


def lines_of(file):
    return file.split(b"\n")[:-2]


def changed(number, **fields):
    """Return a file that was signed with something else in one line."""
    lines = lines_of(written())
    lines[number] = msgspec.json.encode(msgspec.json.decode(lines[number]) | fields)
    return signed_anew(lines)


def refused(file, *signers):
    with pytest.raises(ValueError) as caught:
        read_edge_keys(file, signers or [PUBLIC])
    return str(caught.value)


def test_what_was_written_is_read():
    keys = read_edge_keys(written(), [PUBLIC])
    assert (keys.region, keys.exported_at, keys.expires_at) == (7, NOW, NOW + 60)
    assert set(keys.credentials) == {"AK1", "AK2", "schlüssel"}
    for person in PEOPLE:
        found = keys.credentials[person.access_key]
        assert found.principal == person.principal
        assert found.ambiguous == person.ambiguous
        assert found.verifier == public_key(person.access_key, person.secret)
        assert (found.freshness.as_of, found.freshness.source) == (NOW, "database")


def test_a_file_of_nobody_is_one():
    assert read_edge_keys(written([]), [PUBLIC]).credentials == {}


def test_a_key_whose_secret_could_not_be_read_is_known_as_such():
    keys = read_edge_keys(written([Holding(access_key=AccessKey("AK"), credential=None)]), [PUBLIC])
    assert (keys.credentials, keys.unreadable) == ({}, {"AK"})


def test_no_secret_is_in_it():
    file = written(holdings([alice()]))
    for shape in (
        SECRET_KEY.encode(),
        SECRET_KEY.encode().hex().encode(),
        base64.b64encode(SECRET_KEY.encode())[4:-4],
    ):
        assert shape not in file


def test_accounts_and_domains_that_are_alike_are_kept_once():
    first, second = list(read_edge_keys(written(), [PUBLIC]).credentials.values())[:2]
    assert first.principal.account is second.principal.account
    assert first.principal.domain is second.principal.domain


def test_any_of_the_signers_may_have_signed():
    assert read_edge_keys(written(), [OTHER_PUBLIC, PUBLIC]).region == 7
    assert "AUTHSVC_EDGE_SIGNERS" in refused(written(), OTHER_PUBLIC)
    assert "AUTHSVC_EDGE_SIGNERS" in refused(written(pem=OTHER_PEM), PUBLIC)
    with pytest.raises(ValueError):
        read_edge_keys(written(), [])


def test_no_byte_may_be_another():
    file = written(holdings(PEOPLE[:1]))
    for place in range(len(file)):
        refused(file[:place] + bytes([file[place] ^ 1]) + file[place + 1 :])


def test_none_may_be_missing():
    file = written(holdings(PEOPLE[:1]))
    for length in range(len(file)):
        refused(file[:length])


def test_none_may_be_added():
    file = written()
    for more in (b"\n", b" ", b"{}\n", file):
        refused(file + more)
        refused(more + file)


def test_a_line_may_be_neither_left_out_nor_moved():
    first, *records = lines_of(written())
    end = written().split(b"\n")[-2]
    for lines in ([first, *records[1:]], [first, *reversed(records)], [first, *records, records[0]], records):
        assert "signed" in refused(b"\n".join([*lines, end, b""]))


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"\n",
        b"{}",
        b"{}\n",
        b"{}\n{}\n",
        b"\n\n\n",
        b'{"records":0,"signature":""}\n',
        b'{}\n{"records":0,"signature":null}\n',
        b'{}\n{"records":"0","signature":""}\n',
        b'{}\n{"records":0,"signature":"\xff"}\n',
        b'{}\n{"records":0,"signature":"no base64"}\n',
        b"\x00" * 1000,
        b"{}\n" + b"[" * 10_000 + b"\n",
        b"{}\n" + b"[" * 200 + b"\n",
        b"SQLite format 3\x00",
    ],
)
def test_what_is_no_such_file_is_refused(file):
    refused(file)


@pytest.mark.parametrize(
    ("number", "fields", "said"),
    [
        (0, {"version": 2}, "version 2"),
        (0, {"version": "1"}, "version '1'"),
        (0, {"format": "something else"}, "version"),
        (0, {"region": "7"}, "first line"),
        (0, {"exported_at": "now"}, "first line"),
        (0, {"expires_at": None}, "first line"),
        (0, {"expires_at": True}, "first line"),
        (1, {"access_key": 5}, "a line"),
        (1, {"access_key": "AK2"}, "twice"),
        (1, {"public_key": "no base64"}, ""),
        (1, {"public_key": base64.b64encode(b"\x04" + b"\x01" * 64).decode()}, ""),
        (1, {"public_key": base64.b64encode(b"\x04").decode()}, "65 bytes"),
        (1, {"public_key": 5}, "a line"),
        (1, {"ambiguous": "false"}, "a line"),
        (1, {"ambiguous": None}, "a line"),
        (1, {"principal": None}, "a line"),
        (1, {"principal": []}, "a line"),
    ],
)
def test_a_signature_does_not_make_up_for_nonsense(number, fields, said):
    assert said in refused(changed(number, **fields))


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("user", "state", "weird"),
        ("user", "id", None),
        ("user", "name", 5),
        ("user", "created", "yesterday"),
        ("user", "unknown", 1),
        ("account", "state", None),
        ("account", "type", 99),
        ("account", "role", "admin"),
        ("domain", "active", "false"),
        ("domain", "active", 1),
        ("key", "allowed", "false"),
        ("key", "restricted", 0),
        ("key", "expires_at", "2026-01-01"),
        ("key", "expires_at", True),
        ("key", "starts_at", []),
    ],
)
def test_what_decides_is_of_its_type(part, field, value):
    principal = msgspec.json.decode(lines_of(written())[1])["principal"]
    principal[part][field] = value
    refused(changed(1, principal=principal))


def test_it_holds_as_many_records_as_it_says():
    lines = lines_of(written())
    read_edge_keys(signed_anew(lines), [PUBLIC])
    for records in (0, len(lines), -1):
        assert "as many" in refused(signed_anew(lines, records=records))


def test_a_signing_key_is_an_ed25519_one():
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    for pem in (b"", b"nothing", other, PEM[:-40]):
        with pytest.raises(ValueError, match="new-signer"):
            read_signer(pem)
