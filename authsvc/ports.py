"""Every seam on one page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct
from msgspec.structs import asdict

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from authsvc.model import AccessKey, Certificate, Credential, Identity, Region


class Clock(Protocol):
    """Time, injected so that tests can pass a value."""

    def now(self) -> float:
        """Return the wall clock in Unix seconds (UTC)."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back; only differences mean anything."""
        ...


class Directory(Protocol):
    """None means "no such credential"; raising Unavailable means "could not find out". Never blur the two."""

    async def find(self, access_key: AccessKey, *, max_age: float | None = None) -> Credential | None:
        """Return the credential whose access key is this one byte for byte.

        Args:
            access_key: As presented.
            max_age: Seconds; an answer remembered for longer than this will not do. None leaves it to the
                backend; a backend that remembers nothing ignores it.

        Raises:
            Unavailable: It could not be found out.
        """
        ...

    async def ping(self) -> None:
        """Return if the directory could answer now.

        Raises:
            Unavailable: It could not, and why.
        """
        ...


class ManyKeys(Protocol):
    """A directory that can be asked about many keys at once."""

    async def find_all(self, access_keys: Sequence[AccessKey]) -> Mapping[AccessKey, Credential | None]:
        """Return what ``find`` would of each; a key of which that cannot be told is not among them.

        Raises:
            Unavailable: It could not be found out of any.
        """
        ...


class ManyKeysDirectory(Directory, ManyKeys, Protocol):
    """A directory that can be asked about one key, and about many at once."""


class Users(Protocol):
    """The users by id, for whoever proves themselves by something else than an access key."""

    async def find_user(self, user_id: str) -> Identity | None:
        """Return the live user whose uuid is this one byte for byte, in whatever state; None if there is none.

        Raises:
            Unavailable: It could not be found out.
        """
        ...


class Certificates(Protocol):
    """Who registered which certificate, revoked ones included."""

    async def find(self, sha256: str) -> Certificate | None:
        """Return the certificate with this hash.

        Raises:
            CertificatesUnavailable: It could not be found out.
        """
        ...

    async def list(self, user_id: str | None = None) -> Sequence[Certificate]:
        """Return a user's certificates, or everybody's, oldest first.

        Raises:
            CertificatesUnavailable: They could not be found out.
        """
        ...

    async def add(self, certificate: Certificate) -> Certificate:
        """Keep the certificate; where the same user holds it already, leave it and return it as it is kept.

        Raises:
            CertificateTaken: Another user holds it, or it was revoked.
            CertificatesUnavailable: It was not kept.
        """
        ...

    async def revoke(self, sha256: str, *, at: float) -> bool:
        """Revoke the certificate for good; False if there is none. ``at`` in Unix seconds.

        Raises:
            CertificatesUnavailable: It was not revoked.
        """
        ...


class Replays(Protocol):
    """Marks of the messages that were accepted, seen by every process of the region."""

    async def mark(self, name: str, mark: bytes, *, ttl: float) -> bytes:
        """Keep the mark for ttl seconds unless there is one under the name; return the one that is kept.

        Raises:
            ReplaysUnavailable: It could not be found out.
        """
        ...


class Regions(Protocol):
    """The registry of regions."""

    async def list(self) -> Sequence[Region]:
        """Return all regions by id.

        Raises:
            Unavailable: It could not be found out.
        """
        ...


class SharedCache(Protocol):
    """A store of small sealed records that other processes of this region see too."""

    async def get(self, *names: str) -> Sequence[bytes | None]:
        """Return each name's record, None where there is none.

        Raises:
            SharedCacheUnavailable: No answer in time.
        """
        ...

    async def put(self, name: str, record: bytes, *, ttl: float) -> None:
        """Keep the record for ttl seconds.

        Raises:
            SharedCacheUnavailable: It was not kept.
        """
        ...

    def pages(self, prefix: str, *, most: int) -> AsyncIterator[Mapping[str, bytes]]:
        """Yield records whose names begin so, by name and some at a time; ``most`` of them at most, in no order.

        Raises:
            SharedCacheUnavailable: No answer in time; what was yielded before is good.
        """
        ...


class Changes(Protocol):
    """Somebody who wants to hear what changes in the directory; neither blocks nor raises.

    ``at`` is the monotonic clock's when it was heard of, in the order of what happened.
    """

    def began(self, at: float) -> None:
        """From now on every change is told; of what was before, nothing is known."""
        ...

    def heard(self, at: float) -> None:
        """Whatever changed until now has been told."""
        ...

    def changed(self, names: Iterable[str], at: float) -> None:
        """These have changed: access keys, and uuids of users, accounts or domains."""
        ...

    def all_changed(self, at: float) -> None:
        """Anybody may have changed."""
        ...

    def ended(self) -> None:
        """No change is told any more."""
        ...


class Decision(Struct, frozen=True, kw_only=True):
    """One answer given, as audit, metrics and bus hear it. Holds no secret and no query.

    ``access_key`` is what the request claimed, for the audit to make another name of; nobody writes it as it is.
    ``verdict`` is allow, deny or unavailable; ``reason`` the error's class name, or its account problem;
    ``seconds`` how long the use case took; ``as_of`` Unix seconds of the record it rests on.
    """

    use_case: str
    verdict: str
    caller: str
    reason: str | None = None
    scheme: str | None = None
    access_key: str | None = None
    user_id: str | None = None
    account_id: str | None = None
    source: str | None = None
    as_of: float | None = None
    seconds: float = 0.0

    def __repr__(self) -> str:
        shown = (f"{name}={value!r}" for name, value in asdict(self).items() if name != "access_key")
        return f"Decision({', '.join(shown)})"


class EventSink(Protocol):
    """Somebody who wants to hear of decisions; neither blocks nor raises."""

    def record(self, decision: Decision) -> None:
        """Take note of a decision."""
        ...


class Audit(Protocol):
    """A record of decisions, for answers that may not go out without."""

    async def keep(self, decision: Decision) -> None:
        """Return when the decision is on record.

        Raises:
            AuditUnavailable: It is not, and it cannot be said whether it ever will be.
        """
        ...
