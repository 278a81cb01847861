"""Who signed is who the verified signature says, and nobody else: not the query beside it, not a key that is gone."""

from __future__ import annotations

import dataclasses
from urllib.parse import quote

import pytest

from authsvc.cache.directory import CachedDirectory
from authsvc.cache.local import LocalCache
from authsvc.errors import AuthError
from authsvc.events.silent import SilentEvents
from authsvc.model import State
from authsvc.service.verify import Verify
from tests.attacks.conftest import BOBS_KEY, BOBS_SECRET, NOW
from tests.attacks.rows import called
from tests.people import alice
from tests.signers import (
    ACCESS_KEY,
    SECRET_KEY,
    STAMP,
    v2_header,
    v2_presigned,
    v2_signature,
    v4_header,
    v4_presigned,
    v4_signature,
    v4a_header,
    v4a_presigned,
)
from tests.standins import POOR_TOKEN

V2_DATE = (("X-Amz-Date", STAMP),)
V2_TEXT = f"GET\n\n\n\nx-amz-date:{STAMP}\n/bucket/key"
EXPIRES = str(int(NOW) + 600)
CREDENTIAL = f"{BOBS_KEY}%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"


def v2_right():
    return v2_header("GET", "/bucket/key", V2_TEXT, headers=V2_DATE)


def v2_right_presigned():
    return v2_presigned("GET", "/bucket/key", f"GET\n\n\n{EXPIRES}\n/bucket/key", expires=EXPIRES)


SIGNED = {
    "v4": v4_header,
    "v4-query": v4_presigned,
    "v4a": v4a_header,
    "v4a-query": v4a_presigned,
    "v2": v2_right,
    "v2-query": v2_right_presigned,
}
MECHANISMS = {
    "v4-credential": ("?", f"X-Amz-Credential={CREDENTIAL}"),
    "v4-algorithm": ("?", "X-Amz-Algorithm=AWS4-HMAC-SHA256"),
    "v4-signature": ("?", "X-Amz-Signature=" + "0" * 64),
    "v4-escaped-name": ("?", f"X%2DAmz%2DCredential={CREDENTIAL}"),
    "v4-whole": (
        "?",
        f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={CREDENTIAL}&X-Amz-Date={STAMP}"
        "&X-Amz-Expires=600&X-Amz-SignedHeaders=host&X-Amz-Signature=" + "0" * 64,
    ),
    "v2-query": ("?", f"AWSAccessKeyId={BOBS_KEY}&Expires=1999999999&Signature=AAAA"),
    "v2-key": ("?", f"AWSAccessKeyId={BOBS_KEY}"),
    "v4-header": (
        "Authorization",
        f"AWS4-HMAC-SHA256 Credential={BOBS_KEY}/20130524/us-east-1/s3/aws4_request",
    ),
    "v4a-header": ("Authorization", f"AWS4-ECDSA-P256-SHA256 Credential={BOBS_KEY}/20130524/s3/aws4_request"),
    "v2-header": ("Authorization", f"AWS {BOBS_KEY}:AAAA"),
    "bearer": ("Authorization", "Bearer token"),
    "basic": ("Authorization", "Basic Ym9iOmJvYg=="),
    "other-case": ("aUTHORIZATION", f"AWS {BOBS_KEY}:AAAA"),
    "empty": ("Authorization", ""),
}


@pytest.mark.parametrize(("where", "what"), [called(3, name, *pair) for name, pair in MECHANISMS.items()])
@pytest.mark.parametrize("scheme", SIGNED)
async def test_a_second_mechanism_is_refused_whichever_it_is(gate, scheme, where, what):
    right = SIGNED[scheme]()
    await gate.admits(right)
    if where == "?":
        mark = "&" if right.query else "?"
        wrong = dataclasses.replace(right, target=f"{right.target}{mark}{what}")
    else:
        wrong = dataclasses.replace(right, headers=(*right.headers, (where, what)))
    await gate.refuses(wrong, "InvalidArgument", 400)


@pytest.mark.parametrize(
    "query",
    [
        called(3, "v4", f"X-Amz-Credential={CREDENTIAL}"),
        called(3, "v2", f"AWSAccessKeyId={BOBS_KEY}&Signature=AAAA&Expires=1999999999"),
    ],
)
async def test_a_second_credential_is_refused_even_where_it_is_signed(gate, query):
    await gate.refuses(v4_header(target=f"/bucket/key?{query}"), "InvalidArgument", 400)


