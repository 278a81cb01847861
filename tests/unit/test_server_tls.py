"""What is read of a certificate, its key and the authorities beside it."""

from __future__ import annotations

from authsvc.cli.files import server_tls
from authsvc.settings import read_settings
from tests.certificates import Authority


def test_a_private_key_is_held_and_does_not_show(tmp_path):
    server = Authority().server("authsvc.example")
    files = server.write(tmp_path, "server")
    read = server_tls(
        read_settings({"AUTHSVC_TLS_CERTIFICATE": str(files.certificate), "AUTHSVC_TLS_KEY": str(files.key)})
    )
    assert read is not None
    assert read.pem == (server.certificate, server.key, None)
    assert "PRIVATE" not in f"{read} {read!r}"
