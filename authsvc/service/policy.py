"""What a claim must look like to be admitted, and what a credential must be in order to be used.

Runs on every request over facts, cached or not; nothing here is remembered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from authsvc.errors import (
    AccountProblem,
    BodyMismatch,
    Expired,
    FormScopeMismatch,
    InvalidToken,
    LifetimeTooLong,
    NotYetValid,
    QueryScopeMismatch,
    SchemeRefused,
    ScopeMismatch,
    Timeless,
    TimeSkewed,
)
from authsvc.model import State
from authsvc.signing.scope import holds_region

if TYPE_CHECKING:
    from collections.abc import Collection

    from authsvc.model import Credential, KeyPair, Principal
    from authsvc.signing import Claim, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What the calling endpoint is: the service and region a credential scope has to name; None is any.

    ``clock_skew`` is how many seconds a signing time may lie on either side of ours at this endpoint, where that
    is less than the operator's own. ``hides_body`` says that a body the signature covers would have been shown
    neither to us nor, by a hash that the request states, to whoever reads it.
    """

    service: str | None = None
    region: str | None = None
    clock_skew: float | None = None
    hides_body: bool = False


ANYTHING = Expectation()
DIGESTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {"cloudstack": frozenset({"HmacSHA1", "HmacSHA512"}), "sigv2": frozenset({"HmacSHA256"})}
)
"""Those in use where nobody says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The operator's rules.

    Attributes:
        schemes: Scheme names in use.
        timeless: Schemes whose signatures may carry no time.
        algorithms: Digests in use by scheme name, for schemes that leave a choice.
        clock_skew: Seconds a signing time may lie on either side of ours.
        presign_lifetime: Longest life of a presigned request, seconds.
        expires_within: Furthest a CloudStack ``expires`` may lie ahead, seconds; None as CloudStack's default
            (900 is its ``enforce.post.requests.and.timestamps``).
        regions: Region names accepted in a credential scope, or of which a region set has to hold one; empty is any.
        services: Service names accepted in a credential scope; empty is any.
        restricted_keys: Admit key pairs that carry rules of their own. The rules name CloudStack APIs and are
            not evaluated here, so by default such a key opens nothing.
        presented_services: Service names accepted in the scope of a string to sign that was presented alone.
        presented_strict: Hold such strings to the clock skew; without, they may be as old as a presigned request
            lives, because a string does not say whether it was presigned.
    """

    schemes: frozenset[str]
    timeless: frozenset[str] = frozenset()
    algorithms: Mapping[str, frozenset[str]] = field(default_factory=lambda: DIGESTS)
    clock_skew: float = 900.0
    presign_lifetime: float = 604800.0
    expires_within: float | None = None
    regions: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    restricted_keys: bool = False
    presented_services: frozenset[str] = frozenset({"iam", "s3", "sts"})
    presented_strict: bool = False

    def admit(self, claim: Claim, *, now: float, expect: Expectation = ANYTHING) -> None:
        """Return if the claim may be looked up at all; ``now`` in Unix seconds.

        Raises:
            Denied: A leaf that names the rule.
        """
        if claim.scheme not in self.schemes:
            raise SchemeRefused
        if claim.algorithm is not None and claim.algorithm not in self.algorithms.get(claim.scheme, ()):
            raise SchemeRefused(f"{claim.algorithm} is not accepted here")
        self._check_time(claim, now, expect)
        self._check_scope(claim, expect)
        if claim.token is not None:
            raise InvalidToken

    def check_state(self, credential: Credential, *, now: float) -> None:
        """Return if the proven credential may be used; ``now`` in Unix seconds.

        Raises:
            AccountProblem: ``reason`` names what is switched off.
        """
        reason = problem(credential, now=now)
        if reason is None and credential.principal.key.restricted and not self.restricted_keys:
            reason = "key-restricted"
        if reason is not None:
            raise AccountProblem(reason=reason)

    def _check_time(self, claim: Claim, now: float, expect: Expectation) -> None:
        if claim.signed_at is None and claim.expires_at is None:
            if claim.scheme not in self.timeless:
                raise Timeless
            return
        if claim.expires_at is None:
            self._check_skew(claim, now, min(self.clock_skew, expect.clock_skew or self.clock_skew))
        else:
            self._check_expiry(claim, claim.expires_at, now)

    def _check_skew(self, claim: Claim, now: float, clock_skew: float) -> None:
        signed_at = claim.signed_at or 0.0
        oldest = clock_skew
        if claim.presented and not self.presented_strict:
            oldest += self.presign_lifetime
        if not -clock_skew <= now - signed_at <= oldest:
            raise TimeSkewed(
                request_time=timestamp(signed_at),
                server_time=timestamp(now),
                max_allowed_skew_milliseconds=int(clock_skew * 1000),
            )

    def _check_expiry(self, claim: Claim, expires_at: float, now: float) -> None:
        if claim.signed_at is not None and now < claim.signed_at - self.clock_skew:
            raise NotYetValid(server_time=timestamp(now))
        if now > expires_at and claim.upload is not None:
            raise Expired("Invalid according to Policy: Policy expired.")
        if now > expires_at:
            raise Expired(**_lifetime(claim), expires=timestamp(expires_at), server_time=timestamp(now))
        longest = self.expires_within if claim.scheme == "cloudstack" else self.presign_lifetime
        start = now if claim.signed_at is None else claim.signed_at
        if longest is not None and expires_at - start > longest:
            raise LifetimeTooLong(max_seconds=int(longest))

    def _check_scope(self, claim: Claim, expect: Expectation) -> None:
        if claim.scope is None:
            return
        scope = claim.scope
        if claim.presented and scope.service not in self.presented_services:
            _refuse_scope(claim, "service", scope.service, sorted(self.presented_services))
        services = (expect.service,) if expect.service else self.services
        if services and scope.service not in services:
            _refuse_scope(claim, "service", scope.service, sorted(services))
        regions = (expect.region,) if expect.region else self.regions
        if regions and not _is_for(scope, regions):
            given = scope.region or ",".join(scope.region_set)
            _refuse_scope(claim, "region", given, sorted(regions))


