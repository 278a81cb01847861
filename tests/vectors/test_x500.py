"""Issuers as Java wrote them: recorded from OpenJDK 17."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography import x509

from authsvc.signing.x500 import written

VECTORS = json.loads(Path(__file__).with_name("x500.json").read_text(encoding="utf-8"))["certificates"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: ascii(vector["id"])[:40])
def test_an_issuer_is_written_as_java_writes_it(vector):
    certificate = x509.load_der_x509_certificate(base64.b64decode(vector["certificate"]))
    assert f"{written(certificate.issuer)}, serial={certificate.serial_number}" == vector["id"]
