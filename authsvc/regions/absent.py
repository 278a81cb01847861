"""The registry where there is none: an edge region knows its own keys and nothing of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authsvc.errors import DirectoryUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authsvc.model import Region


class AbsentRegions:
    """Could not tell: an empty list would say that there are no regions."""

    async def list(self) -> Sequence[Region]:
        """Raise.

        Raises:
            DirectoryUnavailable: Always.
        """
        raise DirectoryUnavailable("an edge region has no registry of regions")
