"""The service as faces see it: its use cases, and whether it is ready."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from authsvc.model import AccessKey
    from authsvc.ports import Clock, Directory, Regions
    from authsvc.service.authenticate import Authenticate
    from authsvc.service.certificates import Register
    from authsvc.service.identify import Identify
    from authsvc.service.verify import Verify


async def remembers_nothing(_access_key: AccessKey) -> None:
    """Forget a key where nothing is ever remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One opened service.

    ``region_id`` is this region's number in the registry; ``forget`` drops one key from every cache, here and
    in the region's other processes, and raises Unavailable where it could not reach them.
    """

    verify: Verify
    identify: Identify
    authenticate: Authenticate
    register: Register
    regions: Regions
    directory: Directory
    clock: Clock
    region_id: int = 1
    forget: Callable[[AccessKey], Awaitable[None]] = remembers_nothing
