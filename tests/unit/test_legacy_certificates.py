"""awsapi's rows and key stores, matched."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from authsvc.cli.legacy import COLUMN, Row, matched, read_entries, read_rows
from authsvc.signing.certificate import certified
from tests import soap

ALICE, BOB = soap.signer("alice"), soap.signer("bob", number=1)
ALICES, BOBS = (certified(by.der).legacy_id for by in (ALICE, BOB))


def pem(by):
    return x509.load_der_x509_certificate(by.der).public_bytes(Encoding.PEM).decode()


def listing(**aliases):
    """Write what `keytool -list -rfc` writes."""
    entries = "".join(
        f"Alias name: {alias.replace('_', '-')}\nCreation date: Nov 22, 2013\nEntry type: trustedCertEntry\n\n{pem(by)}\n\n"
        for alias, by in aliases.items()
    )
    return f"Keystore type: JKS\n\nYour keystore contains {len(aliases)} entries\n\n{entries}"


def outcome(rows, text):
    return [found for _, found in matched(rows, read_entries(text))]


def test_rows_are_read_as_mysql_prints_them():
    text = 'ID\tAccessKey\tCertUniqueId\n1\tAB-c\tCN=a, O=\\\\"x\\t, serial=1\n2\tnobody\tNULL\n'
    assert read_rows(text) == [Row(access_key="AB-c", unique_id='CN=a, O=\\"x\t, serial=1')]


@pytest.mark.parametrize("text", ["", "AccessKey,CertUniqueId\n", "AccessKey\tCertUniqueId\none\n"])
def test_what_is_no_such_table_is_refused(text):
    with pytest.raises(ValueError, match="user credentials"):
        read_rows(text)


def test_an_entry_is_found_whatever_the_case_and_confirmed_by_the_id():
    rows = [Row(access_key="AB-c", unique_id=ALICES), Row(access_key="zed", unique_id=BOBS)]
    assert outcome(rows, listing(ab_c=ALICE, zed=BOB)) == [ALICE.der, BOB.der]


def test_an_entry_of_another_certificate_is_not_taken():
    rows = [Row(access_key="AB-c", unique_id=ALICES)]
    assert outcome(rows, listing(ab_c=BOB)) == ["the certificate under this access key is another one"]
    assert outcome(rows, listing(other=ALICE)) == ["there is no such certificate in the key store"]


def test_certificates_without_aliases_are_found_by_the_id_alone():
    rows = [Row(access_key="AB-c", unique_id=ALICES), Row(access_key="x", unique_id="CN=nobody, serial=1")]
    assert outcome(rows, pem(BOB) + pem(ALICE)) == [
        ALICE.der,
        "there is no such certificate in the key store",
    ]


def test_of_two_with_one_id_neither_is_taken():
    forged = soap.signer("alice", number=2)
    assert certified(forged.der).legacy_id == ALICES
    (said,) = outcome([Row(access_key="AB-c", unique_id=ALICES)], pem(forged) + pem(ALICE))
    assert said.startswith("more than one certificate")


def test_an_id_that_was_cut_to_its_column_is_recognised():
    long = soap.signer("a" * 60, number=1, serial=int("9" * 45))
    whole = certified(long.der).legacy_id
    padded = "x" * (COLUMN - len(whole))
    assert len(whole) < COLUMN  # so what was cut is made of what was not
    assert outcome([Row(access_key="k", unique_id=whole)], listing(k=long)) == [long.der]
    assert outcome([Row(access_key="k", unique_id=whole + padded)], listing(k=long)) != [long.der]


def test_a_listing_without_certificates_is_refused():
    with pytest.raises(ValueError, match="keytool -list -rfc"):
        read_entries("Your keystore contains 0 entries")


def test_of_a_chain_the_first_is_the_holders():
    text = f"Alias name: k\nEntry type: PrivateKeyEntry\nCertificate[1]:\n{pem(ALICE)}\nCertificate[2]:\n{pem(BOB)}\n"
    assert [entry.der for entry in read_entries(text)] == [ALICE.der]