FOLDED = ("x-amz-credential", "X-AMZ-CREDENTIAL", "x-amz-signature", "x-amz-algorithm", "X-Amz-credential")


@pytest.mark.parametrize("name", [called(3, f"folded-{name}", name) for name in FOLDED])
async def test_a_second_credential_in_another_case_is_refused(gate, name):
    """S3 takes these names as written; a store that does not would read another identity than ours."""
    await gate.refuses(v4_header(target=f"/bucket/key?{name}={CREDENTIAL}"), "InvalidArgument", 400)


@pytest.mark.parametrize("scheme", [called(3, name, name) for name in ("v4", "v2")])
async def test_one_users_key_over_anothers_signature_is_nobody(gate, scheme):
    right = SIGNED[scheme]()
    headers = tuple((name, value.replace(ACCESS_KEY, BOBS_KEY)) for name, value in right.headers)
    await gate.refuses(dataclasses.replace(right, headers=headers), "SignatureDoesNotMatch", 403)
    target = right.target.replace(ACCESS_KEY, BOBS_KEY)
    await gate.refuses(
        dataclasses.replace(right, headers=headers, target=target), "SignatureDoesNotMatch", 403
    )


ADMIN_CALLS = [("POST", "/v1/forget"), ("POST", "/v1/users/lookup"), ("POST", "/v1/verify/batch")]


@pytest.mark.parametrize(
    ("method", "path"), [called(4, path[4:], method, path) for method, path in ADMIN_CALLS]
)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": v4_header().header("authorization")},
        {"Authorization": v2_right().header("authorization")},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer null"},
        {"Authorization": "Basic YWRtaW46YWRtaW4="},
        {"X-Auth-Token": ""},
        {"X-Auth-Token": ACCESS_KEY},
        {"X-Amz-Security-Token": "token"},
        {"X-Forwarded-User": "admin"},
    ],
    ids=lambda headers: next((f"{k}-{v[:8]}" for k, v in headers.items()), "nothing"),
)
async def test_a_users_signature_opens_no_call_of_ours(gate, method, path, headers):
    async with gate.http.request(method, path, json={"access_key": ACCESS_KEY}, headers=headers) as response:
        assert response.status == 401
        assert (await response.json())["error"]["code"] == "CallerUnauthorized"
    assert gate.directory.asked == 0
    assert gate.forgotten == []


@pytest.mark.parametrize(
    ("path", "document"),
    [
        called(4, "verify", "/v1/verify", {"method": "GET", "target": "/", "headers": []}),
        called(4, "batch", "/v1/verify/batch", {"requests": []}),
        called(4, "lookup", "/v1/users/lookup", {"access_key": ACCESS_KEY}),
        called(4, "secret", "/v1/users/lookup", {"access_key": ACCESS_KEY, "want": ["secret_key"]}),
        called(4, "forget", "/v1/forget", {"access_key": ACCESS_KEY}),
    ],
)
async def test_a_caller_without_the_grant_gets_nothing(gate, path, document):
    answer = await gate.post(path, document, token=POOR_TOKEN, status=403)
    assert answer["error"]["code"] == "CallerForbidden"
    assert gate.directory.asked == 0
    assert gate.forgotten == []


@pytest.mark.parametrize("sign", [called(8, "header", v4_header), called(8, "presigned", v4_presigned)])
async def test_a_yes_names_the_signer_and_grants_nothing(gate, sign):
    """What the signer may do is decided by whoever asks: the answer holds facts, and is theirs alone."""
    answer = await gate.admits(sign("PUT"))
    assert answer["principal"]["user"]["name"] == "alice"
    assert answer.keys() == {"authenticated", "scheme", "access_key", "principal", "signature", "freshness"}


GONE = {
    "user-disabled": {"user": {"state": State.DISABLED}},
    "user-locked": {"user": {"state": State.LOCKED}},
    "account-disabled": {"account": {"state": State.DISABLED}},
    "account-locked": {"account": {"state": State.LOCKED}},
    "domain-inactive": {"domain": {"active": False}},
    "api-key-access-disabled": {"key": {"allowed": False}},
    "key-expired": {"key": {"expires_at": NOW}},
    "key-not-yet-valid": {"key": {"starts_at": NOW}},
    "ambiguous-access-key": {"ambiguous": True},
}


