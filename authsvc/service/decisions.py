"""How a use case tells of what it decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authsvc.errors import AccountProblem, AuditUnavailable
from authsvc.ports import Decision

if TYPE_CHECKING:
    from authsvc.errors import AuthError
    from authsvc.model import Credential, Identity
    from authsvc.ports import Audit, EventSink


def allowed(
    use_case: str,
    credential: Credential | Identity,
    *,
    caller: str,
    seconds: float,
    scheme: str | None = None,
    access_key: str | None = None,
) -> Decision:
    """Describe a yes."""
    return Decision(
        use_case=use_case,
        verdict="allow",
        caller=caller,
        scheme=scheme,
        access_key=access_key,
        user_id=credential.principal.user.id,
        account_id=credential.principal.account.id,
        source=credential.freshness.source,
        as_of=credential.freshness.as_of,
        seconds=seconds,
    )


def refused(use_case: str, error: AuthError, *, caller: str, seconds: float) -> Decision:
    """Describe a no, or that it could not be found out."""
    reason = error.detail["reason"] if isinstance(error, AccountProblem) else type(error).__name__
    return Decision(
        use_case=use_case,
        verdict=error.verdict,
        caller=caller,
        scheme=error.scheme,
        access_key=error.access_key,
        reason=reason,
        seconds=seconds,
    )


async def put_on_record(decision: Decision, audit: Audit | None, events: EventSink) -> None:
    """Put the decision on record where there is an audit, and tell of it; where it is not kept, that is told instead.

    Raises:
        AuditUnavailable: It is not on record, and must not go out.
    """
    if audit is not None:
        try:
            await audit.keep(decision)
        except AuditUnavailable as error:
            error.scheme, error.access_key = decision.scheme, decision.access_key
            events.record(refused(decision.use_case, error, caller=decision.caller, seconds=decision.seconds))
            raise
    events.record(decision)
