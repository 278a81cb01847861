"""Unmodified clients of CloudStack ask the process who holds a key; the answer comes out of CloudStack's rows."""

from __future__ import annotations

import secrets
from urllib.parse import urlencode

import pytest
from cs import CloudStack, CloudStackApiException
from libcloud.common.types import InvalidCredsError, ProviderError
from libcloud.compute.drivers.cloudstack import CloudStackNodeDriver

from tests.region import ask

NOT_YOURS = 432


def by_cs(region, name, secret=None, **options):
    person = region.people[name]
    return CloudStack(
        endpoint=f"{region.authsvc.url}/client/api",
        key=person.access_key,
        secret=secret or person.secret,
        **options,
    )


def by_libcloud(region, name, secret=None):
    person = region.people[name]
    host, _, port = region.authsvc.url.removeprefix("http://").partition(":")
    return CloudStackNodeDriver(
        person.access_key,
        secret or person.secret,
        secure=False,
        host=host,
        port=int(port),
        path="/client/api",
    )


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", ["alice", "bob"])
def test_cs_gets_a_user(region, method, name):
    person = region.people[name]
    user = by_cs(region, "admin", method=method).getUser(userapikey=person.access_key)["user"]
    assert (user["username"], user["account"], user["apikey"]) == (name, name, person.access_key)
    assert "secretkey" not in user


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(
    ("name", "secret", "errorcode"),
    [
        ("admin", "wrong", 401),
        ("alice", None, NOT_YOURS),
        ("alice", "wrong", 401),
        ("off", None, 401),
        ("barred", None, 401),
    ],
)
def test_cs_is_refused(region, method, name, secret, errorcode):
    asked = region.people["alice"].access_key
    with pytest.raises(CloudStackApiException) as refused:
        by_cs(region, name, secret, method=method).getUser(userapikey=asked)
    assert refused.value.error["errorcode"] == errorcode


def test_cs_asks_for_a_key_nobody_holds(region):
    with pytest.raises(CloudStackApiException) as refused:
        by_cs(region, "admin").getUser(userapikey=secrets.token_urlsafe(64))
    assert refused.value.error["errorcode"] == 431


def test_cs_lists_the_regions_of_the_database(region):
    listed = by_cs(region, "alice").listRegions()["region"]
    assert [(each["id"], each["name"]) for each in listed] == [(1, "Local")]


def test_libcloud_gets_a_user(region):
    asked = {"userapikey": region.people["alice"].access_key}
    assert by_libcloud(region, "admin")._sync_request("getUser", params=asked)["user"]["username"] == "alice"
    posted = by_libcloud(region, "admin")._sync_request("getUser", params=asked, method="POST")
    assert posted["user"]["username"] == "alice"


def test_libcloud_is_refused(region):
    asked = {"userapikey": region.people["alice"].access_key}
    with pytest.raises(InvalidCredsError):
        by_libcloud(region, "admin", "wrong")._sync_request("getUser", params=asked)
    with pytest.raises(ProviderError, match="not available for the account"):
        by_libcloud(region, "alice")._sync_request("getUser", params=asked)


def test_a_request_changed_on_the_way_is_refused(region):
    client = by_cs(region, "admin")
    _, signed = client._prepare_request("getUser", userapikey=region.people["alice"].access_key)
    client._sign(signed)
    region.said.add(signed["signature"])
    address = f"{region.authsvc.url}/client/api"
    assert ask(f"{address}?{urlencode(signed)}").status == 200
    assert {"apiKey", "command", "expires", "signature", "userapikey"} <= signed.keys()
    for name, value in signed.items():
        changed = signed | {name: one_byte_off(str(value))}
        assert ask(f"{address}?{urlencode(changed)}").status in {400, 401, 431, 432}, name
    assert ask(f"{address}?{urlencode(signed | {'more': 'x'})}").status == 401


def one_byte_off(text):
    middle = len(text) // 2
    return text[:middle] + ("a" if text[middle] not in "aA" else "b") + text[middle + 1 :]
