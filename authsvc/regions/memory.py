"""The in-memory twin of a registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from authsvc.model import Region


class MemoryRegions:
    """Regions in a list."""

    def __init__(self, regions: Iterable[Region] = ()) -> None:
        """Hold the regions."""
        self._regions = sorted(regions, key=lambda region: region.id)

    async def list(self) -> Sequence[Region]:
        """Return all regions by id."""
        return self._regions
