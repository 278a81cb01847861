"""The in-memory twin of a directory."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from authsvc.errors import DirectoryUnavailable
from authsvc.model import Freshness, Identity, KeyPair

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from authsvc.model import AccessKey, Credential
    from authsvc.ports import Clock


class MemoryDirectory:
    """Credentials in a dictionary; ``down = True`` takes it away."""

    def __init__(self, clock: Clock, credentials: Iterable[Credential] = ()) -> None:
        """Hold the credentials."""
        self.down = False
        self.asked = 0
        self._clock = clock
        self._credentials = {credential.access_key: credential for credential in credentials}

    def put(self, credential: Credential) -> None:
        """Add or replace a credential."""
        self._credentials[credential.access_key] = credential

    def remove(self, access_key: AccessKey) -> None:
        """Take a credential away."""
        self._credentials.pop(access_key, None)

    async def find(self, access_key: AccessKey, *, max_age: float | None = None) -> Credential | None:  # noqa: ARG002
        """Return the credential, read now."""
        await self.ping()
        self.asked += 1
        credential = self._credentials.get(access_key)
        if credential is None:
            return None
        return dataclasses.replace(
            credential, freshness=Freshness(as_of=self._clock.now(), source="database")
        )

    async def find_all(self, access_keys: Sequence[AccessKey]) -> Mapping[AccessKey, Credential | None]:
        """Return the credentials, read now."""
        return {access_key: await self.find(access_key) for access_key in access_keys}

    async def find_user(self, user_id: str) -> Identity | None:
        """Return the user of any credential, read now."""
        await self.ping()
        for credential in self._credentials.values():
            principal = credential.principal
            if principal.user.id == user_id:
                return Identity(
                    principal=dataclasses.replace(principal, key=KeyPair(allowed=principal.key.allowed)),
                    freshness=Freshness(as_of=self._clock.now(), source="database"),
                )
        return None

    async def ping(self) -> None:
        """Return unless it is down."""
        if self.down:
            raise DirectoryUnavailable
