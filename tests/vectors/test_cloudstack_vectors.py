"""CloudStack's ciphers and API signature, stage by stage, against known-good figures."""

import json
from pathlib import Path
from urllib.parse import quote

import pytest

from authsvc import signing
from authsvc.directory.cipher import SecretCipher
from authsvc.errors import SecretUnreadable, SignatureMismatch
from authsvc.model import Secret
from authsvc.signing import SignedRequest
from authsvc.signing.cloudstack import CloudStack, canonical_string, parameters, signature

VECTORS = json.loads((Path(__file__).parent / "cloudstack.json").read_text(encoding="utf-8"))
CIPHERTEXTS = VECTORS["cipher_v1"] + VECTORS["cipher_v2"]
SIGNED = VECTORS["api_signature"]["cases"]
SECRET = Secret(VECTORS["api_signature"]["secret_key"])
KEY = SIGNED[0]["parameters"]["apikey"].lower()
CANONICAL = (
    f"apikey={KEY}&command=listusers&response=json",
    f"apikey={KEY}&command=listusers&expires=2030-01-01t00%3a00%3a00%2b0000&response=json&signatureversion=3",
    f"name=x&account=a%20b*%7e%2b%2f%c3%89&apikey={KEY}&command=getuser&response=json&userapikey={KEY}",
    f"apikey={KEY}&command=createtags&response=json&tags[0].key=r%c3%a9gion&tags[0].value=us%20east",
)
SCHEMES = (CloudStack(),)


def request(case, *, form=False, **more):
    sent = {**case["parameters"], "signature": case["signature"], **more}
    encoded = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sent.items())
    if form:
        headers = (("Content-Type", "application/x-www-form-urlencoded"),)
        return SignedRequest(method="POST", target="/client/api", headers=headers, body=encoded.encode())
    return SignedRequest(method="GET", target=f"/client/api?{encoded}", headers=())


@pytest.mark.parametrize("case", CIPHERTEXTS)
def test_a_stored_secret_decrypts(case):
    cipher = SecretCipher([Secret(case["password"])])

    assert cipher.decrypt(case["ciphertext"]).reveal() == case["plaintext"]


@pytest.mark.parametrize("case", CIPHERTEXTS)
def test_a_stored_secret_decrypts_with_its_key_among_others(case):
    cipher = SecretCipher([Secret("another key"), Secret("ключ"), Secret(case["password"])])

    assert cipher.decrypt(case["ciphertext"]).reveal() == case["plaintext"]


@pytest.mark.parametrize("case", CIPHERTEXTS)
def test_a_stored_secret_stays_shut_to_another_key(case):
    with pytest.raises(SecretUnreadable):
        SecretCipher([Secret(case["password"] + "x")]).decrypt(case["ciphertext"])


@pytest.mark.parametrize(("case", "canonical"), list(zip(SIGNED, CANONICAL, strict=True)))
def test_each_stage_of_a_signature(case, canonical):
    read = parameters(request(case))

    assert read == {**case["parameters"], "signature": case["signature"]}
    assert canonical_string(read) == canonical
    assert signature(SECRET, canonical) == case["signature"]


@pytest.mark.parametrize("form", [False, True])
@pytest.mark.parametrize(("case", "canonical"), list(zip(SIGNED, CANONICAL, strict=True)))
def test_a_signed_request_proves(case, canonical, form):
    claim = signing.read(SCHEMES, request(case, form=form))

    assert claim.strings_to_sign == (canonical,)
    assert claim.access_key.lower() == KEY
    assert claim.algorithm == "HmacSHA1"
    signing.prove(SCHEMES, claim, SECRET)


@pytest.mark.parametrize("case", SIGNED)
def test_a_signed_request_with_one_more_parameter_does_not(case):
    claim = signing.read(SCHEMES, request(case, page="2"))

    with pytest.raises(SignatureMismatch):
        signing.prove(SCHEMES, claim, SECRET)


def test_version_3_carries_its_end_and_version_1_none():
    ends = [signing.read(SCHEMES, request(case)).expires_at for case in SIGNED]

    assert ends == [None, 1893456000.0, None, None]
