"""An unmodified Ceph RGW, configured as its page says, authenticates users of a real CloudStack database."""

from __future__ import annotations

import secrets
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.interop.ceph import Ceph
from tests.interop.clients import bucket_of, code, put_in_chunks, s3, work_with_buckets
from tests.interop.conftest import LIFETIME
from tests.interop.heard import LOGIN, OS_EC2, S3TOKENS, calls, mark, new_key, restart
from tests.region import ask, await_that


@pytest.fixture(scope="session")
def ceph():
    with Ceph() as made:
        yield made


@pytest.fixture(scope="session")
def with_token(shown, store):
    return {**shown, "asv_…": store.tokens[0]}


@pytest.fixture(scope="session")
def by_token(ceph, with_token):
    return ceph.gateway("token", values=with_token)


@pytest.fixture(scope="session")
def with_password(shown, store):
    names = {"admin_user = ceph": "admin_user = swift"}
    return {**shown, **names, "admin_password = …": f"admin_password = {store.password}"}


@pytest.fixture(scope="session")
def by_password(ceph, with_password):
    return ceph.gateway("password", values=with_password)


@pytest.fixture(params=["by_token", "by_password"])
def gateway(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def alice(region):
    return region.people["alice"]


@pytest.mark.parametrize("name", ["alice", "bob"])
def test_a_client_works_with_its_buckets(gateway, region, name):
    work_with_buckets(s3(gateway.url, region.people[name]))


@pytest.mark.parametrize("v2", [False, True], ids=["v4", "v2"])
def test_presigned_urls_and_either_version_are_served(by_token, alice, v2):
    bucket = bucket_of(s3(by_token.url, alice))
    client = s3(by_token.url, alice, v2=v2)
    client.put_object(Bucket=bucket, Key="k", Body=b"shared")
    assert client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"shared"
    url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=3600)
    assert (ask(url).status, ask(url).body) == (200, b"shared")
    assert ask(url.replace("/k?", "/l?")).status == 403


@pytest.mark.parametrize("v2", [False, True], ids=["v4", "v2"])
def test_a_no_says_which(gateway, region, alice, v2):
    wrong = secrets.token_urlsafe(64)
    assert code(s3(gateway.url, alice, secret=wrong, v2=v2).list_buckets) == "SignatureDoesNotMatch"
    assert code(s3(gateway.url, alice, key=wrong, v2=v2).list_buckets) == "InvalidAccessKeyId"
    for name in ("off", "barred"):
        assert code(s3(gateway.url, region.people[name], v2=v2).list_buckets) == "SignatureDoesNotMatch"


def test_anothers_bucket_is_not_there(by_token, region, alice):
    bucket = bucket_of(s3(by_token.url, alice))
    assert code(s3(by_token.url, region.people["bob"]).list_objects_v2, Bucket=bucket) == "NoSuchBucket"


def test_signed_chunks_are_not_implemented_by_this_version(by_token, alice):
    bucket = bucket_of(s3(by_token.url, alice))
    assert put_in_chunks(by_token.url, alice, f"/{bucket}/chunks", b"x" * 100).status == 501


def post_form(url, person, bucket):
    form = s3(url, person).generate_presigned_post(bucket, "k")
    fields = [*form["fields"].items(), ("file", "hello")]
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields]
    body = "".join(f"--edge\r\n{part}" for part in parts) + "--edge--\r\n"
    return ask(form["url"], "POST", body.encode(), {"Content-Type": "multipart/form-data; boundary=edge"})


def test_a_form_is_for_the_gateway_alone_to_judge(ceph, with_token, region):
    """Its string to sign is the policy, which says nothing of the request."""
    # Where accounts are tenants, a form does not even find its bucket: RGW looks before it asks who is there.
    without_tenants = {"implicit_tenants = true": "implicit_tenants = false"}
    gateway = ceph.gateway("token", values=with_token | without_tenants)
    host = region.add("host of forms")  # RGW keeps whoever came through another gateway in a tenant
    bucket = bucket_of(s3(gateway.url, host))
    since = mark(region)
    assert post_form(gateway.url, region.add("poster"), bucket).status == 403
    assert calls(region, since)["POST", S3TOKENS, 401] >= 1
    s3(gateway.url, host).list_buckets()
    assert post_form(gateway.url, host, bucket).status == 204  # by the secret it just fetched
    gateway.stop()


def test_a_key_costs_two_calls_a_life(by_token, region):
    person = region.add("counted")
    since = mark(region)
    client = s3(by_token.url, person)
    for _ in range(20):
        client.list_buckets()
    seen = calls(region, since)
    assert set(seen) == {("POST", S3TOKENS, 200), ("GET", OS_EC2, 200)}
    assert seen["POST", S3TOKENS, 200] == seen["GET", OS_EC2, 200] < 10  # once, unless twenty take that long


def test_a_gateway_with_a_password_logs_in_and_asks_nothing_else(ceph, with_password, region, alice):
    since = mark(region)
    gateway = ceph.gateway("password", values=with_password)
    s3(gateway.url, alice).list_buckets()
    assert calls(region, since) == {
        ("POST", LOGIN, 201): 1,
        ("POST", S3TOKENS, 200): 1,
        ("GET", OS_EC2, 200): 1,
    }
    gateway.stop()


def test_a_gateway_nobody_knows_is_not_told_that_signatures_are_wrong(ceph, shown, region, alice):
    since = mark(region)
    gateway = ceph.gateway("token", values={**shown, "asv_…": "asv_wrong"})
    assert code(s3(gateway.url, alice).list_buckets) == "AccessDenied"
    assert set(calls(region, since)) == {("POST", S3TOKENS, 403)}
    gateway.stop()


def test_a_user_disabled_is_refused_at_the_end_of_the_document(by_token, region):
    person = region.add("leaver of ceph")
    client = s3(by_token.url, person)
    client.list_buckets()
    region.rows.update("user", person.user, state="disabled")

    def refused():
        try:
            client.list_buckets()
        except client.exceptions.ClientError as error:
            return error.response["Error"]["Code"]
        return None

    assert await_that(refused, "the user to be refused", within=LIFETIME + 10) == "SignatureDoesNotMatch"


def test_32_cold_requests_are_all_answered(by_token, region):
    person = region.add("cold")
    clients = [s3(by_token.url, person) for _ in range(32)]
    clients[0].list_buckets()  # RGW makes the user of a first request, and not well when there are 32 of them
    time.sleep(LIFETIME)
    with ThreadPoolExecutor(32) as pool:
        for listed in pool.map(lambda client: client.list_buckets(), clients):
            assert listed["Buckets"] == []


def test_an_outage_is_no_verdict(by_token, region, mariadb):
    cold = region.add("unlucky")
    mariadb.kill()
    try:
        assert code(s3(by_token.url, cold).list_buckets) == "UnknownError"
    finally:
        mariadb.mend()
    await_that(lambda: ask(f"{region.authsvc.url}/v3").status == 200, "authsvc")


def test_token_keys_are_rotated_under_a_gateway_that_keeps_its_token(by_password, region):
    s3(by_password.url, region.add("before")).list_buckets()
    old, new = region.authsvc.environment["AUTHSVC_TOKEN_KEYS"], new_key()
    for number, keys in enumerate((f"{old}\n{new}", f"{new}\n{old}")):
        region.authsvc.environment["AUTHSVC_TOKEN_KEYS"] = keys
        restart(region)
        since = mark(region)
        s3(by_password.url, region.add(f"after {number}")).list_buckets()
        assert calls(region, since) == {("POST", S3TOKENS, 200): 1, ("GET", OS_EC2, 200): 1}
