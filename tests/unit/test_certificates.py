"""The test authority: TLS and mTLS over memory, right and wrong."""

from __future__ import annotations

import datetime as dt
import ssl

import pytest

from tests.certificates import Authority


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> ssl.SSLObject:
    """Pass bytes between two ends until both are content; return the server's end."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server, server_hostname=name)
    far = server.wrap_bio(to_server, to_client, server_side=True)
    waiting = [near, far]
    while waiting:
        for end in tuple(waiting):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(end)
    return far


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def test_mutual_tls_shows_the_clients_name(authority, tmp_path):
    server = authority.server("db.example", "127.0.0.1").write(tmp_path, "server")
    client = authority.client("swift.example").write(tmp_path, "client")

    far = shake_hands(
        client.client_context(), server.server_context(client_authority=server.authority), "db.example"
    )

    assert far.getpeercert()["subjectAltName"] == (("DNS", "swift.example"),)


@pytest.mark.parametrize("name", ["db.example", "127.0.0.1"])
def test_every_name_of_a_server_is_good(authority, tmp_path, name):
    server = authority.server("db.example", "127.0.0.1").write(tmp_path, "server")
    shake_hands(ssl.create_default_context(cafile=server.authority), server.server_context(), name)


def test_another_name_another_authority_and_an_ended_lifetime_are_refused(authority, tmp_path):
    good = authority.server("db.example").write(tmp_path, "good")
    foreign = Authority().server("db.example").write(tmp_path, "foreign")
    ended = authority.server("db.example", lifetime=dt.timedelta(minutes=-1)).write(tmp_path, "ended")
    client = ssl.create_default_context(cafile=good.authority)

    for files, name in ((good, "other.example"), (foreign, "db.example"), (ended, "db.example")):
        with pytest.raises(ssl.SSLCertVerificationError):
            shake_hands(client, files.server_context(), name)


def test_a_key_is_for_its_owner_alone(authority, tmp_path):
    files = authority.server("db.example").write(tmp_path / "new" / "folder", "server")
    assert files.key.stat().st_mode & 0o777 == 0o600
