"""S3's upload forms: the policy is what was signed, so every field has to be what the policy says."""

from __future__ import annotations

import base64
import dataclasses
import json

import pytest

from authsvc.model import State
from tests.attacks.conftest import BOBS_KEY, NOW
from tests.attacks.rows import called
from tests.people import alice
from tests.signers import (
    ACCESS_KEY,
    HOST,
    SECRET_KEY,
    posted,
    v2_form,
    v4_form,
    v4_header,
)

FORMS = {"v4": v4_form, "v2": v2_form}
forms = pytest.mark.parametrize("sign", FORMS.values(), ids=FORMS)
SCOPE = "20130524/us-east-1/s3/aws4_request"


def encoded(document):
    text = document if isinstance(document, str) else json.dumps(document)
    return base64.b64encode(text.encode()).decode()


UNMET = {
    "key-outside-the-prefix": {"key": "other/a.txt"},
    "key-in-other-case": {"key": "User/a.txt"},
    "key-climbing-out": {"key": "other/../user/a.txt"},
    "key-empty": {"key": ""},
    "extra-field": {"uncovered": [("acl", "public-read-write")]},
    "extra-header-field": {"uncovered": [("x-amz-meta-role", "admin")]},
    "extra-in-other-case": {"uncovered": [("ACL", "public-read")]},
    "extra-redirect": {"uncovered": [("success_action_redirect", "https://evil.example")]},
    "extra-storage-class": {"uncovered": [("x-amz-storage-class", "GLACIER")]},
    "extra-tagging": {"uncovered": [("tagging", "<Tagging/>")]},
    "extra-copy-source": {"uncovered": [("x-amz-copy-source", "/secret/k")]},
    "condition-without-its-field": {"conditions": [["starts-with", "$key", "user/"], {"acl": "private"}]},
    "condition-on-nothing": {"conditions": [["starts-with", "key", "user/"]]},
    "key-uncovered": {"conditions": []},
    "value-in-other-case": {
        "uncovered": [("acl", "Private")],
        "conditions": [["starts-with", "$key", "user/"], {"acl": "private"}],
    },
    "value-longer": {
        "uncovered": [("acl", "private,public-read")],
        "conditions": [["starts-with", "$key", "user/"], ["eq", "$acl", "private"]],
    },
}


@forms
@pytest.mark.parametrize("form", [called(7, name, form) for name, form in UNMET.items()])
async def test_a_form_its_policy_does_not_cover_is_refused(gate, sign, form):
    await gate.admits(sign())
    await gate.refuses(sign(**form), "AccessDenied", 403)


@forms
@pytest.mark.parametrize(
    "target", [called(7, "another-bucket", "/other"), called(7, "another-bucket-slash", "/other/")]
)
async def test_a_policy_for_one_bucket_opens_no_other(gate, sign, target):
    await gate.refuses(sign(target=target), "AccessDenied", 403)


@forms
@pytest.mark.parametrize("bucket", [called(7, "bucket-by-field", "bucket")])
async def test_the_bucket_is_where_the_form_was_sent_not_what_it_says(gate, sign, bucket):
    await gate.refuses(sign(target="/other", uncovered=[("bucket", bucket)]), "InvalidArgument", 400)
    await gate.refuses(dataclasses.replace(sign(target="/"), bucket="other"), "AccessDenied", 403)


@forms
@pytest.mark.parametrize(
    "target",
    [called(7, "to-a-key", "/bucket/key"), called(7, "to-no-bucket", "/"), called(7, "dots", "/bucket/..")],
)
async def test_a_form_is_sent_to_a_bucket(gate, sign, target):
    answer = await gate.ask(sign(target=target))
    assert answer["authenticated"] is False
    assert answer["error"]["status"] == 400


