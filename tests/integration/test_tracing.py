"""A process that traces and tells of faults: what reaches a collector, and what no process without them does."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.command import command
from tests.receiver import Receiver
from tests.region import Region, ask, await_that, shapes, signed


def spans(collector):
    # Messages of this form one after the other are one message.
    received = ExportTraceServiceRequest.FromString(b"".join(collector.bodies))
    return [
        span for resource in received.resource_spans for scope in resource.scope_spans for span in scope.spans
    ]


@pytest.fixture
def collector():
    with Receiver() as server:
        yield server


def traced(mariadb, redis_server, folder, endpoint):
    settings = {"AUTHSVC_TRACES_ENDPOINT": endpoint, "AUTHSVC_TRACES_RATIO": "1"}
    return Region(mariadb, "4.22", folder / "region", redis=redis_server, **settings)


def test_spans_arrive_when_the_process_ends_and_give_nothing_away(mariadb, redis_server, tmp_path, collector):
    with traced(mariadb, redis_server, tmp_path, f"http://{collector.place}/v1/traces") as region:
        region.authsvc.start().await_ready()
        question = signed(region.people["alice"])
        region.verify(question)
        region.verify(question, token="kan4ry")
        ask(f"{region.authsvc.url}/kan4ry?kan4ry")
        assert region.authsvc.stop() == 0
        lines = [line for line in region.authsvc.lines() if line["event"] == "request"]
        canaries = region.canaries() | {"kan4ry", question["headers"][-1][1][-64:]}

    names = {span.name for span in spans(collector)}
    assert {"POST /v1/verify", "directory.find", "shared_cache.get"} <= names
    assert {span.trace_id.hex() for span in spans(collector)} == {line["trace_id"] for line in lines}
    for canary in canaries:
        for shape in shapes(canary):
            assert shape not in b"".join(collector.bodies)


def test_a_collector_that_is_away_keeps_nobody_waiting(mariadb, redis_server, tmp_path):
    with traced(mariadb, redis_server, tmp_path, "http://127.0.0.1:9/v1/traces") as region:
        region.authsvc.start().await_ready()
        assert region.verify(signed(region.people["alice"])).json["authenticated"]
        assert region.authsvc.stop() == 0
        assert region.authsvc.stderr.read_text() == ""
        await_that(lambda: region.authsvc.lines()[-1]["event"] == "stopped", "the log's end")


@pytest.mark.parametrize(
    ("setting", "value", "package", "extra"),
    [
        ("AUTHSVC_TRACES_ENDPOINT", "http://127.0.0.1:9/v1/traces", "opentelemetry", "otel"),
        ("AUTHSVC_SENTRY_DSN", "http://key@127.0.0.1:9/1", "sentry_sdk", "sentry"),
    ],
)
def test_an_extra_that_is_missing_is_named(tmp_path, setting, value, package, extra):
    (tmp_path / "sitecustomize.py").write_text(f"import sys; sys.modules[{package!r}] = None")
    done = command(
        "serve",
        environment={
            "PYTHONPATH": str(tmp_path),
            setting: value,
            "AUTHSVC_PORT": "0",
            "AUTHSVC_OPS_PORT": "0",
            "AUTHSVC_DATABASE_URL": "sqlite://",
        },
    )
    assert done.returncode == 1
    assert done.stderr == f"authsvc: {setting}: needs the extra {extra}: pip install 'authsvc[{extra}]'\n"
