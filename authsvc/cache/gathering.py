"""Many questions in one: the more are asked at a time, the less each of them costs."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from authsvc.cache.flight import end

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from authsvc.model import AccessKey, Credential
    from authsvc.ports import ManyKeysDirectory

Key = TypeVar("Key")
Found = TypeVar("Found")

LANES: Final = 2
"""Questions under way at a time: one that is held up does not hold the others up, and the rest gathers meanwhile."""

PAGE: Final = 64
"""Keys of one question: what it brings takes the loop some five milliseconds, and others have to get their turn."""


class Gathering(Generic[Key, Found]):
    """Asks for a key at once while there is a free lane; who comes then waits for one, and shares it with all who wait.

    So nobody waits but for a question that others are under way with, and none is put for nobody. It is put after
    all who share it came: what it brings is as new as what each would have got alone. A failure is theirs together.
    """

    def __init__(
        self,
        one: Callable[[Key], Awaitable[Found]],
        many: Callable[[Sequence[Key]], Awaitable[Mapping[Key, Found]]],
    ) -> None:
        """Take how one key is asked for, and how many are; of what that does not tell, it is asked alone."""
        self._one = one
        self._many = many
        self._free = LANES
        self._waiting: deque[tuple[Key, asyncio.Future[Mapping[Key, Found]]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, key: Key) -> Found:
        """Return what there is of the key, and raise what asking for it raises."""
        if self._free:
            self._free -= 1
            try:
                return await self._one(key)
            finally:
                self._go_on()
        waits: asyncio.Future[Mapping[Key, Found]] = asyncio.get_running_loop().create_future()
        self._waiting.append((key, waits))
        found = await waits
        return found[key] if key in found else await self._one(key)

    async def close(self) -> None:
        """End what is under way, and what waits for it."""
        for _, waits in self._waiting:
            waits.cancel()
        await end(self._tasks)

    def _go_on(self) -> None:
        """Give the lane to those who wait, or back."""
        together: dict[asyncio.Future[Mapping[Key, Found]], Key] = {}
        while self._waiting and len(together) < PAGE:
            key, waits = self._waiting.popleft()
            if not waits.done():  # who has left meanwhile wants nothing
                together[waits] = key
        if not together:
            self._free += 1
            return
        task = asyncio.create_task(self._ask_together(together), name="together")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask_together(self, together: Mapping[asyncio.Future[Mapping[Key, Found]], Key]) -> None:
        try:
            found = await self._many(list(dict.fromkeys(together.values())))
        except asyncio.CancelledError:
            for waits in together:
                waits.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - it is raised where it was asked for
            for waits in together:
                if not waits.done():
                    waits.set_exception(error)
        else:
            for waits in together:
                if not waits.done():
                    waits.set_result(found)
        finally:
            self._go_on()


class GatheredDirectory:
    """A directory, to which questions about many keys at a time are put as one."""

    def __init__(self, directory: ManyKeysDirectory) -> None:
        """Take the directory."""
        self._directory = directory
        self._gathering: Gathering[AccessKey, Credential | None] = Gathering(
            directory.find, directory.find_all
        )

    async def find(self, access_key: AccessKey, *, max_age: float | None = None) -> Credential | None:  # noqa: ARG002
        """Return the credential as the directory has it now.

        Raises:
            Unavailable: It could not be found out.
        """
        return await self._gathering.ask(access_key)

    async def ping(self) -> None:
        """Ask the directory."""
        await self._directory.ping()

    async def close(self) -> None:
        """End what is under way."""
        await self._gathering.close()
