"""An unmodified Swift, configured as its page says, authenticates users of a real CloudStack database."""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter

import pytest

from authsvc.faces.callers import new_token
from tests.interop.clients import bucket_of, code, put_in_chunks, s3, work_with_buckets
from tests.interop.conftest import REGION
from tests.interop.heard import LOGIN, OS_EC2, S3TOKENS, calls, mark, new_key, restart
from tests.region import ask, await_that


@pytest.fixture
def alice(region):
    return region.people["alice"]


@pytest.mark.parametrize("name", ["alice", "bob"])
def test_a_client_works_with_its_buckets(proxy, region, name):
    work_with_buckets(s3(proxy.url, region.people[name]))


@pytest.mark.parametrize("v2", [False, True], ids=["v4", "v2"])
def test_whoever_has_a_presigned_url_may_use_it(proxy, alice, v2):
    client = s3(proxy.url, alice, v2=v2)
    bucket = bucket_of(s3(proxy.url, alice))
    of = {"Bucket": bucket, "Key": "shared"}
    put = client.generate_presigned_url("put_object", Params=of, ExpiresIn=3600)
    assert ask(put, "PUT", b"from a friend").status == 200
    got = ask(client.generate_presigned_url("get_object", Params=of, ExpiresIn=604800))
    assert (got.status, got.body) == (200, b"from a friend")
    tampered = client.generate_presigned_url("get_object", Params=of, ExpiresIn=3600).replace(
        "shared", "other"
    )
    assert ask(tampered).status == 403


def test_a_version_2_client_is_served(proxy, alice):
    client = s3(proxy.url, alice, v2=True)
    bucket = bucket_of(s3(proxy.url, alice))  # boto3 signs /bucket/ and sends /bucket, so not by version 2
    client.put_object(Bucket=bucket, Key="k", Body=b"v2", Metadata={"b": "2", "a": "1"})
    assert client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"v2"


@pytest.mark.parametrize("v2", [False, True], ids=["v4", "v2"])
def test_a_no_is_a_no(proxy, region, alice, v2):
    wrong = secrets.token_urlsafe(64)
    assert code(s3(proxy.url, alice, secret=wrong, v2=v2).list_buckets) == "SignatureDoesNotMatch"
    assert code(s3(proxy.url, alice, key=wrong, v2=v2).list_buckets) == "SignatureDoesNotMatch"
    for name in ("off", "barred"):
        assert code(s3(proxy.url, region.people[name], v2=v2).list_buckets) == "SignatureDoesNotMatch"


def test_a_wrong_secret_is_refused_beside_a_cached_one(by_token, alice):
    client = s3(by_token.url, alice)
    client.list_buckets()
    assert code(s3(by_token.url, alice, secret="wrong").list_buckets) == "SignatureDoesNotMatch"
    client.list_buckets()


def test_anothers_bucket_is_not_there(proxy, region, alice):
    bucket = bucket_of(s3(proxy.url, alice))
    bob = s3(proxy.url, region.people["bob"])
    assert code(bob.list_objects_v2, Bucket=bucket) == "NoSuchBucket"
    assert code(bob.put_object, Bucket=bucket, Key="k", Body=b"x") == "NoSuchBucket"
    assert bucket not in [each["Name"] for each in bob.list_buckets()["Buckets"]]


@pytest.mark.parametrize("cached", ["by_token", "by_password", "by_both"])
def test_signed_chunks_need_the_secret_in_the_cache(request, swift, alice, cached):
    proxy = request.getfixturevalue(cached)
    bucket = bucket_of(s3(proxy.url, alice))
    body = secrets.token_bytes(150_000)
    swift.forget_secrets()
    assert put_in_chunks(proxy.url, alice, f"/{bucket}/chunks", body).status == 501
    assert put_in_chunks(proxy.url, alice, f"/{bucket}/chunks", body).status == 200
    assert s3(proxy.url, alice).get_object(Bucket=bucket, Key="chunks")["Body"].read() == body