@pytest.mark.parametrize(
    ("reason", "change"), [called(11, name, name, change) for name, change in GONE.items()]
)
@pytest.mark.parametrize("scheme", SIGNED)
async def test_a_key_that_lost_its_ground_opens_nothing(gate, scheme, reason, change):
    gate.directory.put(alice(access_key=ACCESS_KEY, secret=SECRET_KEY, **change))
    detail = await gate.refuses(SIGNED[scheme](), "AccountProblem", 403)
    assert detail == {"reason": reason}


@pytest.mark.parametrize("scheme", [called(11, name, name) for name in SIGNED])
async def test_a_key_that_is_gone_opens_nothing(gate, scheme):
    gate.directory.remove(ACCESS_KEY)
    await gate.refuses(SIGNED[scheme](), "InvalidAccessKeyId", 403)


@pytest.mark.parametrize("scheme", [called(0, f"no-secret-{name}", name) for name in SIGNED])
async def test_a_user_without_a_secret_has_no_signature(gate, scheme):
    """Everybody knows the empty secret."""
    gate.directory.put(alice(access_key=ACCESS_KEY, secret=""))
    forged = FORGED[scheme]()
    assert forged != SIGNED[scheme]()
    await gate.refuses(forged, "SignatureDoesNotMatch", 403)