DOCUMENTS = {
    "no-json": "{",
    "list": "[]",
    "null": "null",
    "nan": '{"expiration":NaN,"conditions":[]}',
    "no-expiration": {"conditions": []},
    "expiration-in-other-case": {"Expiration": "2013-05-25T00:00:00Z", "conditions": []},
    "no-conditions": {"expiration": "2013-05-25T00:00:00Z"},
    "conditions-no-list": {"expiration": "2013-05-25T00:00:00Z", "conditions": {}},
    "more": {"expiration": "2013-05-25T00:00:00Z", "conditions": [], "more": 1},
    "twice": '{"expiration":"2013-05-25T00:00:00Z","conditions":[],"conditions":[]}',
    "unknown-operator": {"expiration": "2013-05-25T00:00:00Z", "conditions": [["matches", "$key", ".*"]]},
    "two-names": {"expiration": "2013-05-25T00:00:00Z", "conditions": [{"key": "a", "acl": "b"}]},
    "number": {"expiration": "2013-05-25T00:00:00Z", "conditions": [{"key": 1}]},
    "too-few": {"expiration": "2013-05-25T00:00:00Z", "conditions": [["eq", "$key"]]},
    "range-negative": {"expiration": "2013-05-25T00:00:00Z", "conditions": [["content-length-range", -1, 5]]},
    "range-float": {"expiration": "2013-05-25T00:00:00Z", "conditions": [["content-length-range", 0, 1e9]]},
    "range-backwards": {"expiration": "2013-05-25T00:00:00Z", "conditions": [["content-length-range", 9, 1]]},
    "expiration-number": {"expiration": 1999999999, "conditions": []},
    "expiration-local": {"expiration": "2013-05-25T00:00:00", "conditions": []},
    "expiration-arabic": {"expiration": "٢٠١٣-05-25T00:00:00Z", "conditions": []},
    "deep": '{"expiration":"2013-05-25T00:00:00Z","conditions":' + "[" * 3000 + "]" * 3000 + "}",
}


@forms
@pytest.mark.parametrize(
    "document", [called(7, f"document-{name}", document) for name, document in DOCUMENTS.items()]
)
async def test_a_policy_that_is_none_is_refused(gate, sign, document):
    await gate.refuses(sign(policy=encoded(document)), "InvalidPolicyDocument", 400)


@forms
@pytest.mark.parametrize(
    "policy",
    [called(7, "junk-in-base64", "***"), called(7, "no-padding", "e30"), called(7, "url-safe", "e30-")],
)
async def test_a_policy_has_one_encoding(gate, sign, policy):
    await gate.refuses(sign(policy=policy), "InvalidPolicyDocument", 400)


@forms
@pytest.mark.parametrize("after", [called(9, "form-ended", 86401)])
async def test_a_form_ends_with_its_policy(gate, sign, after):
    gate.clock.wall = NOW + after - 2
    await gate.admits(sign())
    gate.clock.wall = NOW + after
    await gate.refuses(sign(), "AccessDenied", 403)


@forms
@pytest.mark.parametrize(
    ("file", "code"),
    [called(7, "too-large", b"x" * 11, "EntityTooLarge"), called(7, "too-small", b"", "EntityTooSmall")],
)
async def test_a_file_of_another_size_is_refused(gate, sign, file, code):
    conditions = [["starts-with", "$key", "user/"], ["content-length-range", 1, 10]]
    await gate.admits(sign(conditions=conditions, file=b"x" * 10))
    await gate.refuses(sign(conditions=conditions, file=file), code, 400)


@forms
@pytest.mark.parametrize("field", [called(7, "after-the-file", ("acl", "public-read"))])
async def test_what_stands_after_the_file_does_not_count(gate, sign, field):
    tail = (
        f'--9431149156168\r\nContent-Disposition: form-data; name="{field[0]}"\r\n\r\n{field[1]}\r\n'.encode()
    )
    answer = await gate.ask(sign(tail=tail))
    # Refused, or read as though it were not there; never believed.
    assert "public-read" not in json.dumps(answer)


@forms
@pytest.mark.parametrize(
    "twice",
    [
        called(7, "key-twice", "key"),
        called(7, "key-twice-other-case", "Key"),
        called(7, "policy-twice", "policy"),
        called(7, "signature-twice", "x-amz-signature"),
    ],
)
async def test_a_field_is_there_once(gate, sign, twice):
    right = sign()
    more = f'--9431149156168\r\nContent-Disposition: form-data; name="{twice}"\r\n\r\nuser/b\r\n'.encode()
    for body in (
        more + right.body,
        right.body.replace(
            b'--9431149156168\r\nContent-Disposition: form-data; name="file"',
            more + b'--9431149156168\r\nContent-Disposition: form-data; name="file"',
        ),
    ):
        answer = await gate.ask(dataclasses.replace(right, body=body))
        assert answer["authenticated"] is False
        assert answer["error"]["status"] in {400, 403}


