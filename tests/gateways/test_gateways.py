"""Real gateways let through whom authsvc knows, say who it is, and believe nothing that a client adds."""

from __future__ import annotations

import signal
import time

import pytest
from cs import CloudStack, CloudStackException

from authsvc.faces.forward_auth.identity import HEADERS
from tests.clients.senders import run
from tests.gateways.programs import GATEWAYS
from tests.people import signed_s3
from tests.processes import free_port
from tests.region import ask, await_that
from tests.standins import cloudstack_query

every_gateway = pytest.mark.parametrize("name", GATEWAYS)
FORGED = {
    "X-Original-Method": "GET",
    "X-Original-URI": "/b/forged",
    "X-Original-Host": "forged.example",
    "X-Original-Content-Length": "1",
    "X-Forwarded-Method": "GET",
    "X-Forwarded-Uri": "/b/forged",
    "X-Forwarded-Host": "forged.example",
}


@pytest.fixture
def alice(gated_region):
    return gated_region.people["alice"]


@pytest.fixture(autouse=True)
def a_bucket(gateways, gated_region, running_store):
    """Let alice have the bucket `b`."""
    send(gateways["nginx"], gated_region.people["alice"], method="PUT", path="/b")
    running_store.begin()


def send(gateway, person, *, method="GET", path="/b/key", secret=None, headers=(), sent_path=None):
    host = gateway.url.removeprefix("http://")
    made = signed_s3(
        method=method,
        path=path,
        host=host,
        at=time.time(),
        access_key=person.access_key,
        secret=secret or person.secret,
    )
    signed = {name: value for name, value in made.headers if name != "Host"}
    return ask(gateway.url + (sent_path or path), method, None, signed | dict(headers))


@every_gateway
def test_the_store_is_told_who_it_is(gateways, store, alice, name):
    assert send(gateways[name], alice, method="PUT", path="/b/k%20%2F+").status == 200
    (arrival,) = store.arrived
    assert (arrival.method, arrival.target) == ("PUT", "/b/k%20%2F+")
    assert arrival.values("X-Auth-User") == ["alice"]
    assert arrival.values("X-Auth-Scheme") == ["sigv4"]
    assert arrival.values("Host") == [gateways[name].url.removeprefix("http://")]


@every_gateway
def test_what_a_client_says_of_itself_is_written_over(gateways, store, alice, name):
    forged = dict.fromkeys(HEADERS, "forged")
    assert send(gateways[name], alice, method="PUT", headers=forged).status == 200
    (arrival,) = store.arrived
    assert all(arrival.values(header) != ["forged"] for header in HEADERS)
    assert arrival.values("X-Auth-User") == ["alice"]


@every_gateway
def test_what_a_client_says_of_its_request_is_not_believed(gateways, store, alice, name):
    """A signature over /b/forged is no signature over what was really asked for, nor the other way round."""
    gateway = gateways[name]
    host = {header: value for header, value in FORGED.items() if header.endswith("Host")}
    uri = {header: value for header, value in FORGED.items() if header.endswith(("URI", "Uri"))}
    method = {header: value for header, value in FORGED.items() if header.endswith("Method")}
    for headers in (FORGED, uri, host, method):
        assert send(gateway, alice, path="/b/forged", sent_path="/b/another", headers=headers).status == 403
        assert send(gateway, alice, method="PUT", path="/b/key", headers=headers).status == 200
    assert send(gateway, alice, method="GET", path="/b/forged", headers=FORGED, secret="wrong").status == 403
    assert {arrival.target for arrival in store.arrived} == {"/b/key"}


@every_gateway
def test_a_clients_caller_token_opens_nothing(gateways, gated_region, store, name):
    gateway = gateways[name]
    for headers in (
        {},
        {"X-Auth-Token": gated_region.token},
        {"Authorization": f"Bearer {gated_region.token}"},
    ):
        answer = ask(f"{gateway.url}/b/key", headers=headers)
        assert answer.status == 403
        assert gated_region.token.encode() not in answer.body
    assert not store.arrived


@every_gateway
def test_an_unsigned_header_of_s3s_is_refused_however_it_is_hidden(gateways, store, alice, name):
    """A client may ask a proxy to drop a header; the store must not see one that we did not."""
    hidden = {"X-Amz-Copy-Source": "/b/elsewhere", "Connection": "close, x-amz-copy-source"}
    answer = send(gateways[name], alice, method="PUT", headers=hidden)
    assert answer.status == 403 or not any(arrival.values("x-amz-copy-source") for arrival in store.arrived)
    assert send(gateways[name], alice, method="PUT", headers={"X-Amz-Acl": "public-read"}).status == 403


@every_gateway
def test_curl_signs_for_itself(gateways, alice, store, name):
    for secret, status in ((alice.secret, "200"), ("wrong", "403")):
        done = run(
            *("curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--path-as-is"),
            *("--aws-sigv4", "aws:amz:us-east-1:s3", "--user", f"{alice.access_key}:{secret}"),
            *("--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "--upload-file", __file__),
            f"{gateways[name].url}/b/from%20curl",
        )
        assert done.stdout == status
    assert [arrival.target for arrival in store.arrived] == ["/b/from%20curl"]


@every_gateway
def test_an_address_signed_for_cloudstack(gateways, alice, store, name):
    query = cloudstack_query(alice.access_key, secret=alice.secret, command="listZones", response="json")
    address = f"{gateways[name].url}/client/api?{query}"
    assert ask(address).status == 200
    assert [arrival.values("X-Auth-Scheme") for arrival in store.arrived] == [["cloudstack"]]
    assert ask(address.replace("listZones", "listHosts")).status in {401, 403}


@every_gateway
def test_cs_asks_through_a_gateway(gateways, alice, store, name):
    for secret, answered in ((alice.secret, True), ("wrong", False)):
        client = CloudStack(
            endpoint=f"{gateways[name].url}/client/api", key=alice.access_key, secret=secret, retry=0
        )
        if answered:
            assert client.listZones(name="a b+ü") == {"count": 0}
        else:
            with pytest.raises(CloudStackException):
                client.listZones()
    assert len(store.arrived) == 1


@every_gateway
def test_nothing_passes_while_authsvc_is_away(tokens, alice, store, name):
    nobody = f"127.0.0.1:{free_port()}"
    with GATEWAYS[name](token=tokens[name], authsvc=nobody, store=store.port) as gateway:
        assert send(gateway, alice).status in {502, 503}
    assert not store.arrived


@every_gateway
def test_nothing_passes_while_authsvc_says_nothing(gateways, gated_region, alice, store, name):
    gated_region.authsvc.signal(signal.SIGSTOP)
    try:
        assert send(gateways[name], alice).status in {502, 503, 504}
    finally:
        gated_region.authsvc.signal(signal.SIGCONT)
    assert not store.arrived
    await_that(
        lambda: send(gateways[name], alice, method="PUT").status == 200, "the gateway to let through again"
    )


@every_gateway
def test_an_outage_of_the_database_is_told_as_one(gateways, gated_region, store, mariadb, name):
    """A person nobody asked about before cannot be found out while the database is away: neither yes nor no."""
    stranger = gated_region.add(f"stranger-of-{name}")
    mariadb.pause()
    try:
        answer = send(gateways[name], stranger, path="/")
    finally:
        mariadb.resume()
    assert answer.status == 503
    assert "Retry-After" in {header.title() for header in answer.headers}
    assert not store.arrived
    await_that(lambda: send(gateways[name], stranger, path="/").status == 200, "the stranger to be known")
