"""Who does this access key belong to? CloudStack's getUser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authsvc.errors import AccountProblem, AuthError, UnknownAccessKey
from authsvc.service.decisions import allowed, refused

if TYPE_CHECKING:
    from authsvc.model import AccessKey, Credential
    from authsvc.ports import Clock, Directory, EventSink


class Identify:
    """Look a key up. Like CloudStack's getUser it answers for disabled users too: their state says so."""

    def __init__(self, *, directory: Directory, clock: Clock, events: EventSink) -> None:
        """Take the seams."""
        self._directory = directory
        self._clock = clock
        self._events = events

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
            self._events.record(refused("identify", error, caller=caller, seconds=seconds))
            raise
        self._events.record(
            allowed("identify", credential, caller=caller, seconds=self._clock.monotonic() - began)
        )
        return credential
