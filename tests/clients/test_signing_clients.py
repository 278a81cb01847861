"""Unmodified clients sign; a store passes their requests on as they came; the service says who signed."""

from __future__ import annotations

import copy
import re
import secrets

import pytest

from tests.clients.senders import REGION, SCHEMES, SENDERS, boto, boto_sends, code_of, curl, minio_sends
from tests.region import ask

pytestmark = pytest.mark.usefixtures("no_config_of_ours")
everybody = pytest.mark.parametrize("client", SENDERS)
KEYS = [
    "plain",
    "two words",
    "ünïcödé/日本語/🦊",
    "a//b///c",
    "a/../b/./c",
    "..",
    "%2F and %",
    "1+1=2&x~!*'();:@$,[]?#",
    "/leading/and/trailing/",
    "\t\x7f",
    "é" * 500,
]


@everybody
@pytest.mark.parametrize("name", ["alice", "bob"])
def test_a_request_is_its_signers(region, store, client, name):
    person = region.people[name]
    assert SENDERS[client](store, person.access_key, person.secret) is None
    assert store.taken
    for taken in store.taken:
        assert taken.verdict["authenticated"], taken
        assert taken.verdict["scheme"] == SCHEMES[client]
        assert taken.verdict["access_key"] == person.access_key
        assert taken.verdict["principal"]["user"]["name"] == name
        assert taken.signatures


@everybody
def test_a_wrong_secret_is_told(region, store, client):
    person = region.people["alice"]
    assert SENDERS[client](store, person.access_key, secrets.token_urlsafe(64)) == "SignatureDoesNotMatch"
    assert not any(taken.verdict["authenticated"] for taken in store.taken)


@everybody
def test_an_unknown_key_is_told(region, store, client):
    unknown = secrets.token_urlsafe(64)
    code = "InvalidClientTokenId" if client in {"boto3-sts", "boto3-ec2"} else "InvalidAccessKeyId"
    assert SENDERS[client](store, unknown, region.people["alice"].secret) == code


@pytest.mark.parametrize("name", ["off", "barred"])
@pytest.mark.parametrize("client", ["boto3-put-s3v4", "boto3-put-s3", "minio-list", "curl-get"])
def test_who_is_switched_off_is_told(region, store, client, name):
    person = region.people[name]
    assert SENDERS[client](store, person.access_key, person.secret) == "AccountProblem"


@everybody
def test_a_request_changed_on_the_way_is_refused(region, store, client):
    person = region.people["alice"]
    SENDERS[client](store, person.access_key, person.secret)
    question = store.taken[-1].question
    assert region.verify(question).json["authenticated"]
    changed = dict(mutations(question))
    assert {"method", "path", "signature"} <= changed.keys()
    assert any("date" in name.lower() or name == "query Expires" for name in changed)
    for name, other in changed.items():
        answer = region.verify(other)
        assert answer.status == 200, (name, answer)
        assert not answer.json["authenticated"], (name, other)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: ascii(key)[1:21])
@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_awkward_keys_are_read_as_boto_signed_them(region, store, key, version):
    person = region.people["alice"]

    def call(client):
        client.put_object(Bucket="bucket", Key=key, Body=b"x", Metadata={"two": "a  b"})
        client.get_object(Bucket="bucket", Key=key)
        client.list_objects(Bucket="bucket", Prefix=key, Marker="")

    assert boto_sends(call, version)(store, person.access_key, person.secret) is None
    with boto(store, person.access_key, person.secret, version) as client:
        url = client.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": key})
    assert code_of(ask(url)) is None
    assert len(store.taken) == 4
    assert all(taken.verdict["authenticated"] for taken in store.taken), store.taken


@pytest.mark.parametrize("key", [key for key in KEYS if ".." not in key], ids=lambda key: ascii(key)[1:21])
def test_awkward_keys_are_read_as_minio_signed_them(region, store, key):
    person = region.people["bob"]
    send = minio_sends(lambda client: client.stat_object(bucket_name="bucket", object_name=key))
    assert send(store, person.access_key, person.secret) is None
    assert store.taken[-1].verdict["authenticated"]


@pytest.mark.parametrize("target", ["/bucket/a%20b/~/x", "/bucket//x/../y", "/bucket/k?acl=&prefix=a%2Fb"])
def test_awkward_targets_are_read_as_curl_signed_them(region, store, target):
    person = region.people["bob"]
    assert curl(target)(store, person.access_key, person.secret) is None
    assert store.taken[-1].question["target"] == target


def test_a_region_that_is_not_the_stores_is_named(region, store):
    person = region.people["alice"]
    SENDERS["boto3-put-s3v4"](store, person.access_key, person.secret)
    question = store.taken[-1].question
    for expect, right in (({"service": "s3", "region": REGION}, True), ({"region": "elsewhere"}, False)):
        assert region.verify(question | {"expect": expect}).json["authenticated"] is right


def mutations(question):
    """Yield the request with one byte changed, in each place that its signature covers."""
    path, mark, query = question["target"].partition("?")
    yield "method", question | {"method": "PUT" if question["method"] == "GET" else "GET"}
    # "/" alone has no byte to change, only one to add.
    yield "path", question | {"target": (other(path) if path != "/" else "/x") + mark + query}
    for index, pair in enumerate(query.split("&") if query else ()):
        name, equals, value = pair.partition("=")
        what = "signature" if name in {"Signature", "X-Amz-Signature"} else f"query {name}"
        pairs = query.split("&")
        pairs[index] = f"{name}={inner(value)}" if what == "signature" else other(pair)
        if signs_query(question, name):
            yield what, question | {"target": f"{path}?{'&'.join(pairs)}"}
        assert equals or mark
    for index, (name, value) in enumerate(question["headers"]):
        if name.lower() == "authorization":
            start = value.rindex(":" if value.startswith("AWS ") else "=") + 1
            if value.endswith("="):
                start = value.rindex(":") + 1
            yield "signature", with_header(question, index, value[:start] + inner(value[start:]))
        elif signs_header(question, name.lower()) and re.search(r"[A-Za-z0-9]", value):
            yield name.lower(), with_header(question, index, other(value))
    if question.get("body"):
        yield "body", question | {"body": "QQ" + question["body"][2:]}


def with_header(question, index, value):
    changed = copy.deepcopy(question)
    changed["headers"][index][1] = value
    return changed


def other(text):
    """Change the last digit, or the last letter of a text that has none."""
    found = list(re.finditer(r"[0-9]", text)) or list(re.finditer(r"[A-Za-z]", text))
    at = found[-1].start()
    character = {"9": "0", "z": "a", "Z": "A"}.get(text[at]) or chr(ord(text[at]) + 1)
    return text[:at] + character + text[at + 1 :]


def inner(signature):
    return signature[:5] + ("a" if signature[5] != "a" else "b") + signature[6:]


def signs_header(question, name):
    texts = [question["target"], *(value for _, value in question["headers"])]
    found = next(filter(None, (re.search(r"SignedHeaders=([^&, ]+)", text) for text in texts)), None)
    if found:
        return name in re.split(";|%3B", found[1])
    presigned = "Signature=" in question["target"]
    if presigned and name == "date":
        return False
    return name in {"date", "content-type", "content-md5"} or name.startswith("x-amz-")


def signs_query(question, name):
    version_2 = "AWSAccessKeyId=" in question["target"] or any(
        value.startswith("AWS ") for _, value in question["headers"]
    )
    return not version_2 or name in {"uploads", "Expires", "Signature", "AWSAccessKeyId"}
