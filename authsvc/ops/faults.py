"""Faults, told to Sentry: the type and the place of an exception, and nothing that it or its variables say."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from sentry_sdk import Client
from sentry_sdk.utils import event_from_exception

from authsvc import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authsvc.model import Secret

DEADLINE: Final = 2.0
"""Seconds for what is left to be told at the end."""

_EVENT: Final = ("event_id", "timestamp", "level", "platform", "release", "environment")
_FRAME: Final = ("filename", "function", "module", "lineno", "in_app")


class FaultHandler(logging.Handler):
    """Tells of every exception that is logged as an error: those of requests, and those nobody waited for."""

    def __init__(self, client: Client) -> None:
        """Take the client."""
        super().__init__(logging.ERROR)
        self._client = client

    def emit(self, record: logging.LogRecord) -> None:
        """Hand the exception over; it is sent by a thread of the client's."""
        if record.exc_info and record.exc_info[1] is not None:
            event, hint = event_from_exception(record.exc_info, client_options=self._client.options)
            self._client.capture_event(event, hint=hint)


@contextmanager
def telling_sentry(dsn: Secret) -> Iterator[None]:
    """Tell Sentry of faults while the context is open.

    Raises:
        ValueError: The address cannot be used; it is not quoted.
    """
    try:
        client = Client(
            dsn.reveal(),
            release=f"authsvc@{__version__}",
            include_local_variables=False,
            include_source_context=False,
            default_integrations=False,
            auto_enabling_integrations=False,
            max_breadcrumbs=0,
            send_client_reports=False,
            auto_session_tracking=False,
            before_send=type_and_place,
        )
    except ValueError:
        raise ValueError("AUTHSVC_SENTRY_DSN: is no address of a Sentry project") from None
    handler = FaultHandler(client)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        client.close(timeout=DEADLINE)


def type_and_place(event: Any, _hint: Any) -> Any:
    """Make the event anew from what may be told; whatever a later version of the library adds stays behind."""
    told = {name: event[name] for name in _EVENT if name in event}
    values = event.get("exception", {}).get("values", [])
    told["exception"] = {"values": [_exception(value) for value in values]}
    return told


def _exception(value: Any) -> dict[str, Any]:
    frames = (value.get("stacktrace") or {}).get("frames", [])
    return {
        "type": value.get("type"),
        "module": value.get("module"),
        "stacktrace": {
            "frames": [{name: frame[name] for name in _FRAME if name in frame} for frame in frames]
        },
    }
