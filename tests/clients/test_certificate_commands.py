"""`authsvc certificates`, as an operator runs it: between two regions, and coming from awsapi."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from authsvc.signing.certificate import certified
from tests import soap
from tests.command import command

ALICE, OLD = soap.signer("alice"), soap.signer("old", number=4, days=(-400, -35))


def region(tmp_path, name):
    """Make a directory, with alice in it; return its environment and her id and access key."""
    environment = {"AUTHSVC_DATABASE_URL": f"sqlite:///{tmp_path}/{name}.db"}
    made = run(environment, "users", "add", "alice", "--access-key", "AKalice_X")
    lines = dict(line.rsplit(None, 1) for line in made.splitlines())
    return environment, lines["id"]


def run(environment, *words, errors="", status=0):
    done = command(*words, environment=environment)
    assert (done.returncode, done.stderr) == (status, errors), done
    return done.stdout


def exported(*certificates, **changes):
    described = [
        {
            "sha256": by.sha256,
            "certificate": base64.b64encode(by.der).decode(),
            "user_id": user_id,
            "created": "2026-11-22T12:00:00Z",
            "revoked": None,
            "legacy_id": None,
        }
        | changes
        for by, user_id in certificates
    ]
    return json.dumps({"format": "authsvc-certificates-1", "certificates": described})


@pytest.fixture
def file(tmp_path):
    def write(text, name="certificates.json"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_certificates_are_carried_from_one_region_to_another(tmp_path, file):
    first, alice = region(tmp_path, "first")
    second, _ = region(tmp_path, "second")
    run(first, "certificates", "import", file(exported((ALICE, alice))), errors="1 added\n")
    whole = run(first, "certificates", "export")
    strangers = "1 added\n1 of users that this region does not know\n"
    run(second, "certificates", "import", file(whole), errors=strangers)
    again = strangers.replace("added", "there already").splitlines()
    run(second, "certificates", "import", file(whole), errors="\n".join(sorted(again)) + "\n")
    assert json.loads(run(second, "certificates", "export")) == json.loads(whole)
    (line,) = run(second, "certificates", "list", "--user", alice).splitlines()
    assert line == f"{ALICE.sha256}\tactive\t{alice}\tCN=alice, C=GB, serial=64660679105"
    assert run(second, "certificates", "list", "--user", "nobody") == ""


def test_what_is_revoked_in_one_region_is_revoked_in_the_other_and_stays_so(tmp_path, file):
    environment, alice = region(tmp_path, "first")
    before = file(exported((ALICE, alice)))
    run(environment, "certificates", "import", before, errors="1 added\n")
    revoked = file(exported((ALICE, alice), revoked="2026-11-23T12:00:00Z"), "revoked.json")
    run(environment, "certificates", "import", revoked, errors="1 there already\n")
    assert "\trevoked\t" in run(environment, "certificates", "list")
    run(
        environment,
        "certificates",
        "import",
        before,
        errors="1 refused: registered to another user, or revoked here\n",
    )
    assert "\trevoked\t" in run(environment, "certificates", "list")


def test_a_certificate_is_revoked_by_its_hash(tmp_path, file):
    environment, alice = region(tmp_path, "first")
    run(environment, "certificates", "import", file(exported((ALICE, alice))), errors="1 added\n")
    run(environment, "certificates", "revoke", ALICE.sha256.upper())
    assert "\trevoked\t" in run(environment, "certificates", "list")
    run(
        environment,
        "certificates",
        "revoke",
        "0" * 64,
        status=1,
        errors=f"authsvc: no certificate {'0' * 64}\n",
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"format": "other", "certificates": []}',
        exported((ALICE, "u")).replace(ALICE.sha256, "0" * 64),
        exported((ALICE, "u"), certificate="AAAA"),
        exported((ALICE, "u"), created="yesterday"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(tmp_path, file, text):
    environment, _ = region(tmp_path, "first")
    done = command("certificates", "import", file(text), environment=environment)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert run(environment, "certificates", "list") == ""


def test_awsapis_certificates_are_given_to_whoever_holds_the_key_today(tmp_path, file):
    environment, alice = region(tmp_path, "first")
    listing = "".join(
        f"Alias name: {alias}\nEntry type: trustedCertEntry\n\n"
        f"{x509.load_der_x509_certificate(by.der).public_bytes(Encoding.PEM).decode()}\n"
        for alias, by in (("akalice_x", ALICE), ("gone", OLD))
    )
    rows = (
        f"AccessKey\tCertUniqueId\nAKalice_X\t{certified(ALICE.der).legacy_id}\n"
        f"gone\t{certified(OLD.der).legacy_id}\nlost\tCN=lost, serial=1\nwithout\tNULL\n"
    )
    told = run(
        environment,
        "certificates",
        "import",
        "--user-credentials",
        file(rows, "rows.tsv"),
        "--keystore-listing",
        file(listing, "listing.txt"),
        errors="1 added\n2 skipped\n",
    )
    assert told.splitlines() == [
        f"added\tAKalice_X\t{alice}\t{ALICE.sha256}",
        "skipped\tgone\tno one live user holds this access key",
        "skipped\tlost\tthere is no such certificate in the key store",
    ]
    assert json.loads(run(environment, "certificates", "export"))["certificates"][0]["legacy_id"] == (
        "CN=alice, C=GB, serial=64660679105"
    )


def test_a_certificate_that_todays_rules_refuse_is_named(tmp_path, file):
    environment, _ = region(tmp_path, "first")
    pem = x509.load_der_x509_certificate(OLD.der).public_bytes(Encoding.PEM).decode()
    rows = file(f"AccessKey\tCertUniqueId\nAKalice_X\t{certified(OLD.der).legacy_id}\n", "rows.tsv")
    done = command(
        "certificates",
        "import",
        "--user-credentials",
        rows,
        "--keystore-listing",
        file(pem, "p"),
        environment=environment,
    )
    assert done.returncode == 0
    assert done.stdout.startswith("added, but the certificate has expired\tAKalice_X\t")


def test_in_front_of_cloudstack_a_database_of_our_own_is_asked_for():
    environment = {"AUTHSVC_DATABASE_URL": "mysql://u:p@127.0.0.1:1/cloud"}
    for words in (("list",), ("export",)):
        done = command("certificates", *words, environment=environment)
        assert done.returncode == 1
        assert "set AUTHSVC_OWN_DATABASE_URL" in done.stderr


def test_half_an_import_is_no_import(file):
    for words in ((), ("--user-credentials", file("x")), (file("x"), "--keystore-listing", file("x"))):
        done = command("certificates", "import", *words)
        assert done.returncode == 1
        assert "give FILE, or both" in done.stderr


def test_our_own_database_beside_cloudstacks_is_migrated(mariadb):
    mariadb.execute("CREATE DATABASE own_here")
    mariadb.add_user("own_here", "pass", "ALL ON own_here.*")
    environment = {
        "AUTHSVC_DATABASE_URL": "mysql://u:p@127.0.0.1:1/cloud",
        "AUTHSVC_OWN_DATABASE_URL": mariadb.url("own_here", "pass", "own_here"),
    }
    assert run(environment, "migrate") == "the tables are up to date\n"
    assert run(environment, "migrate") == "the tables are up to date\n"
    assert run(environment, "certificates", "list") == ""
    tables = {name for (name,) in mariadb.execute("SHOW TABLES", database="own_here")}
    assert tables == {"authsvc_certificates", "authsvc_schema_version"}
