"""Spans for OpenTelemetry: one a request, one a question to the directory or the shared cache.

What goes into a span is listed here. Nothing is passed on as it came: no address, query, header, key or message. Of
what a caller sends only ``traceparent`` is heeded, which has a fixed form.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from authsvc import __version__
from authsvc.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from opentelemetry.trace import Span, Tracer

    from authsvc.model import AccessKey, Credential
    from authsvc.ports import Directory, SharedCache

DEADLINE: Final = 2.0
"""Seconds for one delivery to the collector, and for the last one at the end."""

_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_TOLD: Final = {
    "route": "http.route",
    "status": "http.response.status_code",
    "use_case": "authsvc.use_case",
    "verdict": "authsvc.verdict",
    "reason": "authsvc.reason",
    "scheme": "authsvc.scheme",
    "source": "authsvc.source",
}
"""Fields of a request's log line that its span shows too; all of them are words of ours."""

_FAULT: Final = 500
_PROPAGATOR: Final = TraceContextTextMapPropagator()


class RequestSpan:
    """The span of one request.

    Attributes:
        ids: What names it in the log.
    """

    def __init__(self, span: Span) -> None:
        """Take the span."""
        context = span.get_span_context()
        self.ids: Mapping[str, str] = {
            "trace_id": format_trace_id(context.trace_id),
            "span_id": format_span_id(context.span_id),
        }
        self._span = span

    def tell(self, event: Mapping[str, Any]) -> None:
        """Put into the span what the request's log line says and a span may show."""
        method = event["method"] if event["method"] in _METHODS else "_OTHER"
        self._span.update_name(f"{method} {event['route']}".strip())
        self._span.set_attribute("http.request.method", method)
        for field, name in _TOLD.items():
            if event.get(field) is not None:
                self._span.set_attribute(name, event[field])
        if event["status"] >= _FAULT:
            self._span.set_status(StatusCode.ERROR)


class Tracing:
    """Makes spans; none of them keeps a request waiting for the collector."""

    def __init__(self, provider: TracerProvider) -> None:
        """Take the provider, which decides where spans go."""
        self._provider = provider
        self._tracer = provider.get_tracer("authsvc", __version__)

    @contextmanager
    def request(self, headers: Mapping[str, str]) -> Iterator[RequestSpan]:
        """Open the span of a request with these headers; it goes on with the trace of its ``traceparent``."""
        parent = _PROPAGATOR.extract({"traceparent": headers.get("traceparent", "")})
        with self._tracer.start_as_current_span(
            "request", parent, SpanKind.SERVER, record_exception=False, set_status_on_exception=False
        ) as span:
            yield RequestSpan(span)

    def directory(self, directory: Directory) -> Directory:
        """Put spans around what is asked of a directory."""
        return TracedDirectory(directory, self._tracer)

    def shared_cache(self, cache: SharedCache) -> SharedCache:
        """Put spans around what is asked of a shared cache."""
        return TracedSharedCache(cache, self._tracer)

    async def close(self) -> None:
        """Deliver what is left, within the deadline."""
        # A thread that may be left behind: the library's own end waits for half a minute.
        thread = threading.Thread(target=self._provider.shutdown, name="last spans", daemon=True)
        thread.start()
        await asyncio.to_thread(thread.join, DEADLINE)


@asynccontextmanager
async def open_tracing(endpoint: str, *, ratio: float) -> AsyncIterator[Tracing]:
    """Send spans to a collector by OTLP over HTTP; ``ratio`` of the traces that begin here, all that were begun before."""
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(ratio)),
        resource=Resource.create({"service.name": "authsvc", "service.version": __version__}),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, timeout=DEADLINE)))
    tracing = Tracing(provider)
    try:
        yield tracing
    finally:
        await tracing.close()


class TracedDirectory:
    """A directory with a span around each question."""

    def __init__(self, directory: Directory, tracer: Tracer) -> None:
        """Take the directory that answers."""
        self._directory = directory
        self._tracer = tracer

    async def find(self, access_key: AccessKey, *, max_age: float | None = None) -> Credential | None:
        """Pass the question on."""
        with _asking(self._tracer, "directory.find"):
            return await self._directory.find(access_key, max_age=max_age)

    async def ping(self) -> None:
        """Pass the question on."""
        with _asking(self._tracer, "directory.ping"):
            await self._directory.ping()


class TracedSharedCache:
    """A shared cache with a span around each call."""

    def __init__(self, cache: SharedCache, tracer: Tracer) -> None:
        """Take the cache that answers."""
        self._cache = cache
        self._tracer = tracer

    async def get(self, *names: str) -> Sequence[bytes | None]:
        """Pass the question on."""
        with _asking(self._tracer, "shared_cache.get"):
            return await self._cache.get(*names)

    async def put(self, name: str, record: bytes, *, ttl: float) -> None:
        """Pass the record on."""
        with _asking(self._tracer, "shared_cache.put"):
            await self._cache.put(name, record, ttl=ttl)

    def pages(self, prefix: str, *, most: int) -> AsyncIterator[Mapping[str, bytes]]:
        """Pass the question on; nobody's request waits for it, so it has no span."""
        return self._cache.pages(prefix, most=most)


@contextmanager
def _asking(tracer: Tracer, name: str) -> Iterator[None]:
    """Open a span; of an error it shows the type, as the text may quote what was asked."""
    with tracer.start_as_current_span(
        name, kind=SpanKind.CLIENT, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield
        except Unavailable as error:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(StatusCode.ERROR)
            raise