def test_signed_chunks_without_the_cache_are_not_implemented(uncached, alice):
    bucket = bucket_of(s3(uncached.url, alice))
    for _ in range(2):
        assert put_in_chunks(uncached.url, alice, f"/{bucket}/chunks", b"x" * 100).status == 501


# --- calls ------------------------------------------------------------------------------------------------


def test_a_key_costs_two_calls_a_minute(by_token, swift, region, alice):
    swift.forget_secrets()
    since = mark(region)
    client = s3(by_token.url, alice)
    for _ in range(5):
        client.list_buckets()
    assert calls(region, since) == {("POST", S3TOKENS, 200): 1, ("GET", OS_EC2, 200): 1}


def test_without_the_cache_every_request_costs_one(uncached, region, alice):
    since = mark(region)
    client = s3(uncached.url, alice)
    for _ in range(5):
        client.list_buckets()
    assert calls(region, since) == {("POST", S3TOKENS, 200): 5}


@pytest.mark.parametrize(
    ("login", "discovery"),
    [
        ({}, {("GET", "/", 300): 1}),
        ({f"auth_url = {REGION}\n": f"auth_url = {REGION}/v3\n"}, {("GET", "/v3", 200): 1}),
        (
            {
                f"auth_url = {REGION}\n": f"auth_url = {REGION}/v3\n",
                "auth_type = password": "auth_type = v3password",
            },
            {},
        ),
    ],
    ids=["password", "password-v3", "v3password"],
)
def test_a_store_with_a_password_logs_in_once(with_password, swift, region, login, discovery):
    alice = region.people["alice"]
    proxy = swift.proxy("password", values=login | with_password)
    swift.forget_secrets()
    since = mark(region)
    s3(proxy.url, alice).list_buckets()
    swift.forget_secrets()
    s3(proxy.url, alice).list_buckets()
    assert calls(region, since) == discovery | {
        ("POST", LOGIN, 201): 1,
        ("POST", S3TOKENS, 200): 2,
        ("GET", OS_EC2, 200): 2,
    }
    proxy.stop()


def test_swifts_own_api_hears_what_a_token_is(by_both, region, store):
    account = f"{by_both.url}/v1/AUTH_{'0' * 32}"
    since = mark(region)
    assert ask(account, headers={"X-Auth-Token": "no token of ours"}).status == 401
    body = (
        b'{"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": "swift", '
        b'"domain": {"id": "default"}, "password": "%s"}}}}}' % store.password.encode()
    )
    token = ask(f"{region.authsvc.url}{LOGIN}", "POST", body).headers["X-Subject-Token"]
    assert (
        ask(account, headers={"X-Auth-Token": token}).status == 403
    )  # known, and no operator of that account
    seen = calls(region, since)
    assert (seen["GET", LOGIN, 404], seen["GET", LOGIN, 200]) == (1, 1)


# --- what may go wrong ------------------------------------------------------------------------------------


class Load:
    """A client that lists and lists until told to stop, and what it was told."""

    def __init__(self, url, person):
        self.said = Counter()
        self._client = s3(url, person)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._over.set()
        self._thread.join()

    def _run(self):
        while not self._over.is_set():
            try:
                self._client.list_buckets()
            except self._client.exceptions.ClientError as error:
                self.said[error.response["Error"]["Code"]] += 1
            else:
                self.said["ok"] += 1

    def await_more(self, what="ok", count=20):
        aim = self.said[what] + count
        await_that(lambda: self.said[what] >= aim, f"{count} more answers {what!r}, got {self.said}")


def test_authsvc_restarted_under_load_is_not_noticed_through_the_cache(by_token, region, alice):
    s3(by_token.url, alice).list_buckets()
    with Load(by_token.url, alice) as load:
        load.await_more()
        restart(region)
        load.await_more()
    assert set(load.said) == {"ok"}


