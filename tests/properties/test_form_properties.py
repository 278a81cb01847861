"""Upload forms and payloads in chunks: whatever comes in is read or is Malformed; what was signed passes, nothing else."""

import dataclasses
import hashlib
import hmac
import json
import re
from base64 import b64encode

from hypothesis import assume, event, example, given
from hypothesis import strategies as st

from authsvc.errors import AuthError, InvalidPolicyDocument, Malformed, SignatureMismatch
from authsvc.model import Secret
from authsvc.signing import Claim, SignedRequest, prove, prove_chunks, read
from authsvc.signing.multipart import read_form
from authsvc.signing.postpolicy import read_policy, unmet
from authsvc.signing.sigv4 import signing_key
from tests.signers import EMPTY, SECRET_KEY, STAMP, multipart, v2_form, v4_form, v4_header
from tests.standins import SCHEMES

SECRET = Secret(SECRET_KEY)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8).filter(
    lambda text: "9431149156168" not in text
)
NAMES = st.from_regex(r"x-amz-meta-[a-z0-9]{1,6}", fullmatch=True)
FIELDS = st.dictionaries(NAMES, TEXTS, max_size=4).map(lambda fields: list(fields.items()))
FILES = st.binary(max_size=40).filter(lambda data: b"--9431149156168" not in data)
FORMS = st.sampled_from([v4_form, v2_form])

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
    | st.sampled_from(["eq", "starts-with", "content-length-range", "$key", "$bucket", "2013-05-25T00:00:00Z"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS | st.sampled_from(["key", "bucket"]), inner, max_size=2),
    max_leaves=8,
)  # fmt: skip
DOCUMENTS = st.one_of(
    JSON,
    st.fixed_dictionaries(
        {"expiration": st.just("2013-05-25T00:00:00Z"), "conditions": st.lists(JSON, max_size=3)}
    ),
    st.fixed_dictionaries({"expiration": JSON, "conditions": JSON}, optional={"more": JSON}),
).map(lambda document: json.dumps(document).encode())
POLICIES = st.one_of(DOCUMENTS.map(lambda text: b64encode(text).decode()), st.text(max_size=20), st.binary(max_size=30).map(lambda raw: b64encode(raw).decode()))  # fmt: skip


def outcome(call, *arguments):
    """Return what a call returned, or the refusal it raised; anything else it raises fails the test."""
    try:
        return call(*arguments)
    except AuthError as error:
        return error


def passes(request):
    claim = outcome(read, SCHEMES, request)
    if not isinstance(claim, Claim) or outcome(prove, SCHEMES, claim, SECRET) is not None:
        return False
    return claim.objection is None and outcome(prove_chunks, SCHEMES, claim, SECRET) is None


@given(POLICIES)
@example(b64encode(b"[" * 100000).decode())
@example(
    b64encode(
        b'{"expiration": "2013-05-25T00:00:00Z", "conditions": [["content-length-range", 1e400, 2]]}'
    ).decode()
)
def test_any_policy_is_read_or_is_none(policy):
    read_as = outcome(read_policy, policy)
    event(type(read_as).__name__)
    assert (
        isinstance(read_as, InvalidPolicyDocument)
        or unmet(read_as, {}, exempt=()) is None
        or read_as.conditions
    )


@given(FORMS, st.data())
def test_any_body_is_read_or_is_malformed(form, data):
    request = form(fields=[("x-amz-meta-a", "b")])
    body = bytearray(request.body)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(body) - 1))
        end = data.draw(st.integers(place, min(place + 12, len(body))))
        body[place:end] = data.draw(
            st.sampled_from([b"", b"\r\n", b'"', b"\xff", b"--", b";", b"\x00", body[:60]])
        )
    said = outcome(read, SCHEMES, dataclasses.replace(request, body=bytes(body)))
    event(type(said).__name__)
    assert isinstance(said, Claim | Malformed)
    assert type(said) is not Malformed, "a leaf says which part it was"


@given(
    st.binary(max_size=200),
    st.text(max_size=30).map(lambda text: re.sub(r"[\x00\r\n\ud800-\udfff]", "?", text)),
)
def test_any_bytes_are_a_form_or_malformed(body, more):
    headers = (("Content-Type", f"multipart/form-data; boundary={more}"),)
    request = SignedRequest(method="POST", target="/bucket", headers=headers, body=b"--b\r\n" + body)
    assert isinstance(outcome(read, SCHEMES, request), Malformed)
    assert isinstance(outcome(read_form, request), Malformed)


@given(FORMS, FIELDS, FILES, TEXTS.map(lambda text: re.sub(r'[\x00-\x1f\x7f"\\/]', "", text)))
def test_what_a_form_says_and_its_policy_allows_is_proven(form, fields, file, filename):
    request = form(key="user/${filename}", fields=fields, file=file, filename=filename)
    assert passes(request)
    assert read(SCHEMES, request).upload.key == f"user/{filename}"


