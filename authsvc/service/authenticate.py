"""Who signed this SOAP message?

The XML library, 4 MiB, is imported where a message is read: most processes never see one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authsvc.errors import (
    AccountProblem,
    AuthError,
    Replayed,
    ReplaysUnavailable,
    UnknownCertificate,
    UnknownUser,
)
from authsvc.service.decisions import allowed, put_on_record, refused
from authsvc.service.policy import standing
from authsvc.signing.certificate import certified

if TYPE_CHECKING:
    from authsvc.model import Certificate, Identity
    from authsvc.ports import Audit, Certificates, Clock, EventSink, Replays, Users
    from authsvc.service.bulkhead import Bulkhead
    from authsvc.service.soap_policy import SoapPolicy
    from authsvc.signing.certificate import Certified
    from authsvc.signing.soapclaim import SoapClaim

SCHEME: Final = "soap"
RETRY_WITHIN: Final = 10.0
"""Seconds in which the same caller may ask the same again, by the same request id."""

INLINE: Final = 32 * 1024
"""Bytes; longer messages are taken apart by another thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticated:
    """A message that was proven, who proved it, and until when it is good (Unix seconds)."""

    claim: SoapClaim
    certified: Certified
    identity: Identity
    valid_until: float
    replay_checked: bool


class Authenticate:
    """``read → await certificate → time → prove → await user → state → await mark``."""

    def __init__(
        self,
        *,
        certificates: Certificates,
        users: Users,
        replays: Replays,
        policy: SoapPolicy,
        clock: Clock,
        events: EventSink,
        bulkhead: Bulkhead,
        audit: Audit | None = None,
    ) -> None:
        """Take the seams; with ``audit`` no answer goes out that is not on record."""
        self.policy = policy
        self._certificates = certificates
        self._users = users
        self._replays = replays
        self._clock = clock
        self._events = events
        self._audit = audit
        self._bulkhead = bulkhead

    async def __call__(self, raw: bytes, *, caller: str, request_id: str) -> Authenticated:
        """Return who signed the message.

        Args:
            raw: The envelope, byte for byte as received.
            caller: Name of who asks, for the record.
            request_id: The caller's own name for this request; the same again within seconds is a retry.

        Raises:
            Malformed: It cannot be read as a signed message.
            Denied: The answer is no.
            Unavailable: It could not be found out.
        """
        began = self._clock.monotonic()
        try:
            claim = await self.read(raw)
            proven = await self._prove(claim, f"{caller}\0{request_id}".encode())
        except AuthError as error:
            error.scheme = SCHEME
            seconds = self._clock.monotonic() - began
            no = refused("authenticate", error, caller=caller, seconds=seconds)
            await put_on_record(no, self._audit, self._events)
            raise
        seconds = self._clock.monotonic() - began
        yes = allowed("authenticate", proven.identity, caller=caller, scheme=SCHEME, seconds=seconds)
        await put_on_record(yes, self._audit, self._events)
        return proven

    async def read(self, raw: bytes) -> SoapClaim:
        """Take a message apart, and refuse algorithms that are not admitted.

        Raises:
            Malformed: It cannot be read as a signed message.
            Overloaded: Too many large ones are waiting.
        """
        from authsvc.signing import wssecurity  # noqa: PLC0415

        if len(raw) > INLINE:
            claim = await self._bulkhead.run(wssecurity.read, raw)
        else:
            claim = wssecurity.read(raw)
        self.policy.check_algorithms(claim)
        return claim

    async def _prove(self, claim: SoapClaim, asker: bytes) -> Authenticated:
        from authsvc.signing import wssecurity  # noqa: PLC0415

        certificate = await self._certificates.find(claim.sha256)
        if certificate is None or certificate.revoked is not None:
            raise UnknownCertificate
        now = self._clock.now()
        end = self.policy.check_time(claim, now=now)
        wssecurity.prove(claim, certificate.der)
        about = certified(certificate.der)
        self.policy.check_certificate(about, now=now)
        identity = await self._holder(certificate)
        return Authenticated(
            claim=claim,
            certified=about,
            identity=identity,
            valid_until=end,
            replay_checked=await self._mark(claim, asker, end),
        )

    async def _holder(self, certificate: Certificate) -> Identity:
        identity = await self._users.find_user(certificate.user_id)
        if identity is None:
            raise UnknownUser
        reason = standing(identity.principal, now=self._clock.now())
        if reason is not None:
            raise AccountProblem(reason=reason)
        return identity

    async def _mark(self, claim: SoapClaim, asker: bytes, end: float) -> bool:
        """Mark the message as used; say whether that could be done.

        The mark's name is made of the decoded signature: base64 can be written in many ways, RSA's octets in one.

        Raises:
            Replayed: It is marked already, by somebody else, for another request, or too long ago for a retry.
            ReplaysUnavailable: Nobody can say, and that is not good enough.
        """
        now = self._clock.now()
        name = hashlib.sha256(bytes.fromhex(claim.sha256) + claim.signature).hexdigest()
        mark = f"{now:.3f} {hashlib.sha256(asker).hexdigest()}".encode()
        ttl = max(end - now, 0.0) + 2 * self.policy.clock_skew + 1.0
        try:
            kept = await self._replays.mark(name, mark, ttl=ttl)
        except ReplaysUnavailable:
            if self.policy.need_replay_check:
                raise
            return False
        if kept != mark and not _retried(kept, mark, now):
            raise Replayed
        return True


def _retried(kept: bytes, mark: bytes, now: float) -> bool:
    """Say whether the kept mark is by the same asker for the same request, seconds ago. Anything odd is no."""
    first, _, asker = kept.partition(b" ")
    try:
        age = now - float(first)
    except ValueError:
        return False
    return asker == mark.partition(b" ")[2] and abs(age) <= RETRY_WITHIN
