"""The certificates of a user: register with proof of possession, list, revoke."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authsvc.errors import AuthError, CertificateProblem, UnknownCertificate, UnknownUser
from authsvc.model import Certificate
from authsvc.service.authenticate import SCHEME
from authsvc.signing.certificate import certified

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authsvc.ports import Certificates, Clock, Users
    from authsvc.service.authenticate import Authenticate
    from authsvc.signing.soapclaim import SoapClaim


class Register:
    """Keep a certificate for a user who has shown that they hold its key."""

    def __init__(
        self, *, certificates: Certificates, users: Users, authenticate: Authenticate, clock: Clock
    ) -> None:
        """Take the seams, and the use case whose reading and rules a proof is held to."""
        self._certificates = certificates
        self._users = users
        self._authenticate = authenticate
        self._clock = clock

    async def __call__(self, proof: bytes, *, user_id: str) -> Certificate:
        """Return the certificate as it is kept.

        Args:
            proof: A SOAP envelope signed by the certificate's key, and good now.
            user_id: Who has proven, in another way, to be this user.

        Raises:
            Malformed: The proof cannot be read, or its certificate holds no usable key.
            Denied: It proves nothing, is out of date or made for another user; the certificate cannot be used
                or is somebody else's; there is no such user.
            Unavailable: It was not kept.
        """
        try:
            return await self._keep(proof, user_id)
        except AuthError as error:
            error.scheme = SCHEME
            raise

    async def list(self, user_id: str) -> Sequence[Certificate]:
        """Return the user's certificates, oldest first, revoked ones included."""
        return await self._certificates.list(user_id)

    async def revoke(self, sha256: str, *, user_id: str) -> None:
        """Revoke one of the user's certificates for good; once more does no harm.

        Raises:
            UnknownCertificate: The user has none with this hash.
            Unavailable: It was not revoked.
        """
        kept = await self._certificates.find(sha256)
        if kept is None or kept.user_id != user_id:
            raise UnknownCertificate
        await self._certificates.revoke(sha256, at=self._clock.now())

    async def _keep(self, proof: bytes, user_id: str) -> Certificate:
        from authsvc.signing import wssecurity  # noqa: PLC0415 - as in authenticate

        policy = self._authenticate.policy
        claim = await self._authenticate.read(proof)
        about = certified(claim.certificate)
        now = self._clock.now()
        policy.check_time(claim, now=now)
        wssecurity.prove(claim, claim.certificate)
        policy.check_certificate(about, now=now)
        _check_purpose(claim, user_id, must=policy.bound_proof)
        if await self._users.find_user(user_id) is None:
            raise UnknownUser
        new = Certificate(
            sha256=about.sha256, der=claim.certificate, user_id=user_id, created=float(int(now))
        )
        return await self._certificates.add(new)


def _check_purpose(claim: SoapClaim, user_id: str, *, must: bool) -> None:
    """Return unless the proof was made for something else.

    Any message signed by the key shows that its holder was there; one that names the user shows that they
    meant this. A message made for a gateway, and caught on its way, then proves nothing here.
    """
    from authsvc.signing import possession  # noqa: PLC0415 - as in authenticate

    made_for = possession.made_for(claim)
    if made_for is None and must:
        raise CertificateProblem(
            f"the proof must be a RegisterCertificate of {possession.NAMESPACE} that names the user",
            reason="proof-unbound",
        )
    if made_for not in (None, user_id):
        raise CertificateProblem("the proof was made for another user", reason="proof-of-another")