@given(FORMS, FIELDS, NAMES, TEXTS)
def test_a_field_put_on_afterwards(form, fields, name, value):
    assume(name not in dict(fields))
    assert not passes(form(fields=fields, uncovered=[(name, value)]))


@given(FORMS, FIELDS.filter(bool), st.data())
def test_a_field_that_is_changed(form, fields, data):
    name, value = data.draw(st.sampled_from(fields))
    other = data.draw(TEXTS)
    assume(other != value and "${filename}" not in value + other)
    request = form(fields=fields)
    was = multipart([(name, value)], file=None)[: -len("--9431149156168--\r\n")]
    now = multipart([(name, other)], file=None)[: -len("--9431149156168--\r\n")]
    assert request.body.count(was) == 1
    assert not passes(dataclasses.replace(request, body=request.body.replace(was, now)))


TO_THE_LETTER = [form(conditions=[{"key": "user/a.txt"}]) for form in (v4_form, v2_form)]


@given(st.sampled_from(TO_THE_LETTER), st.integers(0, 10_000), st.integers(0, 7))
def test_any_bit_before_the_file(request, place, bit):
    """A flipped bit is refused, or the form says the same: letter case of names, and what nobody reads."""
    before = read(SCHEMES, request)
    place %= request.body.index(b"Content-Type: text/plain")
    body = bytearray(request.body)
    body[place] ^= 1 << bit
    other = dataclasses.replace(request, body=bytes(body))
    if passes(other):
        after = read(SCHEMES, other)
        # Under another access key another secret would have been asked for.
        assume(after.access_key == before.access_key)
        assert after.changed(upload=before.upload) == before
        assert (after.upload.bucket, after.upload.key) == (before.upload.bucket, before.upload.key)


KEY = signing_key(SECRET, read(SCHEMES, v4_header()).scope)


def chunked(pieces, trailers):
    """Sign and frame a payload; ``trailers`` are checksums."""
    headers = [("X-Amz-Decoded-Content-Length", str(sum(map(len, pieces))))]
    payload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    if trailers:
        headers.append(("X-Amz-Trailer", ",".join(trailers)))
        payload += "-TRAILER"
    request = v4_header("PUT", headers=headers, payload=payload)
    claim = read(SCHEMES, request)
    common, previous, body = f"{STAMP}\n{claim.chunks.scope}", claim.signature, b""
    for piece in [*pieces, b""]:
        text = f"AWS4-HMAC-SHA256-PAYLOAD\n{common}\n{previous}\n{EMPTY}\n{hashlib.sha256(piece).hexdigest()}"
        previous = hmac.new(KEY, text.encode(), "sha256").hexdigest()
        body += (
            f"{len(piece):x};chunk-signature={previous}\r\n".encode() + piece + (b"\r\n" if piece else b"")
        )
    if trailers:
        lines = "".join(f"{name}:{trailers[name]}\n" for name in sorted(trailers))
        text = f"AWS4-HMAC-SHA256-TRAILER\n{common}\n{previous}\n{hashlib.sha256(lines.encode()).hexdigest()}"
        made = hmac.new(KEY, text.encode(), "sha256").hexdigest()
        body += "".join(f"{name}:{value}\r\n" for name, value in trailers.items()).encode()
        body += f"x-amz-trailer-signature:{made}\r\n".encode()
    return dataclasses.replace(request, body=body + b"\r\n")


PAYLOADS = st.builds(
    chunked,
    st.lists(st.just(b"x" * 8192), max_size=1).flatmap(
        lambda big: st.lists(st.binary(min_size=1, max_size=30), max_size=1).map(lambda last: big + last)
    ),
    st.dictionaries(
        st.sampled_from(["x-amz-checksum-crc32", "x-amz-checksum-sha256"]), st.from_regex(r"[A-Za-z0-9+/=]{1,12}", fullmatch=True), max_size=2
    ),
)  # fmt: skip


@given(PAYLOADS)
def test_what_was_signed_in_chunks_is_proven(request):
    assert passes(request)


@given(PAYLOADS, st.integers(0, 20_000), st.integers(0, 7))
def test_any_bit_of_a_payload_in_chunks(request, place, bit):
    place %= len(request.body) - 2
    body = bytearray(request.body)
    body[place] ^= 1 << bit
    # The letter case of a size or a trailer's name says nothing.
    assume(bytes(body).lower() != request.body.lower())
    assert not passes(dataclasses.replace(request, body=bytes(body)))


@given(PAYLOADS, st.integers(0, 20_000), st.binary(max_size=6))
def test_any_payload_in_chunks_is_proven_or_refused(request, place, inserted):
    place %= len(request.body)
    body = request.body[:place] + inserted + request.body[place + 3 :]
    claim = read(SCHEMES, dataclasses.replace(request, body=body))
    said = outcome(prove_chunks, SCHEMES, claim, SECRET)
    event(type(said).__name__)
    assert said is None or isinstance(said, SignatureMismatch) or type(said).__name__ in {"IncompleteBody", "MalformedTrailer", "InvalidChunkSize"}  # fmt: skip
