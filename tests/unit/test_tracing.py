"""Spans: one a request, with words of ours in it, and of what anybody sent not a letter."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from authsvc.app import make_app
from authsvc.cache.shared import MemorySharedCache
from authsvc.errors import DirectoryUnavailable, SharedCacheUnavailable
from authsvc.model import AccessKey
from authsvc.ops.tracing import Tracing
from tests.people import StoppedClock
from tests.standins import AUTHORIZED, CALLERS, KEYSTONE, World, cloudstack_query, faces, s3_question

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


@pytest.fixture
def exporter():
    return InMemorySpanExporter()


@pytest.fixture
def tracing(exporter):
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Tracing(provider)


class TracedWorld(World):
    """The small world, followed."""

    def __init__(self, tracing):
        super().__init__()
        self.tracing = tracing

    def app(self, callers=CALLERS, rules=KEYSTONE):
        spoken = faces(keystone_rules=rules)
        tell, trace = self.events.append, self.tracing.request
        return make_app(self.opened, spoken, callers=callers, tell=tell, trace=trace)

    @property
    def service(self):
        origin, self.directory = self.directory, self.tracing.directory(self.directory)
        made = super().service
        self.directory = origin
        return made


@pytest.fixture
def world(tracing):
    return TracedWorld(tracing)


@pytest.fixture
async def client(world):
    async with world.client(headers=AUTHORIZED) as client:
        yield client


def spans(exporter):
    return {span.name: span for span in exporter.get_finished_spans()}


async def test_a_request_is_a_span_with_words_of_ours(client, exporter):
    await client.post("/v1/verify", json=s3_question())

    span = spans(exporter)["POST /v1/verify"]
    assert span.kind is SpanKind.SERVER
    assert dict(span.attributes) == {
        "http.request.method": "POST",
        "http.route": "/v1/verify",
        "http.response.status_code": 200,
        "authsvc.use_case": "verify",
        "authsvc.verdict": "allow",
        "authsvc.scheme": "sigv4",
        "authsvc.source": "database",
    }
    assert span.parent is None


async def test_a_no_says_why(client, exporter):
    await client.post("/v1/verify", json=s3_question(secret="another"))

    attributes = spans(exporter)["POST /v1/verify"].attributes
    assert attributes["authsvc.verdict"] == "deny"
    assert attributes["authsvc.reason"] == "SignatureMismatch"


async def test_the_directory_is_a_span_below(client, exporter):
    await client.post("/v1/verify", json=s3_question())

    found = spans(exporter)
    assert found["directory.find"].parent.span_id == found["POST /v1/verify"].context.span_id
    assert found["directory.find"].kind is SpanKind.CLIENT
    assert dict(found["directory.find"].attributes) == {}


async def test_a_directory_that_is_away_shows_by_type(client, exporter, world):
    world.directory.down = True

    answer = await client.post("/v1/verify", json=s3_question())

    assert answer.status == 503
    found = spans(exporter)
    assert dict(found["directory.find"].attributes) == {"error.type": "DirectoryUnavailable"}
    for span in found.values():
        assert span.status.status_code is StatusCode.ERROR
        assert span.status.description is None
        assert span.events == ()


async def test_a_trace_begun_by_the_caller_goes_on(client, exporter):
    await client.post("/v1/verify", json=s3_question(), headers=TRACEPARENT)

    span = spans(exporter)["POST /v1/verify"]
    assert format(span.context.trace_id, "032x") == TRACE
    assert format(span.parent.span_id, "016x") == PARENT


async def test_the_log_line_names_the_span(client, exporter, world):
    await client.post("/v1/verify", json=s3_question(), headers=TRACEPARENT)

    (line,) = world.events
    assert line["trace_id"] == TRACE
    assert line["span_id"] == format(spans(exporter)["POST /v1/verify"].context.span_id, "016x")


async def test_without_tracing_the_log_line_names_none():
    world = World()
    async with world.client(headers=AUTHORIZED) as client:
        await client.post("/v1/verify", json=s3_question(), headers=TRACEPARENT)
    assert "trace_id" not in world.events[0]


@pytest.mark.parametrize("sent", ["", "00-zz", f"00-{TRACE}-{PARENT}-01-kan4ry", "kan4ry"])
async def test_a_broken_traceparent_begins_a_trace_of_ours(client, exporter, sent):
    await client.post("/v1/verify", json=s3_question(), headers={"traceparent": sent})

    span = spans(exporter)["POST /v1/verify"]
    assert span.parent is None
    assert format(span.context.trace_id, "032x") != TRACE


async def test_nothing_anybody_sends_is_in_a_span(client, exporter):
    canary = "kan4ry"
    headers = {"tracestate": f"a={canary}", "baggage": f"a={canary}", "X-Request-Id": canary} | TRACEPARENT
    question = s3_question(target=f"/{canary}?{canary}=1", secret=canary)
    await client.post("/v1/verify", json=question, headers=headers)
    await client.post(f"/v1/{canary}?{canary}", json={canary: canary}, headers=headers)
    await client.request("PROPFIND", "/v1/verify", headers=headers)
    await client.get(f"/client/api?{cloudstack_query('ADMINKEY', command='getUser', userapikey=canary)}")
    await client.post("/v1/users/lookup", json={"access_key": canary})

    told = [span.to_json() for span in exporter.get_finished_spans()]
    assert len(told) >= 8
    for line in told:
        for secret in (canary, "ALICEKEY", "ADMINKEY", AUTHORIZED["Authorization"][7:]):
            assert secret.lower() not in line.lower()


async def test_a_method_nobody_knows_has_another_name(client, exporter):
    await client.request("PROPFIND", "/v1/verify")

    (span,) = exporter.get_finished_spans()
    assert span.attributes["http.request.method"] == "_OTHER"


async def test_the_shared_cache_is_followed_and_answers_as_it_did(tracing, exporter):
    kept = MemorySharedCache(StoppedClock())
    cache = tracing.shared_cache(kept)
    await cache.put("name", b"record", ttl=1)
    assert await cache.get("name", "other") == [b"record", None]
    kept.down = True
    with pytest.raises(SharedCacheUnavailable):
        await cache.get("name")

    assert [span.name for span in exporter.get_finished_spans()] == [
        "shared_cache.put",
        "shared_cache.get",
        "shared_cache.get",
    ]
    assert not any("name" in str(span.attributes) for span in exporter.get_finished_spans())


async def test_a_followed_directory_answers_as_it_did(tracing, world):
    directory = tracing.directory(world.directory)
    await directory.ping()
    found = await directory.find(AccessKey("ALICEKEY"), max_age=1)
    assert found.principal.user.name == "alice"
    assert await directory.find(AccessKey("NOBODY")) is None
    world.directory.down = True
    with pytest.raises(DirectoryUnavailable):
        await directory.ping()