def problem(credential: Credential, *, now: float) -> str | None:
    """Name what keeps the credential from being used, None if nothing does.

    The order is CloudStack's (``ApiServer.verifyRequest``): states, then ``api_key_access``, then the key
    pair's dates (``ApiKeyPairVO.validateDate``: invalid from its end on, and up to its start).
    """
    return "ambiguous-access-key" if credential.ambiguous else standing(credential.principal, now=now)


def standing(principal: Principal, *, now: float) -> str | None:
    """Name what keeps the principal from being anybody here, None if nothing does."""
    if principal.user.state is not State.ENABLED:
        return f"user-{principal.user.state}"
    if principal.account.state is not State.ENABLED:
        return f"account-{principal.account.state}"
    if not principal.domain.active:
        return "domain-inactive"
    return _key_problem(principal.key, now)


def _key_problem(key: KeyPair, now: float) -> str | None:
    if not key.allowed:
        return "api-key-access-disabled"
    if key.starts_at is not None and now <= key.starts_at:
        return "key-not-yet-valid"
    if key.expires_at is not None and now >= key.expires_at:
        return "key-expired"
    return None


def check_body(claim: Claim, expect: Expectation = ANYTHING) -> None:
    """Return unless the caller saw another body than the one that was signed, or the one that was signed nobody saw.

    Raises:
        BodyMismatch: It did, or nobody did: it was verified as if there were none, and there may be one.
    """
    if expect.hides_body and claim.payload == "signed" and claim.seen_body_sha256 is None:
        raise BodyMismatch("the signature covers the body, and the gateway did not show it")
    if claim.body_sha256 and claim.seen_body_sha256 and claim.body_sha256 != claim.seen_body_sha256:
        raise BodyMismatch(
            client_computed_content_sha256=claim.body_sha256,
            s3_computed_content_sha256=claim.seen_body_sha256,
        )


def timestamp(seconds: float) -> str:
    """Write Unix seconds as RFC 3339 in UTC; times beyond the calendar's end are cut to it."""
    return datetime.fromtimestamp(min(max(seconds, 0), 253402300799), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _lifetime(claim: Claim) -> dict[str, int]:
    """Return the seconds a presigned V4 request says it is good for; other schemes say an end alone."""
    if not claim.presigned or claim.signed_at is None or claim.expires_at is None:
        return {}
    return {"x_amz_expires": int(claim.expires_at - claim.signed_at)}


def _is_for(scope: Scope, regions: Collection[str]) -> bool:
    """Say whether the scope names one of the regions, or its region set holds one."""
    if scope.region is not None:
        return scope.region in regions
    return any(holds_region(scope.region_set, region) for region in regions)


def _refuse_scope(claim: Claim, name: str, given: str, accepted: list[str]) -> None:
    if claim.upload is not None:
        raise FormScopeMismatch(
            f"the {name} {given!r} is wrong; expecting {accepted[0]!r}", argument_name="x-amz-credential"
        )
    refusal = QueryScopeMismatch if claim.presigned else ScopeMismatch
    raise refusal(
        f"the credential scope is malformed; the {name} {given!r} is wrong; expecting {accepted[0]!r}",
        **{name: accepted[0]},
    )