ODD = {
    "no-boundary": lambda r: typed(r, "multipart/form-data"),
    "two-boundaries": lambda r: typed(r, "multipart/form-data; boundary=9431149156168; boundary=x"),
    "another-boundary": lambda r: typed(r, "multipart/form-data; boundary=x"),
    "preamble": lambda r: dataclasses.replace(r, body=b"hello\r\n" + r.body),
    "line-feeds": lambda r: dataclasses.replace(r, body=r.body.replace(b"\r\n", b"\n")),
    "no-file": lambda r: dataclasses.replace(r, body=r.body.partition(b'name="file"')[0]),
    "cut": lambda r: dataclasses.replace(r, body=r.body[:40]),
    "transfer-encoding": lambda r: dataclasses.replace(
        r, body=r.body.replace(b'name="key"', b'name="key"\r\nContent-Transfer-Encoding: base64', 1)
    ),
    "two-dispositions": lambda r: dataclasses.replace(
        r, body=r.body.replace(b'name="key"', b'name="key"\r\nContent-Disposition: form-data; name="acl"', 1)
    ),
    "two-names": lambda r: dataclasses.replace(
        r, body=r.body.replace(b'name="key"', b'name="key"; name="acl"', 1)
    ),
    "extended-name": lambda r: dataclasses.replace(
        r, body=r.body.replace(b'name="key"', b"name*=utf-8''key", 1)
    ),
    "nul": lambda r: dataclasses.replace(r, body=r.body.replace(b'name="key"', b'name="key\0"', 1)),
    "utf-16": lambda r: typed(r, "multipart/form-data; boundary=9431149156168; charset=utf-16"),
}


def typed(request, content_type):
    return dataclasses.replace(request, headers=(HOST, ("Content-Type", content_type)))


@forms
@pytest.mark.parametrize("change", [called(25, f"form-{name}", change) for name, change in ODD.items()])
async def test_a_form_that_can_be_read_in_two_ways_is_refused(gate, sign, change):
    wrong = change(sign())
    assert wrong != sign()
    answer = await gate.ask(wrong)
    assert answer["authenticated"] is False
    assert answer["error"]["status"] in {400, 403}


@forms
@pytest.mark.parametrize(
    "header",
    [
        called(1, "form", ("x-amz-acl", "public-read")),
        called(1, "form-copy-source", ("X-Amz-Copy-Source", "/secret/k")),
        called(19, "form", ("X_Amz_Acl", "public-read")),
    ],
)
async def test_a_form_signs_no_header(gate, sign, header):
    await gate.refuses(sign(headers=[header]), "AccessDenied", 403)


@forms
@pytest.mark.parametrize(
    "header",
    [
        called(3, "form-and-v4", ("Authorization", v4_header().header("authorization"))),
        called(3, "form-and-v2", ("Authorization", f"AWS {BOBS_KEY}:AAAA")),
        called(3, "form-and-bearer", ("Authorization", "Bearer token")),
    ],
)
async def test_a_second_mechanism_is_refused(gate, sign, header):
    await gate.refuses(sign(headers=[header]), "InvalidArgument", 400)


@pytest.mark.parametrize("both", [called(3, "form-both-versions", "x")])
async def test_a_form_is_signed_once(gate, both):
    twice = v4_form(uncovered=[("AWSAccessKeyId", BOBS_KEY), ("signature", both)])
    await gate.refuses(twice, "InvalidArgument", 400)


@forms
@pytest.mark.parametrize(
    "change",
    [
        called(8, "disabled", {"user": {"state": State.DISABLED}}),
        called(8, "restricted", {"key": {"restricted": True}}),
    ],
)
async def test_a_form_opens_no_more_than_its_signer(gate, sign, change):
    answer = await gate.admits(sign())
    assert answer["principal"]["user"]["name"] == "alice"
    gate.directory.put(alice(access_key=ACCESS_KEY, secret=SECRET_KEY, **change))
    await gate.refuses(sign(), "AccountProblem", 403)


@pytest.mark.parametrize(
    "scope",
    [
        called(14, "form-region", "20130524/us-west-2/s3/aws4_request"),
        called(14, "form-service", "20130524/us-east-1/ec2/aws4_request"),
        called(14, "form-terminator", "20130524/us-east-1/s3/aws5_request"),
        called(14, "form-day", "20130523/us-east-1/s3/aws4_request"),
    ],
)
async def test_a_form_for_elsewhere_is_refused(gate, scope):
    here = {"expect": {"service": "s3", "region": "us-east-1"}}
    await gate.admits(v4_form(), **here)
    await gate.refuses(v4_form(scope=scope), "InvalidArgument", 400, **here)


@forms
@pytest.mark.parametrize("secret", [called(0, "form-no-secret", "")])
async def test_a_user_without_a_secret_has_no_form(gate, sign, secret):
    gate.directory.put(alice(access_key=ACCESS_KEY, secret=secret))
    await gate.refuses(sign(), "SignatureDoesNotMatch", 403)


@pytest.mark.parametrize("fields", [called(7, "anonymous", [("key", "user/a.txt")])])
async def test_a_form_nobody_signed_is_anonymous(gate, fields):
    assert await gate.refuses(posted(fields), "AccessDenied", 403) == {"anonymous": True}
