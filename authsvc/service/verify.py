"""Did that user sign this request?"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from authsvc import signing
from authsvc.errors import AuthError, DirectoryUnavailable, SignatureMismatch, UnknownAccessKey
from authsvc.model import Credential, Secret
from authsvc.service.decisions import allowed, put_on_record, refused
from authsvc.service.policy import ANYTHING, check_body
from authsvc.signing import Claim, presented

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from authsvc.model import AccessKey
    from authsvc.ports import Audit, Clock, Directory, EventSink
    from authsvc.service.policy import Expectation, Policy
    from authsvc.signing import Scheme, SignedRequest

READ_AGAIN_AFTER = 1.0
"""Seconds: a mismatch is reported only on a secret the directory gave within this time. It bounds both how
long a rotated secret may be told "mismatch" and how often bad signatures make us ask."""

ASK_AGAIN_AFTER = 0.1
"""Seconds between two questions to a directory that does not answer, where the asker has patience."""

MOST_PATIENT = 256
"""Requests that wait so at once; beyond it nobody is made to wait."""

_DECOY = Secret("the hash of a secret nobody has, so that unknown keys take as long as wrong ones")


class Verified(NamedTuple):
    """A claim that was proven, and the credential that proved it."""

    claim: Claim
    credential: Credential


class Verify:
    """``read → admit → await find → prove → state``: one await, pure steps around it."""

    def __init__(
        self,
        *,
        directory: Directory,
        schemes: Sequence[Scheme],
        policy: Policy,
        clock: Clock,
        events: EventSink,
        audit: Audit | None = None,
    ) -> None:
        """Take the seams; with ``audit`` no answer goes out that is not on record."""
        self.schemes = schemes
        self.policy = policy
        self._directory = directory
        self._clock = clock
        self._events = events
        self._audit = audit
        self._patient = 0

    def __call__(
        self, request: SignedRequest, *, caller: str, expect: Expectation = ANYTHING
    ) -> Awaitable[Verified]:
        """Return who signed the request.

        Args:
            request: As received by the caller.
            caller: Name of who asks, for the record.
            expect: What the endpoint that received it is.

        Raises:
            Malformed: It cannot be read.
            Denied: The answer is no.
            Unavailable: It could not be found out.
        """
        return self._verify(partial(signing.read, self.schemes, request), caller=caller, expect=expect)

    def string(
        self,
        *,
        access_key: str,
        text: str,
        signature: str,
        caller: str,
        expect: Expectation = ANYTHING,
        patience: float = 0.0,
        chunks: bool = False,
    ) -> Awaitable[Verified]:
        """Return who signed a string that the caller made of a request it saw and keeps to itself; of a chunk too, with ``chunks``.

        ``patience`` is for how many seconds the directory is asked again if it does not answer.

        Raises:
            Malformed: It is no string that a request is signed by.
            Denied: The answer is no.
            Unavailable: It could not be found out.
        """
        read = partial(presented.read, access_key=access_key, text=text, signature=signature, chunks=chunks)
        return self._verify(read, caller=caller, expect=expect, patience=patience)

    async def _verify(
        self, read: Callable[[], Claim], *, caller: str, expect: Expectation, patience: float = 0.0
    ) -> Verified:
        began = self._clock.monotonic()
        claim: Claim | None = None
        try:
            claim = read()
            credential = await self._prove(claim, expect, patience)
        except AuthError as error:
            if claim is not None:
                error.scheme, error.access_key = claim.scheme, claim.access_key
            seconds = self._clock.monotonic() - began
            no = refused("verify", error, caller=caller, seconds=seconds)
            await put_on_record(no, self._audit, self._events)
            raise
        yes = allowed(
            "verify",
            credential,
            caller=caller,
            scheme=claim.scheme,
            access_key=claim.access_key,
            seconds=self._clock.monotonic() - began,
        )
        await put_on_record(yes, self._audit, self._events)
        return Verified(claim=claim, credential=credential)

    async def _prove(self, claim: Claim, expect: Expectation, patience: float) -> Credential:
        now = self._clock.now()
        self.policy.admit(claim, now=now, expect=expect)
        find = partial(self._find, patience=patience) if patience else self._directory.find
        found = await find(claim.access_key)
        try:
            credential = self._proven(claim, found)
        except SignatureMismatch:
            if found is None or now - found.freshness.as_of <= READ_AGAIN_AFTER:
                raise
            again = await find(claim.access_key, max_age=READ_AGAIN_AFTER)
            if again is found:
                raise  # a directory that holds all it knows has nothing newer, and a proof is not for nothing
            credential = self._proven(claim, again)
        self.policy.check_state(credential, now=self._clock.now())
        if claim.objection is not None:
            raise claim.objection
        check_body(claim, expect)
        signing.prove_chunks(self.schemes, claim, credential.verifier)
        return credential

    async def _find(
        self, access_key: AccessKey, *, patience: float, max_age: float | None = None
    ) -> Credential | None:
        until = self._clock.monotonic() + patience
        while True:
            try:
                return await self._directory.find(access_key, max_age=max_age)
            except DirectoryUnavailable:
                if self._clock.monotonic() >= until or self._patient >= MOST_PATIENT:
                    raise
            self._patient += 1
            try:
                await asyncio.sleep(ASK_AGAIN_AFTER)
            finally:
                self._patient -= 1

    def _proven(self, claim: Claim, credential: Credential | None) -> Credential:
        if credential is None:
            with suppress(SignatureMismatch):
                signing.prove(self.schemes, claim, _DECOY)
            raise UnknownAccessKey(aws_access_key_id=claim.access_key)
        signing.prove(self.schemes, claim, credential.verifier)
        return credential