def test_authsvc_restarted_under_load_is_noticed_without_the_cache_and_never_as_a_no(uncached, region, alice):
    with Load(uncached.url, alice) as load:
        load.await_more()
        restart(region)
        load.await_more()
    assert set(load.said) <= {"ok", "InvalidRequest"}


def test_without_the_database_known_keys_go_on_and_nobody_else_is_let_in(uncached, region, mariadb, alice):
    s3(uncached.url, alice).list_buckets()
    mariadb.kill()
    since = mark(region)
    try:
        with Load(uncached.url, alice) as load:
            load.await_more()
            time.sleep(2.5)  # until what is remembered is no longer fresh
            load.await_more()
        assert set(load.said) == {"ok"}
        assert code(s3(uncached.url, alice, secret="wrong").list_buckets) == "SignatureDoesNotMatch"
        assert code(s3(uncached.url, region.people["admin"]).list_buckets) == "SignatureDoesNotMatch"
        lines = region.authsvc.lines()[since : mark(region)]
        assert "stale" in {line.get("source") for line in lines}
        assert {line.get("reason") for line in lines if line.get("verdict") == "deny"} == set()
        assert {line["status"] for line in lines if line.get("verdict") == "unavailable"} == {503}
    finally:
        mariadb.mend()
    await_that(lambda: lists(uncached, region.people["admin"]), "the database to be asked again")


def lists(proxy, person):
    client = s3(proxy.url, person)
    try:
        return client.list_buckets()
    except client.exceptions.ClientError:
        return None


def test_a_user_disabled_is_refused_within_seconds(uncached, region):
    person = region.add("leaver")
    client = s3(uncached.url, person)
    client.list_buckets()
    region.rows.update("user", person.user, state="disabled")
    began = time.monotonic()
    await_that(lambda: lists(uncached, person) is None, "the user to be refused", within=10)
    print(f"refused after {time.monotonic() - began:.1f} s")
    assert code(client.list_buckets) == "SignatureDoesNotMatch"


@pytest.fixture
def rotated(store, region):
    """The token in use, and a way to change those in the callers file, which is as it was after the test."""
    before = store.tokens

    def rotate(*tokens):
        store.tokens = list(tokens)
        (region.folder / "callers.toml").write_text(store.entry)
        restart(region)

    yield before[0], rotate
    rotate(*before)


def test_a_caller_token_is_rotated_as_the_page_says(swift, shown, region, alice, rotated):
    (old, rotate), new = rotated, new_token()
    values = {**shown, "asv_…": old, "secret_cache_duration = 60": "secret_cache_duration = 0"}
    proxy = swift.proxy("token", values=values)
    text = proxy.text
    s3(proxy.url, alice).list_buckets()
    rotate(old, new)
    s3(proxy.url, alice).list_buckets()
    proxy.restart(text.replace(old, new))
    s3(proxy.url, alice).list_buckets()
    rotate(new)
    s3(proxy.url, alice).list_buckets()

    since = mark(region)
    proxy.restart(text)
    assert code(s3(proxy.url, alice).list_buckets) == "SignatureDoesNotMatch"
    assert calls(region, since) == {("POST", S3TOKENS, 403): 1}
    assert "CallerUnauthorized" in {line.get("reason") for line in region.authsvc.lines()[since:]}
    proxy.stop()


def test_token_keys_are_rotated_under_a_store_that_keeps_its_token(by_password, swift, region, alice):
    swift.forget_secrets()  # what another proxy left there would spare this one its login
    s3(by_password.url, alice).list_buckets()
    old = region.authsvc.environment["AUTHSVC_TOKEN_KEYS"]
    new = new_key()
    for keys in (f"{old}\n{new}", f"{new}\n{old}"):
        region.authsvc.environment["AUTHSVC_TOKEN_KEYS"] = keys
        restart(region)
        swift.forget_secrets()
        since = mark(region)
        s3(by_password.url, alice).list_buckets()
        assert calls(region, since) == {("POST", S3TOKENS, 200): 1, ("GET", OS_EC2, 200): 1}
