"""What a signed SOAP message, and the certificate behind it, must be like to be admitted.

Like the other policy it runs on every message over facts; nothing here is remembered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authsvc.errors import CertificateProblem, Expired, LifetimeTooLong, NotYetValid, UnsupportedAlgorithm
from authsvc.service.policy import timestamp

if TYPE_CHECKING:
    from authsvc.signing.certificate import Certified
    from authsvc.signing.soapclaim import SoapClaim

SHA1 = frozenset({"rsa-sha1", "sha1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SoapPolicy:
    """The operator's rules for SOAP.

    Attributes:
        sha1: Admit RSA-SHA1 and SHA-1 digests, which is all that EC2's own tools speak.
        least_bits: Length of the shortest RSA key admitted.
        certificate_dates: Hold certificates to their dates. AWS did not.
        clock_skew: Seconds a client's clock may be off.
        lifetime: Seconds a message is good for, whatever it says (EC2's five minutes).
        need_replay_check: Refuse messages while nobody can say whether they came before.
        bound_proof: A proof of possession must name the user it is for.
    """

    sha1: bool = False
    least_bits: int = 2048
    certificate_dates: bool = True
    clock_skew: float = 60.0
    lifetime: float = 300.0
    need_replay_check: bool = True
    bound_proof: bool = False

    def check_algorithms(self, claim: SoapClaim) -> None:
        """Return if every algorithm the proof rests on is admitted.

        Raises:
            UnsupportedAlgorithm: One is not.
        """
        if not self.sha1 and not SHA1.isdisjoint(claim.algorithms):
            raise UnsupportedAlgorithm(
                "SHA-1 is not accepted here: sign with RSA-SHA256 and SHA-256 digests, or have the operator "
                "admit it (AUTHSVC_SOAP_SHA1)"
            )

    def check_time(self, claim: SoapClaim, *, now: float) -> float:
        """Return until when the message is good; all in Unix seconds.

        Raises:
            NotYetValid: It was created in the future.
            Expired: Its end has passed.
            LifetimeTooLong: It does not say when it was created, and ends too far ahead.
        """
        skew = self.clock_skew
        end = claim.expires
        if claim.created is not None:
            end = min(end, claim.created + self.lifetime)
            if claim.created > now + skew:
                raise NotYetValid("the message was created in the future", server_time=timestamp(now))
        if now > end + skew:
            raise Expired("the message has expired", expires=timestamp(end), server_time=timestamp(now))
        if end > now + self.lifetime + skew:
            raise LifetimeTooLong(max_seconds=int(self.lifetime))
        return end

    def check_certificate(self, certified: Certified, *, now: float) -> None:
        """Return if the certificate may be used now.

        Raises:
            CertificateProblem: ``reason`` names why not.
        """
        if certified.bits < self.least_bits:
            raise CertificateProblem(
                f"the certificate's key must have at least {self.least_bits} bits", reason="key-too-short"
            )
        if self.certificate_dates and now > certified.not_after:
            raise CertificateProblem("the certificate has expired", reason="certificate-expired")
        if self.certificate_dates and now < certified.not_before:
            raise CertificateProblem("the certificate is not yet valid", reason="certificate-not-yet-valid")
