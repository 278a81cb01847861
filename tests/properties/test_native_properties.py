"""What no input may do to the native face: be read in two ways, or find a fault."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import suppress

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from authsvc.errors import Malformed
from authsvc.faces.documents import parse
from authsvc.faces.native.question import read_one, read_question, read_questions
from authsvc.faces.native.schemas import MAX_BATCH, VERIFY, load
from authsvc.service.policy import Expectation
from tests.standins import AUTHORIZED, TOKEN, World, s3_question

texts = st.text(max_size=12)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
tokens = st.from_regex(r"[A-Za-z0-9-]{1,10}", fullmatch=True)
values = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=12)
right = {
    "method": tokens,
    "target": st.from_regex(r"/[a-z0-9/?=&%]{0,12}", fullmatch=True),
    "headers": st.lists(st.lists(tokens | values, min_size=2, max_size=2), max_size=3)
    | st.lists(st.tuples(tokens, values).map(list), max_size=3)
    | st.dictionaries(tokens, values, max_size=3),
    "body": st.none() | st.sampled_from(["", "YQ==", "YWI=", "YWJj", "YR==", "YQ=", "YQ", "Y===", "_-8=", "YQ==\n", "é==="]),
    "body_sha256": st.none() | st.sampled_from(["ab" * 32, "AB" * 32, "ab" * 31, "ab" * 32 + "\n", ""]),
    "bucket": st.none() | tokens | st.sampled_from(["", "a/b", "a\n"]),
    "expect": st.none()
    | st.dictionaries(st.sampled_from(["service", "region", "host"]), st.none() | st.sampled_from(["s3", ""]) | scalars, max_size=2),
    "want": st.none() | st.lists(st.sampled_from(["signing_key", "secret_key"]) | scalars, max_size=2),
}  # fmt: skip


@st.composite
def documents(draw):
    """Make questions that are nearly right: each part is, or is anything, or is missing, or is one too many."""
    document = {}
    wrong = draw(st.sets(st.sampled_from(sorted(right)), max_size=2))
    optional = {"body", "body_sha256", "bucket", "expect", "want"}
    for name, strategy in right.items():
        if name in wrong:
            if draw(st.booleans()):
                document[name] = draw(anything)
        elif name not in optional or draw(st.booleans()):
            document[name] = draw(strategy)
    if draw(st.integers(0, 9)) == 0:
        document[draw(texts)] = draw(anything)
    return document


def outcome(read, document):
    try:
        return read(document)
    except Malformed as refusal:
        return f"refused: {str(refusal.detail.get('field')).split('.')[0]}"


def as_body(document):
    return read_question(json.dumps(document).encode())


def as_one_of_many(document):
    body = json.dumps({"requests": [document]}).encode()
    return read_one(read_questions(body)[0])


def by_schema(document):
    return load(VERIFY, document)


@given(documents())
@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_read_and_what_the_schema_says_agree(document):
    expected, read = outcome(by_schema, document), outcome(as_body, document)
    assert outcome(as_one_of_many, document) == read
    if isinstance(expected, str):
        assert isinstance(read, str), expected  # where two things are wrong, either may be named
    else:
        assert read == expected


@given(documents())
@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
def test_what_the_schema_admits_is_read_at_sight(document):
    try:
        by_schema(document)
    except Malformed:
        return
    assert isinstance(read_questions(json.dumps({"requests": [document]}).encode())[0], msgspec.Struct)


@given(documents(), st.data())
@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
def test_no_name_may_come_twice_wherever_it_is(document, data):
    try:
        by_schema(document)
    except Malformed:
        return
    objects = [document, *(part for part in document.values() if isinstance(part, dict) and part)]
    twice = data.draw(st.sampled_from(objects))
    name = data.draw(st.sampled_from(sorted(twice)))
    again = f"{json.dumps(name)}: {json.dumps(data.draw(st.none() | st.just(twice[name])))}, "
    body = json.dumps(document)
    place = body.index(json.dumps(twice)) + 1
    body = f"{body[:place]}{again}{body[place:]}"
    for whole, read in ((body, read_question), (f'{{"requests": [{body}]}}', read_questions)):
        with pytest.raises(Malformed):
            read(whole.encode())


@given(anything)
@example([])
@example({"method": "GET", "target": "/", "headers": [{"0": "a", "1": "b"}]})
@example({"method": "GET", "target": "/", "headers": ["ab"]})
@example({"method": True, "target": "/", "headers": []})
@example({"method": "GET", "target": "/", "headers": [], "want": "signing_key"})
@example({"method": "GET", "target": "/", "headers": [], "expect": []})
@example({"method": "GET", "target": "/", "headers": [], "expect": {}})
@example({"method": "GET", "target": "/", "headers": [], "expect": {"service": ""}})
@example({"method": "GET", "target": "/", "headers": [], "expect": {"region": ""}})
@example({"method": "GET", "target": "/", "headers": [], "expect": {"region": None}})
@example({"method": "GET", "target": "/", "headers": [], "want": None, "body": None})
@example({"method": "GET", "target": "/", "headers": [], "body": ""})
def test_they_agree_on_anything_at_all(document):
    assert isinstance(outcome(as_body, document), str) == isinstance(outcome(by_schema, document), str)


@pytest.mark.parametrize(
    "body",
    [
        b'{"method":"GET","method":"PUT","target":"/","headers":[]}',
        b'{"method":"GET","target":"/","headers":{"a":"b","a":"c"}}',
        b'{"method":"GET","target":"/","headers":[],"expect":{"service":"s3","service":"ec2"}}',
        b'{"method":"GET","target":"/","headers":[["a","\\u0022\\u0022"]],"bucket":"a","bucket":"b"}',
    ],
)
def test_a_question_that_says_a_thing_twice_is_refused(body):
    for read in (read_question, lambda body: read_questions(b'{"requests":[' + body + b"]}")):
        with pytest.raises(Malformed, match="twice"):
            read(body)


def test_no_more_than_so_many_are_read():
    question = {"method": "GET", "target": "/", "headers": []}
    assert len(read_questions(json.dumps({"requests": [question] * MAX_BATCH}).encode())) == MAX_BATCH
    with pytest.raises(Malformed, match="at most"):
        read_questions(json.dumps({"requests": [question] * (MAX_BATCH + 1)}).encode())


def test_names_too_long_to_be_remembered_are_read_all_the_same():
    document = {
        "method": "GET",
        "target": "/",
        "headers": [],
        "expect": {"service": "s" * 99, "region": "r" * 99},
    }
    assert as_body(document).expect == Expectation(service="s" * 99, region="r" * 99)


@pytest.mark.parametrize("name", sorted(right))
def test_the_two_name_the_same_field(name):
    document = {"method": "GET", "target": "/", "headers": [], name: 7}
    assert outcome(as_body, document) == f"refused: {name}"
    assert outcome(by_schema, document) == f"refused: {name}"


def slowly(raw):
    """Read JSON as ``parse`` promises to, by the reader that sees every name."""

    def once(pairs):
        if len(dict(pairs)) != len(pairs):
            raise ValueError("repeated")
        return dict(pairs)

    return json.loads(raw, object_pairs_hook=once)


awkward = st.text(st.sampled_from('"\\a:{},[] é'), max_size=5)
written = st.recursive(
    st.integers(-9, 9).map(str) | st.booleans().map(lambda one: json.dumps(one)) | awkward.map(json.dumps),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda parts: f"[{','.join(parts)}]")
        | st.lists(st.tuples(awkward.map(json.dumps), inner), max_size=3).map(
            lambda pairs: "{" + ", ".join(f"{name} : {value}" for name, value in pairs) + "}"
        )
    ),
    max_leaves=8,
)


@given(written)
@example('{"a":1,"a":1}')
@example('{"a":"x","a":"\\u0022\\u0022\\u0022\\u0022"}')  # as many quotes when written again
@example('{"\\\\":1,"\\\\":1}')
@example('{"a":"\\\\\\"","b":[]}')
@example('{"\\u0061":1,"a":2}')
@settings(max_examples=400)
def test_a_name_is_never_taken_twice(text):
    try:
        meant = slowly(text)
    except ValueError:
        with pytest.raises(Malformed):
            parse(text.encode())
    else:
        assert parse(text.encode()) == meant


@given(st.binary(max_size=60))
def test_any_bytes_are_json_or_malformed(raw):
    try:
        document = parse(raw)
    except Malformed:
        return
    assert document == msgspec.json.decode(raw)


SEEDS = st.sampled_from(
    [
        "null", "[]", "{}", "0", '""', "NaN", "-Infinity", "1e400", "9" * 400, "1" * 5000, '"\\ud800"', '"\\u0000"', "[" * 2000,
        "[" * 500 + "]" * 500, '{"a":' * 300 + "1" + "}" * 300, '{"a":1,"a":2}', "true", "-0", "1.5", '"' + "a" * 3000 + '"', "\ufeff{}",
        '["a"]', '{"a":"b"}', '[["a"]]', "[[1,2]]", '{"0":"a","1":"b"}',
    ]
)  # fmt: skip


@given(
    st.sampled_from(
        ["method", "target", "headers", "body", "body_sha256", "bucket", "expect", "want", "more"]
    ),
    SEEDS,
    st.sampled_from(["/v1/verify", "/v1/verify/batch", "/v1/users/lookup", "/v1/forget"]),
)
@settings(max_examples=150, deadline=None)
def test_abuse_in_any_field_is_400_or_a_verdict(name, written, path):
    parts = {"method": '"GET"', "target": '"/"', "headers": '[["Host","x"]]', name: written}
    question = "{" + ",".join(f'"{part}":{value}' for part, value in parts.items()) + "}"
    bodies = {
        "/v1/verify": question,
        "/v1/verify/batch": '{"requests":[' + question + "]}",
        "/v1/users/lookup": '{"access_key":' + written + "}",
        "/v1/forget": '{"access_key":"a","' + name + '":' + written + "}",
    }

    async def run():
        world = World()
        async with world.client(headers=AUTHORIZED) as client:
            for body in (bodies[path], written):
                response = await client.post(
                    path,
                    data=body.encode("utf-8", "surrogatepass"),
                    headers={"Content-Type": "application/json"},
                )
                assert response.status in (200, 400, 404), await response.text()
                answer = await response.json()
                assert response.status == 200 or answer["error"]["code"] in (
                    "MalformedRequest",
                    "UnknownAccessKey",
                )

    asyncio.run(run())


QUESTION = json.dumps(s3_question()).encode()
HEAD = f"Host: x\r\nX-Auth-Token: {TOKEN}\r\nContent-Type: application/json\r\n".encode()
LENGTH = b"Content-Length: %d\r\n" % len(QUESTION)
CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(QUESTION), QUESTION)
LINE = b"POST /v1/verify HTTP/1.1\r\n"

ABUSE = {
    "both lengths": LINE + HEAD + LENGTH + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED,
    "two different lengths": LINE + HEAD + LENGTH + b"Content-Length: 3\r\n\r\n" + QUESTION,
    "the same length twice": LINE + HEAD + LENGTH + LENGTH + b"\r\n" + QUESTION,
    "a signed length": LINE + HEAD + b"Content-Length: +%d\r\n\r\n" % len(QUESTION) + QUESTION,
    "a negative length": LINE + HEAD + b"Content-Length: -1\r\n\r\n",
    "a length beyond counting": LINE + HEAD + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n",
    "a bad chunk size": LINE + HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "a chunk longer than it says": LINE + HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n",
    "an unknown transfer coding": LINE + HEAD + b"Transfer-Encoding: chunked, cow\r\n\r\n" + CHUNKED,
    "a chunked look-alike": LINE + HEAD + b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNKED,
    "a folded header": LINE + HEAD + b"X-A: b\r\n c\r\n" + LENGTH + b"\r\n" + QUESTION,
    "NUL in a header": LINE + HEAD + b"X-A: b\0c\r\n" + LENGTH + b"\r\n" + QUESTION,
    "NUL in a name": LINE + HEAD + b"X\0A: b\r\n" + LENGTH + b"\r\n" + QUESTION,
    "a space before the colon": LINE + HEAD + b"Content-Length : 2\r\n\r\n{}",
    "a bare CR": LINE + HEAD + b"X-A: b\rc\r\n" + LENGTH + b"\r\n" + QUESTION,
    "two hosts": LINE + b"Host: y\r\n" + HEAD + LENGTH + b"\r\n" + QUESTION,
    "no host": LINE + HEAD.replace(b"Host: x\r\n", b"") + LENGTH + b"\r\n" + QUESTION,
    "another host's target": b"POST http://y/v1/verify HTTP/1.1\r\n" + HEAD + LENGTH + b"\r\n" + QUESTION,
    "authority form": b"CONNECT x:443 HTTP/1.1\r\n" + HEAD + b"\r\n",
    "asterisk form": b"OPTIONS * HTTP/1.1\r\n" + HEAD + b"\r\n",
    "a backslash target": b"POST \\v1\\verify HTTP/1.1\r\n" + HEAD + LENGTH + b"\r\n" + QUESTION,
    "bytes in the target": b"POST /v1/verify\xff HTTP/1.1\r\n" + HEAD + LENGTH + b"\r\n" + QUESTION,
    "dots in the target": b"POST /v1/../v1/verify HTTP/1.1\r\n" + HEAD + LENGTH + b"\r\n" + QUESTION,
    "many headers": LINE + HEAD + b"".join(b"X-%d: a\r\n" % n for n in range(129)) + LENGTH + b"\r\n" + QUESTION,
    "a long header": LINE + HEAD + b"X-A: " + b"a" * 8193 + b"\r\n" + LENGTH + b"\r\n" + QUESTION,
    "a long target": b"POST /v1/verify?" + b"a" * 8193 + b" HTTP/1.1\r\n" + HEAD + LENGTH + b"\r\n" + QUESTION,
    "HTTP/0.9": b"GET /v1/verify\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/3.7": b"POST /v1/verify HTTP/3.7\r\n" + HEAD + LENGTH + b"\r\n" + QUESTION,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64,
    "a method of another tongue": b"P\xc3\x96ST /v1/verify HTTP/1.1\r\n" + HEAD + b"\r\n",
    "a body cut short": LINE + HEAD + b"Content-Length: 999\r\n\r\n" + QUESTION[:10],
    "chunks cut short": LINE + HEAD + b"Transfer-Encoding: chunked\r\n\r\nfff\r\n{",
    "gzip that is none": LINE + HEAD + b"Content-Encoding: gzip\r\n" + LENGTH + b"\r\n" + QUESTION,
    "an upgrade": LINE + HEAD + b"Connection: upgrade\r\nUpgrade: websocket\r\n" + LENGTH + b"\r\n" + QUESTION,
    "an expectation unheard of": LINE + HEAD + b"Expect: the-unexpected\r\n" + LENGTH + b"\r\n" + QUESTION,
}  # fmt: skip
HARMLESS = {
    "another host's target",
    "two hosts",
    "no host",
    "dots in the target",
    "an upgrade",
}


async def sent(port, raw):
    """Send bytes, and return the statuses that came back until the other side closed or fell silent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(raw)
    answer = b""
    with suppress(TimeoutError, ConnectionError):
        while more := await asyncio.wait_for(reader.read(65536), 0.4):
            answer += more
    writer.close()
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer)]


@pytest.mark.parametrize("raw", ABUSE.values(), ids=ABUSE)
async def test_abuse_on_the_wire_is_refused_or_cut_off(raw, request):
    world = World()
    async with world.client() as client:
        statuses = await sent(client.port, raw)
        harmless = request.node.callspec.id in HARMLESS
        assert all(400 <= status < 500 or (harmless and status == 200) for status in statuses), statuses
        assert await sent(client.port, LINE + HEAD + LENGTH + b"Connection: close\r\n\r\n" + QUESTION) == [
            200
        ]
    assert not [event for event in world.events if event["status"] >= 500]


async def test_pipelined_requests_are_answered_in_order():
    good = LINE + HEAD + LENGTH + b"\r\n" + QUESTION
    world = World()
    async with world.client() as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
        bad = good.replace(TOKEN.encode(), b"x" * len(TOKEN))
        writer.write(good + bad + good + LINE + HEAD + b"Content-Length: 1\r\n\r\n{" + good)
        statuses = []
        while len(statuses) < 5:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            statuses.append(int(head.split()[1]))
            await reader.readexactly(int(re.search(rb"Content-Length: (\d+)", head)[1]))
        writer.close()
    assert statuses == [200, 401, 200, 400, 200]
