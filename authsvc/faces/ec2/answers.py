"""What the EC2 face answers, as plain dicts."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

from authsvc.faces.native.answers import moment
from authsvc.signing.certificate import certified

if TYPE_CHECKING:
    from authsvc.model import Certificate, Principal
    from authsvc.service.authenticate import Authenticated
    from authsvc.service.verify import Verified
    from authsvc.signing.soapclaim import Name, SoapClaim


def authenticated(proven: Authenticated, *, request_id: str) -> dict[str, Any]:
    """Describe who signed a SOAP message, and what of it they signed."""
    about = proven.certified
    return {
        "authenticated": True,
        "request_id": request_id,
        **who(proven.identity.principal),
        "credential": {
            "type": "x509",
            "sha256": about.sha256,
            "issuer": about.issuer,
            "serial": about.serial,
        },
        "message": {
            **_message(proven.claim),
            "valid_until": moment(proven.valid_until),
            "replay_checked": proven.replay_checked,
        },
    }


def query_authenticated(verified: Verified, *, request_id: str) -> dict[str, Any]:
    """Describe who signed a Query request."""
    claim = verified.claim
    scope = claim.scope
    return {
        "authenticated": True,
        "request_id": request_id,
        **who(verified.credential.principal),
        "credential": {"type": "access_key", "access_key": claim.access_key},
        "message": {
            "scheme": claim.scheme,
            "signature_algorithm": claim.algorithm or "HmacSHA256",
            "signed_at": moment(claim.signed_at),
            "expires_at": moment(claim.expires_at),
            "scope": scope and {"date": scope.date, "region": scope.region, "service": scope.service},
        },
    }


def who(principal: Principal) -> dict[str, Any]:
    """Describe user, account and domain; never a secret."""
    user, account, domain = principal.user, principal.account, principal.domain
    return {
        "user": {"id": user.id, "username": user.name, "state": user.state},
        "account": {"id": account.id, "name": account.name, "type": account.type, "state": account.state},
        "domain": {"id": domain.id, "name": domain.name, "path": domain.path},
    }


def registered(certificate: Certificate) -> dict[str, Any]:
    """Describe a certificate that is kept."""
    about = certified(certificate.der)
    return {
        "sha256": certificate.sha256,
        "user_id": certificate.user_id,
        "state": "active" if certificate.revoked is None else "revoked",
        "issuer": about.issuer,
        "serial": about.serial,
        "not_before": moment(about.not_before),
        "not_after": moment(about.not_after),
        "created": moment(certificate.created),
        "revoked": moment(certificate.revoked),
    }


def _message(claim: SoapClaim) -> dict[str, Any]:
    return {
        "soap": claim.soap,
        "operation": _named(claim.operation),
        "signature_algorithm": claim.algorithm,
        "created": moment(claim.created),
        "signed": [
            {"part": part.part, "digest": part.digest} | (_named(part.name) if part.part == "Header" else {})
            for part in claim.parts
        ],
        "unsigned_headers": [_named(name) for name in claim.unsigned],
        "body_c14n": b64encode(claim.body).decode(),
    }


def _named(name: Name) -> dict[str, str]:
    return {"ns": name.ns, "name": name.name}
