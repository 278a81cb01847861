"""The port for operators: ``/livez``, ``/readyz``, ``/metrics``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_1_0_0, generate_latest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from prometheus_client import CollectorRegistry

    from authsvc.ops.health import Health


def make_ops_app(health: Health, registry: CollectorRegistry) -> web.Application:
    """Build the application of one process; it asks no dependency, so it answers whatever is down."""

    async def report() -> dict[str, Any]:
        return health.report()

    async def numbers() -> bytes:
        return generate_latest(registry)

    return ops_app(report, numbers)


def ops_app(
    report: Callable[[], Awaitable[Mapping[str, Any]]], numbers: Callable[[], Awaitable[bytes]]
) -> web.Application:
    """Build the application.

    Args:
        report: Describes readiness: ``ready``, and what goes with it.
        numbers: Gives the metrics in Prometheus' text format.
    """

    async def livez(_request: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def readyz(_request: web.Request) -> web.Response:
        told = await report()
        return web.json_response(told, status=200 if told["ready"] else 503)

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=await numbers(), headers={"Content-Type": CONTENT_TYPE_PLAIN_1_0_0})

    app = web.Application(client_max_size=1024)
    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    return app
