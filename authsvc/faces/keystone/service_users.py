"""Callers that log in as Keystone's service users do: with a name, a domain and a password.

A sub-table of their entry in the callers file::

    [caller.keystone]
    user = "swift"
    password_scrypt = ["scrypt$16384$8$1$…$…"]   # two at once while rotating
    domain = "Default"                           # and domain_id = "default"; both are what clients assume
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from authsvc.errors import CallerUnauthorized, Overloaded
from authsvc.faces.keystone.attempts import EveryAttempt
from authsvc.faces.keystone.passwords import PasswordHash

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from authsvc.faces.callers import Caller, Callers
    from authsvc.ports import Clock

OPTION: Final = "keystone"
MOST_WAITING: Final = 64
"""Logins that may wait for the one slow hash at a time, no two under one name from one address; more are shed."""

_KEYS: Final = frozenset({"user", "password_scrypt", "domain", "domain_id"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceUser:
    """A caller as a user of Keystone's."""

    caller: Caller
    name: str
    domain: str
    domain_id: str
    passwords: tuple[PasswordHash, ...]

    @property
    def id(self) -> str:
        """Return the user's id: the caller's name, which is unique."""
        return self.caller.name


class ServiceUsers:
    """All of them, and their passwords.

    A password that proved right is known from then on by a keyed digest that never leaves the process. So a
    store that logs in again neither waits for the slow hash nor is locked out by whoever keeps guessing. Until
    then it waits for one hash of each other name and address at the most, and for none of a name nobody has.
    """

    def __init__(self, callers: Callers) -> None:
        """Take those of the callers that may log in.

        Raises:
            ValueError: One line for every problem in their sub-tables.
        """
        self._callers = callers
        self._read(callers.all)
        self._key = secrets.token_bytes(32)
        self._known: dict[str, tuple[bytes, PasswordHash]] = {}
        self._decoy = PasswordHash.of_nobody()
        self._attempts = EveryAttempt()
        self._one, self._of_nobody = asyncio.Lock(), asyncio.Lock()
        self._waiting = 0
        self._took = 0.0

    @property
    def all(self) -> tuple[ServiceUser, ...]:
        """Return the users that the callers of this moment are."""
        self._keep_up()
        return self._all

    def of(self, caller: str) -> ServiceUser | None:
        """Return the user that the caller of this name is, None if it is none."""
        self._keep_up()
        return self._by_caller.get(caller)

    async def log_in(
        self, user: ServiceUser | None, password: str, clock: Clock, *, name: str, address: str | None
    ) -> tuple[ServiceUser, PasswordHash]:
        """Return the user whose password it is, and the hash it fits.

        Args:
            user: Whose it is said to be; None for a name nobody has.
            password: What was shown.
            clock: Measures what may be tried.
            name: Who was named, as it was said.
            address: Where from.

        Raises:
            CallerUnauthorized: It is not; an unknown name takes as long as a wrong password.
            Overloaded: Too many are trying.
        """
        given = password.encode("utf-8", "surrogatepass")
        digest = hmac.digest(self._key, given, "sha256")
        if user is not None:
            known = self._known.get(user.id)
            if known is not None and known[1] in user.passwords and hmac.compare_digest(known[0], digest):
                return user, known[1]
        attempts = self._attempts.at(name, address, clock.monotonic())
        attempts.spend(clock.monotonic())
        async with attempts.turn:
            if user is None:
                await self._pretend(given, clock)
            else:
                for candidate in user.passwords:
                    if await self._matches(candidate, given, clock):
                        self._known[user.id] = (digest, candidate)
                        return user, candidate
        raise CallerUnauthorized("the user name, domain or password is wrong")

    def _keep_up(self) -> None:
        """Read the callers again if others have taken their places; those are known to be described well."""
        if self._callers.all is not self._read_of:
            self._read(self._callers.all)

    def _read(self, callers: tuple[Caller, ...]) -> None:
        problems: list[str] = []
        users = tuple(_users(callers, problems))
        places = [(user.name, user.domain) for user in users]
        problems += (
            f"two callers are {name!r} in {domain!r}"
            for name, domain in places
            if places.count((name, domain)) > 1
        )
        if problems:
            raise ValueError("\n".join(problems))
        self._read_of, self._all = callers, users
        self._by_caller = {user.caller.name: user for user in users}

    async def _matches(self, candidate: PasswordHash, given: bytes, clock: Clock) -> bool:
        if self._waiting >= MOST_WAITING:
            raise Overloaded
        self._waiting += 1
        try:
            async with self._one:
                return await self._computed(candidate, given, clock)
        finally:
            self._waiting -= 1

    async def _pretend(self, given: bytes, clock: Clock) -> None:
        """Take as long about a name nobody has: compute a hash, or while another does so, wait for as long."""
        if self._of_nobody.locked():
            await asyncio.sleep(self._took)
            return
        async with self._of_nobody:
            await self._computed(self._decoy, given, clock)

    async def _computed(self, candidate: PasswordHash, given: bytes, clock: Clock) -> bool:
        began = clock.monotonic()
        matches = await asyncio.to_thread(candidate.matches, given)
        self._took = clock.monotonic() - began
        return matches


def _users(callers: tuple[Caller, ...], problems: list[str]) -> Iterator[ServiceUser]:
    for caller in callers:
        options = caller.options.get(OPTION)
        if options is None:
            continue
        found = list(_problems(options))
        problems += (f"{caller.name}: {OPTION}: {problem}" for problem in found)
        if not found:
            yield ServiceUser(
                caller=caller,
                name=options["user"],
                domain=options.get("domain", "Default"),
                domain_id=options.get("domain_id", "default"),
                passwords=tuple(map(PasswordHash.parse, options["password_scrypt"])),
            )


def _problems(options: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted(options.keys() - _KEYS):
        yield f"unknown key {key!r}"
    for key in ("user", "domain", "domain_id"):
        value = options.get(key, "" if key == "user" else "default")
        if not isinstance(value, str) or not value:
            yield f"{key} must be text that is not empty"
    hashes = options.get("password_scrypt")
    if not isinstance(hashes, list) or not hashes or not all(isinstance(text, str) for text in hashes):
        yield "password_scrypt must be a list of hashes; `authsvc tokens password` makes one"
        return
    for text in hashes:
        try:
            PasswordHash.parse(text)
        except ValueError as error:
            yield str(error)
