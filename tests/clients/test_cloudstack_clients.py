"""Unmodified clients of CloudStack, pointed at us."""

from __future__ import annotations

import asyncio

import pytest
from cs import CloudStack, CloudStackApiException
from libcloud.common.types import InvalidCredsError, ProviderError
from libcloud.compute.drivers.cloudstack import CloudStackNodeDriver

from tests.standins import World, secret_of


@pytest.fixture
def world():
    return World()


@pytest.fixture
async def port(world):
    async with world.client() as client:
        yield client.port


def cs(port, key="ADMINKEY", **options):
    return CloudStack(
        endpoint=f"http://127.0.0.1:{port}/client/api",
        key=key,
        secret=options.pop("secret", secret_of(key)),
        **options,
    )


def libcloud(port, key="ADMINKEY", secret=None):
    return CloudStackNodeDriver(
        key, secret or secret_of(key), secure=False, host="127.0.0.1", port=port, path="/client/api"
    )


@pytest.mark.parametrize("method", ["get", "post"])
async def test_cs_gets_a_user(port, method):
    answer = await asyncio.to_thread(cs(port, method=method).getUser, userapikey="ALICEKEY")
    assert (answer["user"]["username"], answer["user"]["apikey"]) == ("alice", "ALICEKEY")


async def test_cs_without_an_end_is_admitted_where_policy_says_so(port):
    answer = await asyncio.to_thread(cs(port, expiration=-1).getUser, userapikey="ALICEKEY")
    assert answer["user"]["id"] == "uuid-alice"


async def test_cs_lists_regions_page_by_page(port):
    regions = await asyncio.to_thread(cs(port, "ALICEKEY").listRegions, fetch_list=True, pagesize=1)
    assert [region["name"] for region in regions] == ["Local", "Süd & <Co>"]
    one = await asyncio.to_thread(cs(port).listRegions, name="Süd & <Co>")
    assert one["count"] == 1
    assert await asyncio.to_thread(cs(port).listRegions, id=7) == {}


async def test_cs_reads_xml(port):
    text = await asyncio.to_thread(cs(port).getUser, userapikey="ALICEKEY", json=False)
    assert "<username>alice</username>" in text


@pytest.mark.parametrize(
    ("key", "options", "parameters", "errorcode"),
    [
        ("ADMINKEY", {}, {"userapikey": "NOBODY"}, 431),
        ("ADMINKEY", {}, {}, 431),
        ("ALICEKEY", {}, {"userapikey": "ALICEKEY"}, 432),
        ("ADMINKEY", {"secret": "wrong"}, {"userapikey": "ALICEKEY"}, 401),
        ("NOBODY", {}, {"userapikey": "ALICEKEY"}, 401),
        ("OFFKEY", {}, {"userapikey": "ALICEKEY"}, 401),
    ],
)
async def test_cs_understands_every_no(port, key, options, parameters, errorcode):
    with pytest.raises(CloudStackApiException) as refused:
        await asyncio.to_thread(cs(port, key, **options).getUser, **parameters)
    assert refused.value.error["errorcode"] == errorcode
    assert refused.value.response.status_code == errorcode


async def test_cs_understands_that_it_could_not_be_told(port, world):
    world.directory.down = True
    with pytest.raises(CloudStackApiException) as refused:
        await asyncio.to_thread(cs(port).getUser, userapikey="ALICEKEY")
    assert refused.value.error["errorcode"] == 503


async def test_cs_asking_for_what_is_not_here_is_told_no(port):
    with pytest.raises(CloudStackApiException) as refused:
        await asyncio.to_thread(cs(port).listVirtualMachines)
    assert refused.value.error["errorcode"] == 401


async def test_libcloud_gets_a_user_and_lists_regions(port):
    driver = libcloud(port)
    answer = await asyncio.to_thread(driver._sync_request, "getUser", params={"userapikey": "ALICEKEY"})
    assert answer["user"]["username"] == "alice"
    answer = await asyncio.to_thread(driver._sync_request, "listRegions")
    assert [region["id"] for region in answer["region"]] == [1, 2]


async def test_libcloud_understands_every_no(port):
    with pytest.raises(InvalidCredsError):
        await asyncio.to_thread(libcloud(port, secret="wrong")._sync_request, "listRegions")
    with pytest.raises(ProviderError, match="User with specified API key does not exist"):
        await asyncio.to_thread(libcloud(port)._sync_request, "getUser", params={"userapikey": "NOBODY"})
    with pytest.raises(ProviderError, match="not available for the account"):
        await asyncio.to_thread(
            libcloud(port, "ALICEKEY")._sync_request, "getUser", params={"userapikey": "ALICEKEY"}
        )
