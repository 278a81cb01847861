"""A V4 credential: whose key, and for which day, region and service it is good.

A scope of the asymmetric variant names no region. Its region set, a list of names with ``*`` for any
characters, is signed beside it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from authsvc.model import AccessKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from authsvc.errors import Malformed

TERMINATOR: Final = "aws4_request"
ASYMMETRIC = "AWS4-ECDSA-P256-SHA256"
"""The algorithm whose credentials name no region: its keys are the same in every one."""
REGION_SET = "x-amz-region-set"
_CREDENTIAL = re.compile(r"([!-~]{1,256})/(\d{8})/([!-.0-~]{1,128})/([!-.0-~]{1,128})/aws4_request", re.ASCII)
_WITHOUT_REGION = re.compile(r"([!-~]{1,256})/(\d{8})/([!-.0-~]{1,128})/aws4_request", re.ASCII)
_PART = re.compile(r"[!-.0-~]{1,128}", re.ASCII)
_DATE = re.compile(r"\d{8}", re.ASCII)
_KEY = re.compile(r"[!-~]{1,256}", re.ASCII)
_MOST_REGIONS = 64
_LONGEST = 600
"""Characters a credential can have; what is longer is not remembered either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A credential scope: ``date`` as ``YYYYMMDD``, and what the signature is good for.

    ``region`` is None where a ``region_set`` is signed instead: names of regions, with ``*`` for any characters.
    ``text`` is how it stands in the string to sign.
    """

    date: str
    region: str | None
    service: str
    region_set: tuple[str, ...] = ()
    text: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        place = self.service if self.region is None else f"{self.region}/{self.service}"
        object.__setattr__(self, "text", f"{self.date}/{place}/{TERMINATOR}")


def read_credential(
    text: str, refuse: Callable[[str], Malformed], *, regional: bool = True
) -> tuple[AccessKey, Scope]:
    """Split ``<access key>/YYYYMMDD/<region>/<service>/aws4_request`` from the right: keys may hold ``/``.

    Where it is not ``regional`` there is no region in it.

    Raises:
        Malformed: What ``refuse`` makes of the reason.
    """
    found = split_credential(text, regional) if len(text) <= _LONGEST else None
    if found is None:
        raise refuse(_fault(text, regional=regional))
    return found


def read_region_set(text: str, refuse: Callable[[str], Malformed]) -> tuple[str, ...]:
    """Split a region set at its commas; blanks beside them do not count.

    Raises:
        Malformed: What ``refuse`` makes of a set that is missing, too long, or holds an empty name.
    """
    names = tuple(name.strip(" \t") for name in text.split(","))
    if len(names) > _MOST_REGIONS or not all(map(_PART.fullmatch, names)):
        raise refuse(f"the region set has to name 1 to {_MOST_REGIONS} regions, with commas between them.")
    return names


def holds_region(region_set: Iterable[str], region: str) -> bool:
    """Say whether one name of the set is the region's, ``*`` standing for any characters."""
    return any(_is_like(region, name) for name in region_set)


@lru_cache(maxsize=1024)
def split_credential(text: str, regional: bool) -> tuple[AccessKey, Scope] | None:
    """Split a credential, None if it is none; whoever signs sends the same one all day."""
    match = (_CREDENTIAL if regional else _WITHOUT_REGION).fullmatch(text)
    if match is None:
        return None
    access_key, date, *region, service = match.groups()
    return AccessKey(access_key), Scope(date=date, region=region[0] if regional else None, service=service)


def _is_like(region: str, name: str) -> bool:
    """Match from left to right, in linear time: a pattern from a request is no regular expression."""
    first, *others = name.split("*")
    if not others:
        return region == name
    if not region.startswith(first):
        return False
    place = len(first)
    *between, last = others
    for part in between:
        found = region.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return len(region) - place >= len(last) and region.endswith(last)


def _fault(text: str, *, regional: bool) -> str:
    form = (
        "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request"
        if regional
        else "<YOUR-AKID>/YYYYMMDD/SERVICE/aws4_request"
    )
    wanted = form.count("/")
    parts = text.rsplit("/", wanted)
    well_formed = len(parts) > wanted and _KEY.fullmatch(parts[0]) and all(map(_PART.fullmatch, parts[1:]))
    if not well_formed:
        return f'the Credential is mal-formed; expecting "{form}".'
    date, terminator = parts[1], parts[-1]
    if not _DATE.fullmatch(date):
        return (
            f'incorrect date format "{date}". This date in the credential must be in the format "yyyyMMdd".'
        )
    return f'incorrect terminal "{terminator}". This endpoint uses "{TERMINATOR}".'
