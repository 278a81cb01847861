"""What a process reads from files: at its start, and again when others have taken their places."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from authsvc.cli.faces import chosen_faces
from authsvc.errors import Unavailable
from authsvc.faces.callers import Callers
from authsvc.faces.registry import OPTIONS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from pathlib import Path

    from authsvc.faces.ext_authz.check import Pem
    from authsvc.ops.health import Health
    from authsvc.settings import Settings

EVERY = 1.0
"""Seconds between two looks. A file is taken once two in a row find it the same, so that none is taken half written."""

Stamp = tuple[int, int, int, int]
"""What tells a file from the one that took its place."""

Read = TypeVar("Read")


def read_callers(settings: Settings) -> Callers:
    """Read the callers file; without one nobody may ask.

    Raises:
        ValueError: One line for every problem in it.
        OSError: It cannot be read.
    """
    if settings.callers is None:
        return Callers()
    try:
        return Callers.parse(settings.callers.read_text(encoding="utf-8"), OPTIONS)
    except UnicodeDecodeError as error:
        raise ValueError(f"the callers file is not text in UTF-8, from byte {error.start} on") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTLS:
    """What a listener shows of itself, and whose clients it believes.

    Attributes:
        context: For asyncio; client certificates are asked for, and may be missing, where there are authorities.
        pem: The same as it was read, for gRPC, which makes contexts of its own.
    """

    context: ssl.SSLContext
    pem: Pem = field(repr=False)


def server_tls(settings: Settings) -> ServerTLS | None:
    """Read the server's certificate, its key and the clients' authorities; None for no TLS.

    Raises:
        ValueError: One cannot be used, or does not fit the others.
        OSError: One cannot be read.
    """
    certificate, key, client_ca = settings.tls_certificate, settings.tls_key, settings.tls_client_ca
    if certificate is None or key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    with _told_of("AUTHSVC_TLS_CERTIFICATE and AUTHSVC_TLS_KEY are no certificate and its key"):
        context.load_cert_chain(certificate, key)
    if client_ca is not None:
        with _told_of("AUTHSVC_TLS_CLIENT_CA holds no certificate"):
            context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_OPTIONAL
    authorities = None if client_ca is None else client_ca.read_bytes()
    return ServerTLS(context=context, pem=(certificate.read_bytes(), key.read_bytes(), authorities))


@contextlib.contextmanager
def _told_of(problem: str) -> Iterator[None]:
    """Say what is wrong with a file in words that are not OpenSSL's alone.

    Raises:
        ValueError: OpenSSL cannot use it.
    """
    try:
        yield
    except ssl.SSLError as error:
        raise ValueError(f"{problem}, in PEM: {error.reason or 'they cannot be read'}") from None


class Reread(Generic[Read]):
    """Files that are read together, and once more when they have changed.

    What they hold is taken as a whole or not at all: what cannot be used takes nobody's place.
    """

    def __init__(self, name: str, paths: Sequence[Path | None], read: Callable[[], Read]) -> None:
        """Take what an operator calls them, where they are, and what reads them."""
        self.name = name
        self.hurried = False
        self._paths = [path for path in paths if path is not None]
        self._read = read
        self._seen = self._known = self._stamps()
        self._refusal: str | None = None

    async def look(self, take: Callable[[Read], None], tell: Callable[[dict[str, Any]], None]) -> None:
        """Hand to ``take`` what they hold if it is new, and ``tell`` of it.

        One look at a time: a disk that hangs holds up this one, and nobody's answer.

        Raises:
            Unavailable: What they hold cannot be used; what was taken before still counts.
        """
        stamps = await asyncio.to_thread(self._stamps)
        settled = self.hurried or stamps == self._seen
        self._seen, self.hurried = stamps, False
        if settled and stamps != self._known:
            self._known = stamps
            try:
                read = await asyncio.to_thread(self._read)
            except Exception as error:  # noqa: BLE001 - whatever a file holds must not end the looking
                problems = str(error).splitlines() or [type(error).__name__]
                self._refusal = problems[0]
                tell(self._event("not read again") | {"problems": problems})
            else:
                self._refusal = None
                take(read)
                tell(self._event("read again"))
        if self._refusal is not None:
            raise Unavailable(
                f"the files were changed and are refused: {self._refusal}; those before still count"
            )

    def _event(self, event: str) -> dict[str, Any]:
        return {"event": event, "files": self.name, "pid": os.getpid()}

    def _stamps(self) -> tuple[Stamp | None, ...]:
        return tuple(map(_stamp, self._paths))


class Files:
    """The files a process goes by.

    Attributes:
        callers: Who may ask; the same object whatever the file says later.
        tls: What listeners begin a connection with; None for no TLS.
        pem: Returns what is newest of the same, for a listener that asks itself; None for no TLS.
    """

    def __init__(self, settings: Settings) -> None:
        """Read them.

        Raises:
            ValueError: One line for every problem in them.
            OSError: One cannot be read.
        """
        certificate = (settings.tls_certificate, settings.tls_key, settings.tls_client_ca)
        self._callers = Reread("callers", [settings.callers], partial(_usable_callers, settings))
        self._tls = Reread("TLS", certificate, partial(server_tls, settings))
        self.callers = _usable_callers(settings)
        self.tls: ssl.SSLContext | None = None
        self.pem: Callable[[], Pem] | None = None
        first = server_tls(settings)
        if first is not None:
            self._current = first
            self.tls, self.pem = first.context, self._newest
            self.tls.sni_callback = self._switch

    @asynccontextmanager
    async def watched(self, health: Health, tell: Callable[[dict[str, Any]], None]) -> AsyncIterator[None]:
        """Read them again when they change, while the context is open; on SIGHUP without a second look."""
        with contextlib.suppress(NotImplementedError):
            # For good: whoever is about to end is not ended by it.
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._hurry)
        callers = partial(self._callers.look, self.callers.adopt, tell)
        tls = partial(self._tls.look, self._take_tls, tell)
        async with (
            health.watch_beside(self._callers.name, callers, every=EVERY),
            health.watch_beside(self._tls.name, tls, every=EVERY),
        ):
            yield

    def _hurry(self) -> None:
        self._callers.hurried = self._tls.hurried = True

    def _take_tls(self, read: ServerTLS | None) -> None:
        if read is not None:
            self._current = read

    def _newest(self) -> Pem:
        return self._current.pem

    def _switch(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """Let a connection, before anything of ours is shown, go on with the newest certificate and authorities.

        OpenSSL asks here whether the client named a server or not.
        """
        connection.context = self._current.context


def _usable_callers(settings: Settings) -> Callers:
    """Read the callers file, and see whether every face could serve them."""
    callers = read_callers(settings)
    for face in chosen_faces(settings):
        face.routes(callers)
    return callers


def _stamp(path: Path) -> Stamp | None:
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
