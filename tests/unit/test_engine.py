"""Database addresses: what is taken, what is refused, and that no refusal quotes a password."""

import ssl

import pytest

from authsvc.directory.engine import connect_arguments, open_engine
from authsvc.model import Secret


@pytest.mark.parametrize(
    "url",
    [
        "mysql://h/cloud",
        "mysql://u:hush@/cloud",
        "mysql://u:hush@h",
        "mysql://u:hush@h/",
        "mysql://u:hush@h:port/cloud",
        "mysql://u:hush@[::1/cloud",
        "mysql://u:hush@db..example/cloud",
        f"mysql://u:hush@{'h' * 64}/cloud",
        "mysql://u:hush#@h/cloud",
        "mysql://u:hush@h/cloud?charset=latin1",
        "mysql://u:hush@h/cloud?local_infile=1",
        "mysql://u:hush@h/cloud?ssl",
        "mysql://u:hush@h/cloud?ssl=yes",
        "mysql://u:hush@h/cloud?ssl=required&ssl=disabled",
        "mysql://u:hush@h/cloud?ssl=disabled&ssl_ca=/nowhere",
        "mysql://u:hush@h/cloud?ssl_ca=/nowhere",
        "mysql://u:hush@h/cloud?ssl_key=/nowhere",
        "postgresql://u:hush@h/cloud",
        "sqlite://hush.db",
        "sqlite:///hush.db?mode=ro",
        "sqlite:hush",
        "hush",
        "",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_being_quoted(url):
    with pytest.raises(ValueError) as caught:
        open_engine(Secret(url))
    assert "hush" not in str(caught.value)
    assert "codec" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_parts_are_unescaped():
    arguments = connect_arguments("mysql://a%40b:p%2Fw%3A%25@db.example/cl%6Fud")
    assert arguments["host"] == "db.example"
    assert arguments["port"] == 3306
    assert (arguments["user"], arguments["password"], arguments["db"]) == ("a@b", "p/w:%", "cloud")
    assert arguments["ssl"] is None
    assert arguments["local_infile"] is False


def test_a_password_leaves_as_the_bytes_it_was_set_with():
    assert connect_arguments("mysql://u:p%C3%A4@h/c")["password"].encode("latin-1") == "pä".encode()


@pytest.mark.parametrize(
    ("query", "verified", "named"),
    [
        ("ssl=required", ssl.CERT_NONE, False),
        ("ssl=verify-ca", ssl.CERT_REQUIRED, False),
        ("ssl=verify-full", ssl.CERT_REQUIRED, True),
        ("ssl_ca={ca}", ssl.CERT_REQUIRED, True),
        ("ssl=verify-ca&ssl_ca={ca}", ssl.CERT_REQUIRED, False),
    ],
)
def test_the_mode_says_what_is_verified(query, verified, named, authority, tmp_path):
    files = authority.server("db.example").write(tmp_path, "server")
    context = connect_arguments(f"mysql://u@h/c?{query.format(ca=files.authority)}")["ssl"]
    assert (context.verify_mode, context.check_hostname) == (verified, named)


def test_tls_is_off_only_where_nothing_asks_for_it():
    assert connect_arguments("mysql://u@h/c")["ssl"] is None
    assert connect_arguments("mysql://u@h/c?ssl=disabled")["ssl"] is None


async def test_errors_quote_no_parameters():
    for url in ("sqlite://", "mysql://u@h/c"):
        engine = open_engine(Secret(url))
        assert engine.sync_engine.hide_parameters
        await engine.dispose()
