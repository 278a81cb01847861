"""CloudStack's signature covers names, values and their order in lower case; everything else is held to one reading."""

from __future__ import annotations

import dataclasses

import pytest

from tests.attacks.conftest import BOBS_KEY
from tests.attacks.rows import called
from tests.cloudstack_requests import FORM, encode, get, post, sign
from tests.signers import ACCESS_KEY, SECRET_KEY

SENT = {"apiKey": ACCESS_KEY, "available": "true", "command": "listZones", "response": "json"}
SIGNATURE = sign(SENT, secret=SECRET_KEY)
QUERY = encode({**SENT, "signature": SIGNATURE})
MADE = encode({"signature": SIGNATURE})

MERGED = {
    "two-in-one-name": f"apiKey={ACCESS_KEY}&available%3Dtrue%26command=listZones&response=json&{MADE}",
    "all-in-one-name": f"apiKey%3D{ACCESS_KEY.lower()}%26available%3Dtrue%26command%3DlistZones%26response=json&apiKey={ACCESS_KEY}&{MADE}",
    "equals-in-a-name": QUERY.replace("available=true", "available%3Dtrue="),
    "blank-in-a-name": QUERY.replace("available", "avail%20able"),
    "newline-in-a-name": QUERY.replace("available", "avail%0Aable"),
    "nul-in-a-name": QUERY.replace("available", "available%00"),
    "unicode-name": QUERY.replace("available", "ava%C4%B1lable"),
    "kelvin-key": QUERY.replace("apiKey", "api%E2%84%AAey"),
    "dotless-i": QUERY.replace("apiKey", "ap%C4%B1Key") + f"&apiKey={ACCESS_KEY}",
    "long-s": QUERY.replace("response", "re%C5%BFponse"),
    "overlong": QUERY.replace("true", "%C0%AEtrue"),
    "not-utf-8": QUERY.replace("true", "%FFtrue"),
    "raw-unicode": QUERY.replace("true", "trüe"),
}
DOUBLED = {
    "last-wins": QUERY + "&command=deployVirtualMachine",
    "first-wins": f"command=deployVirtualMachine&{QUERY}",
    "the-same": QUERY + "&command=listZones",
    "other-case": QUERY + "&COMMAND=deployVirtualMachine",
    "key": QUERY + f"&apiKey={BOBS_KEY}",
    "key-in-other-case": QUERY + f"&apikey={BOBS_KEY}",
    "signature": QUERY + "&signature=AAAA",
    "signature-in-other-case": QUERY + "&SIGNATURE=AAAA",
    "without-a-value": QUERY + "&command",
    "empty": QUERY + "&command=",
    "escaped": QUERY + "&c%6Fmmand=deployVirtualMachine",
}


@pytest.mark.parametrize("query", [called(31, name, query) for name, query in MERGED.items()])
async def test_a_name_that_reads_like_several_is_refused(gate, query):
    await gate.admits(get(QUERY))
    if not query.isascii():
        question = {"method": "GET", "target": f"/client/api?{query}", "headers": []}
        await gate.refuses(question, "AuthFailure", 401)
        return
    await gate.refuses(get(query), "AuthFailure", 401)


@pytest.mark.parametrize("query", [called(31, f"twice-{name}", query) for name, query in DOUBLED.items()])
async def test_a_name_is_there_once(gate, query):
    await gate.refuses(get(query), "AuthFailure", 401)


@pytest.mark.parametrize(
    ("query", "body"),
    [
        called(31, "command-in-both", QUERY, "command=deployVirtualMachine"),
        called(31, "key-in-both", QUERY, f"apiKey={BOBS_KEY}"),
        called(31, "one-more-in-the-form", QUERY, "networkids=x"),
        called(31, "signature-in-the-form", QUERY.rpartition("&")[0], f"{MADE}&x=1"),
    ],
)
async def test_query_and_form_are_one_set(gate, query, body):
    await gate.refuses(post(body, query=query), "AuthFailure", 401)


@pytest.mark.parametrize(
    "method", [called(31, f"form-by-{name}", name) for name in ("GET", "PUT", "post", "DELETE")]
)
async def test_a_form_that_no_server_reads_is_refused(gate, method):
    """Signed and not obeyed: parameters moved to where CloudStack does not look."""
    await gate.admits(post(QUERY))
    await gate.refuses(post(QUERY, method=method), "AuthFailure", 401)


@pytest.mark.parametrize(
    "content_type",
    [
        called(31, "utf-16", f"{FORM[1]}; charset=utf-16"),
        called(31, "utf-7", f"{FORM[1]}; charset=utf-7"),
        called(31, "latin-1", f'{FORM[1]}; charset="iso-8859-1"'),
        called(31, "two-charsets", f"{FORM[1]}; charset=utf-8; charset=utf-7"),
    ],
)
async def test_a_form_is_utf_8(gate, content_type):
    await gate.refuses(post(QUERY, content_type=content_type), "AuthFailure", 401)


SIGNATURES = {
    "blank-for-plus": lambda made: made.replace("+", " "),
    "url-safe": lambda made: made.replace("+", "-").replace("/", "_"),
    "without-padding": lambda made: made.rstrip("="),
    "padded-more": lambda made: made + "=",
    "blank-after": lambda made: made + " ",
    "newline-after": lambda made: made + "\n",
    "junk-inside": lambda made: made[:4] + "*" + made[4:],
    "last-bits": lambda made: made[:-2] + chr(ord(made[-2]) + 1) + "=",
    "hexadecimal": lambda _: "0" * 40,
    "empty": lambda _: "",
    "other-length": lambda _: "AAAA",
    "case": str.swapcase,
}


@pytest.mark.parametrize(
    "change", [called(31, f"signature-{name}", change) for name, change in SIGNATURES.items()]
)
async def test_a_signature_has_one_spelling(gate, change):
    text = change(SIGNATURE)
    if text != SIGNATURE:
        await gate.refuses(get(encode({**SENT, "signature": text})), "AuthFailure", 401)


@pytest.mark.parametrize("change", [called(31, name, name) for name in ("host", "path", "method", "case")])
async def test_what_cloudstack_leaves_unsigned_is_no_secret_of_ours(gate, change):
    """By CloudStack's design. Who asks us knows the endpoint; nothing of this reaches the principal."""
    request = get(QUERY, ("Host", "evil.example"))
    request = {
        "host": request,
        "path": dataclasses.replace(request, target=f"/elsewhere?{request.query}"),
        "method": dataclasses.replace(request, method="DELETE"),
        "case": dataclasses.replace(request, target=request.target.replace("listZones", "LISTZONES")),
    }[change]
    answer = await gate.admits(request)
    assert answer["signature"]["signed_headers"] == []


@pytest.mark.parametrize("key", [called(31, "key-in-other-case", ACCESS_KEY.lower())])
async def test_a_key_in_another_case_is_another_key(gate, key):
    """The string is signed in lower case, so the signature would fit: the directory tells keys apart."""
    await gate.refuses(get(QUERY.replace(ACCESS_KEY, key)), "AuthFailure", 401)


@pytest.mark.parametrize(
    "header",
    [
        called(31, "beside-v4", ("Authorization", "AWS4-HMAC-SHA256 Credential=x")),
        called(31, "beside-v2", ("Authorization", f"AWS {BOBS_KEY}:AAAA")),
    ],
)
async def test_a_second_mechanism_is_refused(gate, header):
    answer = await gate.ask(get(QUERY, header))
    assert answer["authenticated"] is False
    assert answer["error"]["code"] == "InvalidArgument"
