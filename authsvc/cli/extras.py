"""What comes with an extra: its packages are imported where it is asked for, and nowhere else."""

from __future__ import annotations

import importlib.util
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AsyncExitStack, ExitStack

    from authsvc.ops.tracing import Tracing
    from authsvc.settings import Settings


@contextmanager
def extra(setting: str, name: str) -> Iterator[None]:
    """Say which extra is missing, in place of which module.

    Raises:
        ValueError: One is.
    """
    try:
        yield
    except ModuleNotFoundError:
        raise missing(setting, name) from None


def missing(setting: str, name: str) -> ValueError:
    """Make the error that names the extra, and how to get it."""
    return ValueError(f"{setting}: needs the extra {name}: pip install 'authsvc[{name}]'")


def check_stream(settings: Settings) -> None:
    """Return if changes could be heard of in the way that is set.

    Raises:
        ValueError: Its library is missing.
    """
    if settings.stream == "binlog" and importlib.util.find_spec("pymysqlreplication") is None:
        raise missing("AUTHSVC_STREAM", "binlog")


async def open_tracing(stack: AsyncExitStack, settings: Settings) -> Tracing | None:
    """Follow requests, if that is asked for."""
    if settings.traces_endpoint is None:
        return None
    with extra("AUTHSVC_TRACES_ENDPOINT", "otel"):
        from authsvc.ops import tracing  # noqa: PLC0415
    opened = tracing.open_tracing(settings.traces_endpoint, ratio=settings.traces_ratio)
    return await stack.enter_async_context(opened)


def tell_of_faults(stack: ExitStack, settings: Settings) -> None:
    """Tell Sentry of faults, if that is asked for."""
    if settings.sentry_dsn is None:
        return
    with extra("AUTHSVC_SENTRY_DSN", "sentry"):
        from authsvc.ops.faults import telling_sentry  # noqa: PLC0415
    stack.enter_context(telling_sentry(settings.sentry_dsn))
