"""A running service on Envoy's two protocols, asked as Envoy asks."""

from __future__ import annotations

import grpc
import pytest

from authsvc.faces.ext_authz import check_pb2 as wire
from authsvc.faces.ext_authz.check import ROUTE
from tests.region import ask, await_that, signed


@pytest.fixture
def alice(gated_region):
    return gated_region.people["alice"]


def check(region, question, token):
    headers = {name.lower(): value for name, value in question["headers"]}
    http = wire.HttpRequest(
        method=question["method"], path=question["target"], host=headers.pop("host"), headers=headers
    )
    asked = wire.CheckRequest(attributes=wire.Attributes(request=wire.Attributes.Request(http=http)))
    with grpc.insecure_channel(region.authsvc.ext_authz) as channel:
        call = channel.unary_unary(
            ROUTE,
            request_serializer=wire.CheckRequest.SerializeToString,
            response_deserializer=wire.CheckResponse.FromString,
        )
        return call(asked, metadata=(("x-auth-token", token),), timeout=10)


@pytest.mark.parametrize(("secret", "code"), [(None, 0), ("wrong", 7)])
def test_over_grpc(gated_region, alice, secret, code):
    assert check(gated_region, signed(alice, secret), gated_region.token).status.code == code
    assert check(gated_region, signed(alice, secret), "nobody").status.code == 16
    await_that(
        lambda: any(line.get("route") == ROUTE for line in gated_region.authsvc.lines()), "a line in the log"
    )


@pytest.mark.parametrize(("secret", "status"), [(None, 200), ("wrong", 403)])
def test_over_http(gated_region, alice, secret, status):
    question = signed(alice, secret)
    url = f"{gated_region.authsvc.url}/ext-authz{question['target']}"
    told = dict(question["headers"]) | {"X-Auth-Token": gated_region.token}
    assert ask(url, question["method"], None, told).status == status
