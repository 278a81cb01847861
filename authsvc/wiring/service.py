"""Settings to a service: every backend it stands on, opened and closed again."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from authsvc.cache.directory import CachedDirectory
from authsvc.cache.gathering import GatheredDirectory
from authsvc.cache.local import LocalCache
from authsvc.cache.records import Shared
from authsvc.cache.remembered import RememberedCertificates, RememberedRegions, RememberedUsers
from authsvc.cache.replays import MemoryReplays, RedisReplays
from authsvc.cache.seal import Sealer
from authsvc.certificates.memory import NoCertificates
from authsvc.certificates.sql import SQLCertificates
from authsvc.directory.sql import SQLDirectory
from authsvc.errors import ChangesUnavailable
from authsvc.events.audit import FileAudit, FileEvents, Record
from authsvc.events.ledger import Ledger
from authsvc.events.several import SeveralEvents
from authsvc.events.silent import SilentEvents
from authsvc.ops.health import Health, is_warm
from authsvc.regions.absent import AbsentRegions
from authsvc.regions.sql import SQLRegions
from authsvc.service.authenticate import Authenticate
from authsvc.service.bulkhead import Bulkhead
from authsvc.service.certificates import Register
from authsvc.service.identify import Identify
from authsvc.service.lease import Lease
from authsvc.service.service import Service, remembers_nothing
from authsvc.service.verify import Verify
from authsvc.wiring.backends import (
    cipher,
    edge_directory,
    keeps_certificates,
    open_directory_engine,
    open_own_engine,
    shared_cache,
    stream_arguments,
)
from authsvc.wiring.clock import CLOCK
from authsvc.wiring.rules import policy, schemes, soap_policy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from concurrent.futures import Executor

    from sqlalchemy.ext.asyncio import AsyncEngine

    from authsvc.cache.shared import RedisSharedCache
    from authsvc.model import AccessKey
    from authsvc.ops.metrics import Metrics
    from authsvc.ops.tracing import Tracing
    from authsvc.ports import Audit, Certificates, Clock, Directory, EventSink, Regions, Users
    from authsvc.service.breaker import Breaker
    from authsvc.settings import Settings


NOBODYS = "0" * 64
"""A hash that no certificate has, to see whether certificates can be asked for at all."""


@asynccontextmanager
async def open_service(
    settings: Settings,
    *,
    health: Health | None = None,
    events: EventSink | None = None,
    metrics: Metrics | None = None,
    tracing: Tracing | None = None,
) -> AsyncIterator[Service]:
    """Open what the settings name, and close it again.

    A database that is away does not keep the service from opening; ``health`` tells. The embedded directory is
    brought up to date on the way. ``metrics`` shows what the backends count, ``tracing`` how long they take.

    Raises:
        ValueError: A setting turns out to be unusable.
    """
    async with AsyncExitStack() as stack:
        health = health or Health()
        source = await _source(settings, stack, metrics, tracing)
        await stack.enter_async_context(health.watch(source.origin, source.warm_up))
        if source.lease is not None:
            await _hear_of_changes(settings, stack, source.lease, health)
        told = _told(settings, stack, metrics, events or SilentEvents())
        certificates = await _certificates(settings, stack, source.engine, health)
        xml = stack.enter_context(ThreadPoolExecutor(1, "xml"))
        yield _service(settings, source, told, certificates, xml)


def _service(
    settings: Settings, source: _Source, told: _Told, certificates: Certificates, xml: Executor
) -> Service:
    """Put the use cases together, over backends that are open."""
    authenticate = Authenticate(
        certificates=certificates,
        users=source.users,
        replays=MemoryReplays(CLOCK) if source.redis is None else RedisReplays(source.redis),
        policy=soap_policy(settings),
        clock=CLOCK,
        events=told.events,
        audit=told.audit,
        bulkhead=Bulkhead(xml),
    )
    return Service(
        verify=Verify(
            directory=source.directory,
            schemes=schemes(settings),
            policy=policy(settings),
            clock=CLOCK,
            events=told.events,
            audit=told.audit,
        ),
        identify=Identify(directory=source.directory, clock=CLOCK, events=told.events, audit=told.audit),
        authenticate=authenticate,
        register=Register(
            certificates=certificates, users=source.users, authenticate=authenticate, clock=CLOCK
        ),
        regions=source.regions,
        directory=source.directory,
        clock=CLOCK,
        region_id=settings.region_id,
        forget=source.forget,
    )


class _Remembering(TypedDict):
    """For how long answers are remembered, as every memory takes it."""

    clock: Clock
    fresh_for: float
    max_stale: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """Where users are found: who really knows, who is asked, what belongs to it."""

    origin: Directory
    directory: Directory
    users: Users
    regions: Regions
    engine: AsyncEngine | None = None
    redis: RedisSharedCache | None = None
    lease: Lease | None = None
    forget: Callable[[AccessKey], Awaitable[None]] = remembers_nothing
    warm_up: Callable[[], Awaitable[None]] = is_warm


async def _source(
    settings: Settings, stack: AsyncExitStack, metrics: Metrics | None, tracing: Tracing | None
) -> _Source:
    """Choose where users are found: the database, or in an edge region the file of public keys."""
    if settings.edge_keys is None:
        return await _database(settings, stack, metrics, tracing)
    edge = edge_directory(settings, settings.edge_keys)
    return _Source(origin=edge, directory=edge, users=edge, regions=AbsentRegions())


async def _database(
    settings: Settings, stack: AsyncExitStack, metrics: Metrics | None, tracing: Tracing | None
) -> _Source:
    engine = await stack.enter_async_context(open_directory_engine(settings))
    origin = SQLDirectory(engine, cipher=cipher(settings), clock=CLOCK)
    redis = _redis(settings, stack)
    local = LocalCache(CLOCK, known=settings.cache_size)
    lease = Lease(CLOCK) if settings.stream == "binlog" else None
    gathered = GatheredDirectory(origin)
    stack.push_async_callback(gathered.close)
    directory = CachedDirectory(
        gathered if tracing is None else tracing.directory(gathered),
        local=local,
        shared=None if redis is None else _shared(settings, redis, tracing),
        clock=CLOCK,
        lease=lease,
        ahead=origin if settings.stream == "hotset" else None,
        fresh_for=settings.fresh_for,
        max_stale=settings.max_stale,
    )
    stack.push_async_callback(directory.close)
    await stack.enter_async_context(directory.read_ahead())
    users = RememberedUsers(origin, **_remembering(settings))
    regions = RememberedRegions(SQLRegions(engine, clock=CLOCK), **_remembering(settings))
    stack.push_async_callback(users.close)
    stack.push_async_callback(regions.close)
    if metrics is not None:
        breakers = {"database": origin.breaker} | ({} if redis is None else {"redis": redis.breaker})
        _show(metrics, origin, directory, local, breakers, lease=lease)
    return _Source(
        origin=origin,
        directory=directory,
        users=users,
        regions=regions,
        engine=engine,
        redis=redis,
        lease=lease,
        forget=directory.forget,
        warm_up=directory.warm_up,
    )


async def _hear_of_changes(settings: Settings, stack: AsyncExitStack, lease: Lease, health: Health) -> None:
    """Read the binary log, and say where one looks for trouble if nothing is heard of it."""
    # Here and not above: an extra.
    from authsvc.stream.binlog import read_binlog  # noqa: PLC0415

    reading = read_binlog(stream_arguments(settings), lease, CLOCK)
    reader = await stack.enter_async_context(reading)

    async def heard() -> None:
        await reader.ask()
        if not lease.lives:
            raise ChangesUnavailable

    await stack.enter_async_context(health.watch_beside("changes", heard, every=1.0))


async def _certificates(
    settings: Settings, stack: AsyncExitStack, directory: AsyncEngine | None, health: Health
) -> Certificates:
    """Choose where certificates are kept: a database given, the embedded directory, or nowhere.

    Raises:
        ValueError: They are, and the XML library at hand would not do for the signatures made with them.
    """
    if keeps_certificates(settings):
        from authsvc.signing import c14n  # noqa: PLC0415 - with the XML library, 4 MiB

        c14n.check()
    if settings.own_database_url is not None:
        own = SQLCertificates(await stack.enter_async_context(open_own_engine(settings)), clock=CLOCK)
        looked_at = health.watch_beside("certificates", lambda: own.find(NOBODYS))
        await stack.enter_async_context(looked_at)
    elif directory is not None and directory.dialect.name == "sqlite":
        own = SQLCertificates(directory, clock=CLOCK)
    else:
        return NoCertificates()
    certificates = RememberedCertificates(own, **_remembering(settings))
    stack.push_async_callback(certificates.close)
    return certificates


def _remembering(settings: Settings) -> _Remembering:
    return {"clock": CLOCK, "fresh_for": settings.fresh_for, "max_stale": settings.max_stale}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """Who hears of decisions, and who has to have them on record before they are answered."""

    events: EventSink
    audit: Audit | None = None


def _told(settings: Settings, stack: AsyncExitStack, metrics: Metrics | None, events: EventSink) -> _Told:
    """Put the audit beside whoever listens or, where it is strict, before every answer."""
    if settings.audit is None:
        return _Told(events=events)
    ledger = stack.enter_context(Ledger(settings.audit))
    if metrics is not None:
        metrics.read("authsvc_audit_failures_total", lambda: ledger.failures)
    key = settings.audit_key
    record = Record(None if key is None else base64.b64decode(key.reveal()))
    if settings.audit_strict:
        return _Told(events=events, audit=FileAudit(ledger, record))
    return _Told(events=SeveralEvents(events, FileEvents(ledger, record)))


def _redis(settings: Settings, stack: AsyncExitStack) -> RedisSharedCache | None:
    if settings.redis_url is None:
        return None
    cache = shared_cache(settings.redis_url)
    stack.push_async_callback(cache.close)
    return cache


def _shared(settings: Settings, redis: RedisSharedCache, tracing: Tracing | None) -> Shared:
    sealer = Sealer([base64.b64decode(key.reveal()) for key in settings.cache_keys])
    return Shared(cache=redis if tracing is None else tracing.shared_cache(redis), sealer=sealer)


def _show(
    metrics: Metrics,
    origin: SQLDirectory,
    directory: CachedDirectory,
    local: LocalCache,
    breakers: Mapping[str, Breaker],
    *,
    lease: Lease | None,
) -> None:
    """Say where the numbers are that the backends keep."""

    def mode() -> dict[str, float]:
        live = lease is not None and lease.lives
        stale = not live and not origin.breaker.closed
        modes = {"polling": float(not live and not stale), "stale": float(stale)}
        return modes if lease is None else {"live": float(live), **modes}

    metrics.read("authsvc_staleness_seconds", lambda: origin.silent_for)
    metrics.read("authsvc_freshness_mode", mode)
    if lease is not None:
        metrics.read("authsvc_stream_position_age_seconds", lambda: lease.silent_for)
    metrics.read(
        "authsvc_breaker_state",
        lambda: {name: float(not breaker.closed) for name, breaker in breakers.items()},
    )
    metrics.read("authsvc_db_inflight", lambda: origin.in_flight)
    metrics.read("authsvc_clock_skew_seconds", lambda: origin.clock_skew)
    metrics.read("authsvc_cache_records", lambda: len(local))
    metrics.read("authsvc_cache_rejects_total", lambda: directory.rejects)
    metrics.read("authsvc_shed_total", lambda: directory.shed)
