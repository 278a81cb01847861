"""How a use case tells of what it decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authsvc.errors import AccountProblem, Unavailable
from authsvc.ports import Decision

if TYPE_CHECKING:
    from authsvc.errors import AuthError
    from authsvc.model import Credential, Identity


def allowed(
    use_case: str,
    credential: Credential | Identity,
    *,
    caller: str,
    seconds: float,
    scheme: str | None = None,
) -> Decision:
    """Describe a yes."""
    return Decision(
        use_case=use_case,
        verdict="allow",
        caller=caller,
        scheme=scheme,
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
        verdict="unavailable" if isinstance(error, Unavailable) else "deny",
        caller=caller,
        scheme=error.scheme,
        reason=reason,
        seconds=seconds,
    )
