"""The nouns: what a directory knows, what an answer says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NewType, NoReturn, TypeVar

from authsvc.errors import SecretNotHeld

if TYPE_CHECKING:
    from collections.abc import Callable

Derived = TypeVar("Derived")

AccessKey = NewType("AccessKey", str)
"""The public half of a key pair, compared byte for byte."""


class Secret:
    """Text that is silent in every way Python can make something talk.

    ``repr``, ``str``, ``format`` and f-strings give a mask; pickling, copying and JSON are refused;
    comparing is refused too, so that nobody compares secrets with ``==``. ``reveal()`` is the only way out,
    and a test lists the modules allowed to call it. The key last derived from it is kept beside it, and goes
    when it goes.
    """

    __slots__ = ("_derived", "_text")

    def __init__(self, text: str) -> None:
        """Wrap the text."""
        self._text = text
        self._derived: tuple[tuple[str, ...], Any] | None = None

    def derived(
        self, purpose: tuple[str, ...], derive: Callable[[Secret, tuple[str, ...]], Derived]
    ) -> Derived:
        """Return the key that ``derive`` makes of this secret; made anew only for another purpose than the last."""
        known = self._derived
        if known is None or known[0] != purpose:
            known = self._derived = (purpose, derive(self, purpose))
        key: Derived = known[1]
        return key

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return repr(self)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, _other: object) -> NoReturn:
        raise TypeError("a Secret is never compared; reveal it into hmac.compare_digest")

    __hash__ = None  # type: ignore[assignment]  # a secret is no dictionary key either

    def __reduce_ex__(self, _protocol: Any) -> NoReturn:
        raise TypeError("a Secret does not leave the process")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key on P-256: its point, uncompressed (SEC 1 §2.3.3). Proves signatures, makes none."""

    LENGTH: ClassVar[int] = 65
    point: bytes


Verifier = Secret | PublicKey
"""What a key holder's signatures are proven with."""


class State(StrEnum):
    """State of a user or an account (CloudStack's ``Account.State``); an unknown one reads as disabled."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    LOCKED = "locked"


class AccountType(IntEnum):
    """CloudStack's ``Account.Type`` by ordinal; numbers unknown to us read as ``NORMAL``'s rights at most."""

    NORMAL = 0
    ADMIN = 1
    DOMAIN_ADMIN = 2
    RESOURCE_DOMAIN_ADMIN = 3
    READ_ONLY_ADMIN = 4
    PROJECT = 5
    UNKNOWN = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A row of ``roles`` (CloudStack 4.9 and later)."""

    id: str
    name: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person or program; ``id`` is the uuid, the same in every region. ``created`` is Unix seconds."""

    id: str
    name: str
    state: State
    firstname: str | None = None
    lastname: str | None = None
    email: str | None = None
    timezone: str | None = None
    created: float | None = None
    source: str | None = None
    is_default: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who owns resources; users belong to one. ``role`` is None before CloudStack 4.9."""

    id: str
    name: str
    type: AccountType
    state: State
    role: Role | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A node of the tree of domains; ``path`` is ``/`` for ROOT, ``/a/b/`` below."""

    id: str
    name: str
    path: str
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """What is known of the key itself; ``id`` is None where the key is a column of ``user`` (before 4.23).

    Times are Unix seconds, None unbounded; valid is ``starts_at < now < expires_at``
    (``ApiKeyPairVO.validateDate``). ``restricted`` says the pair carries rules of its own that narrow the
    user's rights. ``allowed`` is the resolved ``api_key_access`` of user, account and domain.
    """

    id: str | None = None
    starts_at: float | None = None
    expires_at: float | None = None
    restricted: bool = False
    allowed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The user a key belongs to, with its account, domain and key; holds no secret."""

    user: User
    account: Account
    domain: Domain
    key: KeyPair


Source = Literal["memory", "redis", "database", "stale"]
"""Where a record came from; ``stale`` says its source could not be asked again in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """When the directory last said so (Unix seconds, UTC) and who remembered it."""

    as_of: float
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """An access key with its principal and what proves its signatures, as the directory held it at ``freshness.as_of``.

    A fact, never a decision: a disabled user's credential looks like any other, and policy runs on it each
    time. ``verifier`` is the secret key or, in a directory that holds no secrets, the public key.
    ``ambiguous`` says that more than one live row claims the key, so nobody may use it.
    """

    access_key: AccessKey
    verifier: Verifier
    principal: Principal
    freshness: Freshness
    ambiguous: bool = False

    @property
    def secret(self) -> Secret:
        """Return the secret key.

        Raises:
            SecretNotHeld: Only the public key is held here.
        """
        if isinstance(self.verifier, PublicKey):
            raise SecretNotHeld
        return self.verifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A user found by id, as the directory held it at ``freshness.as_of``; a fact, as a credential is.

    ``principal.key`` is no key pair: it says whether the user may use the API by keys at all.
    """

    principal: Principal
    freshness: Freshness


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """An X.509 certificate that a user registered; known by the SHA-256 of its DER and by nothing it says.

    Attributes:
        sha256: Lower-case hex.
        der: The certificate.
        user_id: Whose it is: the user's uuid, the same in every region.
        created: Unix seconds.
        revoked: Unix seconds; None while it may be used. What is revoked stays so.
        legacy_id: Under which name CloudStack's awsapi knew it, where it was taken over from there.
    """

    sha256: str
    der: bytes
    user_id: str
    created: float
    revoked: float | None = None
    legacy_id: str | None = None

    def holds(self, other: Certificate) -> bool:
        """Say whether this one, which is kept, may stand for the other: the same user's, and not revoked since."""
        return self.user_id == other.user_id and (self.revoked is None or other.revoked is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A row of the region registry; ``id`` is CloudStack's small number, not a uuid."""

    id: int
    name: str
    endpoint: str
    gslb_enabled: bool = True
    portable_ip_enabled: bool = False
