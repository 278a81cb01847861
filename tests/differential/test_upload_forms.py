"""Upload forms that published clients sign: each is its signer's, and none is once a field was changed."""

from __future__ import annotations

import datetime as dt
import functools

import pytest
from minio.datatypes import PostPolicy

from tests.clients import javascript
from tests.differential.orders import ACCESS_KEY, BUCKET, EXPIRES, ORDERS
from tests.differential.signers import MinioHears, boto3_client, minio_client
from tests.signers import posted

KEYS = {
    order.name: order.key
    for order in ORDERS
    if not (order.query or order.headers or order.body is not None) and order.name not in {"control", "head"}
}


def boto3_form(version):
    def sign(key):
        with boto3_client(version) as client:
            return client.generate_presigned_post(
                BUCKET,
                key,
                Fields={"acl": "private", "Content-Type": "text/plain"},
                Conditions=[{"acl": "private"}, ["starts-with", "$Content-Type", "text/"]],
                ExpiresIn=EXPIRES,
            )["fields"]

    return sign


def minio_form(key):
    policy = PostPolicy(BUCKET, dt.datetime.now(dt.UTC) + dt.timedelta(seconds=EXPIRES))
    policy.add_equals_condition("key", key)
    policy.add_starts_with_condition("Content-Type", "text/")
    return minio_client(MinioHears()).presigned_post_policy(policy) | {
        "key": key,
        "Content-Type": "text/plain",
    }


@functools.cache
def javascript_forms():
    """Let Node.js sign a form for every key at once."""
    orders = [order for order in ORDERS if order.name in KEYS]
    answers = javascript.sign([order.document("minio-js-post") for order in orders])
    return {order.key: answer["form"] for order, answer in zip(orders, answers, strict=True)}


SIGNERS = {
    "boto3": boto3_form("s3v4"),
    "boto3-v2": boto3_form("s3"),
    "minio-py": minio_form,
    "minio-js": lambda key: javascript_forms()[key],
}
everybody = pytest.mark.parametrize("client", SIGNERS)
everything = pytest.mark.parametrize("name", KEYS)


def sent(fields):
    """Post the form as a browser does."""
    return posted(list(fields.items()))


@everybody
@everything
async def test_a_form_is_its_signers(judge, client, name):
    assert await judge(sent(SIGNERS[client](KEYS[name]))) == ACCESS_KEY


@everybody
@everything
async def test_a_form_changed_in_one_field_is_nobodys(judge, client, name):
    fields = dict(SIGNERS[client](KEYS[name]))
    for field, value in fields.items():
        if field == "bucket":
            # minio-js sends it along; S3 takes the bucket from where the form is sent.
            continue
        for other in (value + "x", value[:-1], value.swapcase() + "x", ""):
            changed = fields | {field: other}
            if field.lower() == "content-type" and other.startswith("text/"):
                assert await judge(sent(changed)) == ACCESS_KEY
            else:
                assert await judge(sent(changed)) != ACCESS_KEY, (field, other)
        assert await judge(sent({n: v for n, v in fields.items() if n != field})) != ACCESS_KEY, field
        assert await judge(posted([*fields.items(), (field, value)])) != ACCESS_KEY, field
        assert await judge(posted([*fields.items(), (field.upper() + "2", value)])) != ACCESS_KEY, field
    assert await judge(posted(list(fields.items()), target="/other")) != ACCESS_KEY
