"""Who does this access key belong to? CloudStack's getUser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authsvc.errors import AccountProblem, AuthError, UnknownAccessKey
from authsvc.service.decisions import allowed, put_on_record, refused

if TYPE_CHECKING:
    from authsvc.model import AccessKey, Credential
    from authsvc.ports import Audit, Clock, Directory, EventSink


class Identify:
    """Look a key up. Like CloudStack's getUser it answers for disabled users too: their state says so."""

    def __init__(
        self, *, directory: Directory, clock: Clock, events: EventSink, audit: Audit | None = None
    ) -> None:
        """Take the seams; with ``audit`` no answer goes out that is not on record."""
        self._directory = directory
        self._clock = clock
        self._events = events
        self._audit = audit

    async def __call__(self, access_key: AccessKey, *, caller: str) -> Credential:
        """Return the key's credential; what of it may leave is the face's and the grant's business.

        Raises:
            UnknownAccessKey: Nobody holds it.
            AccountProblem: More than one live user does.
            Unavailable: It could not be found out.
        """
        began = self._clock.monotonic()
        try:
            credential = await self._directory.find(access_key)
            if credential is None:
                raise UnknownAccessKey
            if credential.ambiguous:
                raise AccountProblem(reason="ambiguous-access-key")
        except AuthError as error:
            error.access_key = access_key
            seconds = self._clock.monotonic() - began
            no = refused("identify", error, caller=caller, seconds=seconds)
            await put_on_record(no, self._audit, self._events)
            raise
        seconds = self._clock.monotonic() - began
        yes = allowed("identify", credential, caller=caller, access_key=access_key, seconds=seconds)
        await put_on_record(yes, self._audit, self._events)
        return credential
