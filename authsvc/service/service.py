"""The service as faces see it: its use cases, and whether it is ready."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from authsvc.ports import Clock, Directory, Regions
    from authsvc.service.identify import Identify
    from authsvc.service.verify import Verify


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One opened service; ``region_id`` is this region's number in the registry."""

    verify: Verify
    identify: Identify
    regions: Regions
    directory: Directory
    clock: Clock
    region_id: int = 1
