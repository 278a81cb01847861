"""Settings to rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authsvc.service.policy import Policy
from authsvc.service.soap_policy import SoapPolicy
from authsvc.signing import ByPublicKey
from authsvc.signing.cloudstack import CloudStack
from authsvc.signing.s3v2 import S3V2, SUB_RESOURCES
from authsvc.signing.s3v2post import S3V2Post
from authsvc.signing.sigv2 import SigV2
from authsvc.signing.sigv4 import SigV4
from authsvc.signing.sigv4a import SigV4A
from authsvc.signing.sigv4post import SigV4Post

if TYPE_CHECKING:
    from authsvc.settings import Settings
    from authsvc.signing import Scheme


def schemes(settings: Settings, *, lenient: bool = False) -> tuple[Scheme, ...]:
    """List every scheme this version speaks; policy switches one off, so that its refusal has a name."""
    return (
        SigV4(),
        SigV4A(),
        SigV4Post(),
        S3V2(sub_resources=settings.sub_resources or SUB_RESOURCES),
        S3V2Post(),
        SigV2(),
        CloudStack(lenient=lenient or settings.cloudstack_lenient),
    )


def accepted_schemes(settings: Settings) -> frozenset[str]:
    """Name the schemes accepted; on an edge region those for which a public key is enough."""
    if settings.edge_keys is None:
        return settings.schemes
    by_public_key = {scheme.name for scheme in schemes(settings) if isinstance(scheme, ByPublicKey)}
    return settings.schemes & by_public_key


def policy(settings: Settings) -> Policy:
    """Turn settings into rules."""
    return Policy(
        schemes=accepted_schemes(settings),
        timeless=settings.timeless,
        algorithms={"cloudstack": settings.algorithms, "sigv2": settings.sigv2_algorithms},
        clock_skew=settings.clock_skew,
        presign_lifetime=settings.presign_lifetime,
        expires_within=settings.expires_within or None,
        regions=settings.signing_regions,
        services=settings.signing_services,
        restricted_keys=settings.restricted_keys,
        presented_services=settings.presented_services,
        presented_strict=settings.presented_strict,
    )


def soap_policy(settings: Settings) -> SoapPolicy:
    """Turn settings into rules for SOAP."""
    return SoapPolicy(
        sha1=settings.soap_sha1,
        least_bits=settings.soap_key_bits,
        certificate_dates=settings.soap_certificate_dates,
        clock_skew=settings.soap_clock_skew,
        need_replay_check=settings.soap_replays == "refuse",
        bound_proof=settings.soap_bound_proof,
    )