def v4_forged(right, scope="20130524/us-east-1/s3/aws4_request", algorithm="AWS4-HMAC-SHA256"):
    """Sign the same with the empty secret."""
    headers = [pair for pair in right.headers if pair[0] != "Authorization"]
    target, mark, _ = right.target.partition("&X-Amz-Signature=")
    listed = ";".join(sorted(name.lower() for name, _ in headers))
    line = dict(headers).get("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
    made = v4_signature(
        right.method, target, headers, listed, line, scope=scope, secret="", algorithm=algorithm
    )
    if mark:
        return dataclasses.replace(right, target=target + mark + made)
    value = right.header("authorization").rpartition("=")[0]
    return dataclasses.replace(right, headers=(*headers, ("Authorization", f"{value}={made}")))


def v2_forged():
    made = f"AWS {ACCESS_KEY}:{v2_signature(V2_TEXT, '')}"
    return dataclasses.replace(v2_right(), headers=(*V2_DATE, ("Authorization", made)))


def v2_forged_presigned():
    right = v2_right_presigned()
    made = quote(v2_signature(f"GET\n\n\n{EXPIRES}\n/bucket/key", ""), safe="")
    return dataclasses.replace(right, target=right.target.partition("Signature=")[0] + "Signature=" + made)


ASYMMETRIC = ("20130524/s3/aws4_request", "AWS4-ECDSA-P256-SHA256")
FORGED = {
    "v4": lambda: v4_forged(v4_header()),
    "v4-query": lambda: v4_forged(v4_presigned()),
    "v4a": lambda: v4_forged(v4a_header(), *ASYMMETRIC),
    "v4a-query": lambda: v4_forged(v4a_presigned(), *ASYMMETRIC),
    "v2": v2_forged,
    "v2-query": v2_forged_presigned,
}


AUTHORIZATIONS = {
    "nothing": "",
    "name-alone": "AWS4-HMAC-SHA256",
    "name-and-blank": "AWS4-HMAC-SHA256 ",
    "no-blank": "AWS4-HMAC-SHA256Credential={c}, SignedHeaders={h}, Signature={s}",
    "longer-name": "AWS4-HMAC-SHA256X Credential={c}, SignedHeaders={h}, Signature={s}",
    "lower-case-name": "aws4-hmac-sha256 Credential={c}, SignedHeaders={h}, Signature={s}",
    "another-digest": "AWS4-HMAC-SHA512 Credential={c}, SignedHeaders={h}, Signature={s}",
    "none": "NONE Credential={c}, SignedHeaders={h}, Signature={s}",
    "aws-alone": "AWS",
    "aws-and-blank": "AWS ",
    "aws-key-alone": "AWS {k}",
    "aws-no-signature": "AWS {k}:",
    "aws-no-key": "AWS :{s}",
    "hahaha": "AWS HAHAHA",
    "aws-tab": "AWS\t{k}:{s}",
    "aws-two-blanks": "AWS  {k}:{s}",
    "bearer": "Bearer {s}",
}
MALFORMED = {
    "two-credentials": "AWS4-HMAC-SHA256 Credential={c}, Credential={c}, SignedHeaders={h}, Signature={s}",
    "two-signatures": "AWS4-HMAC-SHA256 Credential={c}, SignedHeaders={h}, Signature={s}, Signature={s}",
    "one-twice-one-missing": "AWS4-HMAC-SHA256 Credential={c}, Credential={c}, Signature={s}",
    "no-credential": "AWS4-HMAC-SHA256 SignedHeaders={h}, Signature={s}",
    "no-headers": "AWS4-HMAC-SHA256 Credential={c}, Signature={s}",
    "no-signature": "AWS4-HMAC-SHA256 Credential={c}, SignedHeaders={h}",
    "empty-signature": "AWS4-HMAC-SHA256 Credential={c}, SignedHeaders={h}, Signature=",
    "misspelt": "AWS4-HMAC-SHA256 Credentials={c}, SignedHeaders={h}, Signature={s}",
    "lower-case": "AWS4-HMAC-SHA256 credential={c}, signedheaders={h}, signature={s}",
    "semicolons": "AWS4-HMAC-SHA256 Credential={c}; SignedHeaders={h}; Signature={s}",
    "blanks-inside": "AWS4-HMAC-SHA256 Credential = {c}, SignedHeaders={h}, Signature={s}",
    "more-after": "AWS4-HMAC-SHA256 Credential={c}, SignedHeaders={h}, Signature={s}, X=y",
    "more-after-a-blank": "AWS4-HMAC-SHA256 Credential={c}, SignedHeaders={h}, Signature={s} aws4_request",
    "terminator-elsewhere": "AWS4-HMAC-SHA256 Credential={k}/20130524/us-east-1/s3, SignedHeaders=aws4_request, Signature={s}",
    "quoted": 'AWS4-HMAC-SHA256 Credential="{c}", SignedHeaders={h}, Signature={s}',
    "scope-in-key": "AWS4-HMAC-SHA256 Credential={k}, SignedHeaders={h}, Signature={s}",
}


def with_authorization(form):
    right = v4_header()
    value = right.header("authorization")
    parts = {
        "k": ACCESS_KEY,
        "c": f"{ACCESS_KEY}/20130524/us-east-1/s3/aws4_request",
        "h": "host;x-amz-content-sha256;x-amz-date",
        "s": value.rpartition("=")[2],
    }
    headers = [[n, form.format(**parts) if n == "Authorization" else v] for n, v in right.headers]
    return {"method": "GET", "target": right.target, "headers": headers}


@pytest.mark.parametrize("form", [called(16, name, form) for name, form in AUTHORIZATIONS.items()])
async def test_an_authorization_of_no_kind_is_refused(gate, form):
    await gate.refuses(with_authorization(form), "InvalidArgument", 400)


@pytest.mark.parametrize("form", [called(16, name, form) for name, form in MALFORMED.items()])
async def test_a_malformed_authorization_is_refused(gate, form):
    await gate.refuses(with_authorization(form), "AuthorizationHeaderMalformed", 400)


@pytest.mark.parametrize("scheme", [called(16, name, name) for name in ("v4", "v2")])
async def test_two_authorizations_are_refused_even_if_alike(gate, scheme):
    right = SIGNED[scheme]()
    authorization = ("authorization", right.header("authorization"))
    await gate.refuses(
        dataclasses.replace(right, headers=(*right.headers, authorization)), "InvalidArgument", 400
    )
    joined = tuple(
        (name, f"{value}, {value}" if name == "Authorization" else value) for name, value in right.headers
    )
    code = "AuthorizationHeaderMalformed" if scheme == "v4" else "InvalidArgument"
    await gate.refuses(dataclasses.replace(right, headers=joined), code, 400)


TOKENS = {
    "alg-none": "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJhY2Nlc3NLZXkiOiJyb290In0.",
    "alg-hs256-no-signature": "eyJhbGciOiJIUzI1NiJ9.e30.",
    "empty": "",
    "text": "FQoGZXIvYXdzEXAMPLE",
    "doubled": "a, b",
}


@pytest.mark.parametrize("token", [called(27, name, token) for name, token in TOKENS.items()])
async def test_a_session_token_is_not_ours(gate, token):
    signed = [("X-Amz-Security-Token", token)]
    await gate.refuses(v4_header(headers=signed), "InvalidToken", 400)
    await gate.refuses(v4_header(headers=[("x-amz-s3session-token", token)]), "InvalidToken", 400)
    await gate.refuses(v4_presigned(headers=signed), "InvalidToken", 400)
    if token:
        await gate.refuses(
            v4_presigned(query=f"X-Amz-Security-Token={token.split(',')[0]}"), "InvalidToken", 400
        )
    text = f"GET\n\n\n\nx-amz-date:{STAMP}\nx-amz-security-token:{token}\n/bucket/key"
    await gate.refuses(
        v2_header("GET", "/bucket/key", text, headers=[*V2_DATE, *signed]), "InvalidToken", 400
    )


@pytest.mark.parametrize(
    "sign",
    [called(27, "two-headers", [("X-Amz-Security-Token", "a"), ("x-amz-s3session-token", "b")])],
)
async def test_two_session_tokens_are_refused(gate, sign):
    await gate.refuses(v4_header(headers=sign), "InvalidArgument", 400)
    await gate.refuses(
        v4_presigned(query="X-Amz-Security-Token=a", headers=[("X-Amz-Security-Token", "b")]),
        "InvalidArgument",
        400,
    )


@pytest.mark.parametrize("token", [called(27, "appended", "eyJhbGciOiJub25lIn0.e30.")])
async def test_a_token_put_on_afterwards_is_refused(gate, token):
    await gate.refuses(v4_presigned(tail=f"&X-Amz-Security-Token={token}"), "InvalidToken", 400)
    await gate.refuses(v4_header(unsigned_headers=[("X-Amz-Security-Token", token)]), "AccessDenied", 403)


@pytest.mark.parametrize("scheme", [called(28, name, name) for name in SIGNED])
async def test_a_restricted_key_opens_nothing(gate, scheme):
    gate.directory.put(
        alice(access_key=ACCESS_KEY, secret=SECRET_KEY, key={"id": "pair", "restricted": True})
    )
    detail = await gate.refuses(SIGNED[scheme](), "AccountProblem", 403)
    assert detail == {"reason": "key-restricted"}


@pytest.mark.parametrize("settings", [called(28, "admitted", {"RESTRICTED_KEYS": "true"})])
async def test_where_a_restricted_key_is_admitted_the_answer_says_so(gate):
    gate.directory.put(
        alice(access_key=ACCESS_KEY, secret=SECRET_KEY, key={"id": "pair", "restricted": True})
    )
    answer = await gate.admits(v4_header())
    assert answer["principal"]["key"] == {"id": "pair", "expires_at": None, "restricted": True}


@pytest.mark.parametrize("scheme", [called(35, name, name) for name in SIGNED])
async def test_a_rotated_secret_counts_at_once_though_the_old_one_is_remembered(gate, scheme):
    """With the cache in front, as in production: a mismatch asks again before it is believed."""
    local = LocalCache(gate.clock, known=10)
    cached = CachedDirectory(
        gate.directory, local=local, shared=None, clock=gate.clock, fresh_for=60.0, max_stale=300.0
    )
    async with gate.opened() as service:
        verify = Verify(
            directory=cached,
            schemes=service.verify.schemes,
            policy=service.verify.policy,
            clock=gate.clock,
            events=SilentEvents(),
        )
    request = SIGNED[scheme]()
    gate.directory.put(alice(access_key=ACCESS_KEY, secret=BOBS_SECRET))
    with pytest.raises(AuthError):
        await verify(request, caller="store")
    gate.clock.advance(2)
    gate.directory.put(alice(access_key=ACCESS_KEY, secret=SECRET_KEY))
    assert (await verify(request, caller="store")).claim.access_key == ACCESS_KEY
    gate.directory.put(alice(access_key=ACCESS_KEY, secret=BOBS_SECRET))
    await cached.forget(ACCESS_KEY)
    gate.clock.advance(2)
    with pytest.raises(AuthError):
        await verify(request, caller="store")
    await cached.close()


@pytest.mark.parametrize("scheme", [called(36, name, name) for name in SIGNED])
async def test_the_state_of_an_account_is_told_to_its_holder_alone(gate, scheme):
    """Unknown and known keys differ, as S3's codes have it; nothing else is told without the secret."""
    right = SIGNED[scheme]()
    healthy, troubled = {}, {}
    for answers, change in ((healthy, {}), (troubled, {"account": {"state": State.DISABLED}})):
        gate.directory.put(alice(access_key=ACCESS_KEY, secret=BOBS_SECRET, **change))
        answers |= await gate.ask(right)
    assert healthy == troubled
    assert healthy["error"]["code"] == "SignatureDoesNotMatch"
