"""Which headers a signature covers, and which it has to."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from authsvc.errors import DuplicateParameter, UnsignedHeaders

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from authsvc.errors import Malformed

_ALIAS = re.compile(r"x[^a-z0-9]amz[^a-z0-9]", re.ASCII)
_USUAL_LIST = 512
_USUAL_FIELDS = 32
"""Characters of a list, and headers beside it, that are worth remembering."""
_CONFIDENTIAL = re.compile(
    r"(?<=\n)(x-amz-[a-z0-9-]*(?:-token|-customer-key):)[^\n]*|(X-Amz-Security-Token=)[^&\n]*", re.ASCII
)


class _Judged(NamedTuple):
    """A list of signed headers, what is wrong with it, and which headers it should hold and does not."""

    names: tuple[str, ...]
    fault: str | None = None
    missing: tuple[str, ...] = ()


def signed_names(
    text: str, fields: Mapping[str, Sequence[str]], refuse: Callable[[str], Malformed]
) -> tuple[str, ...]:
    """Split a ``SignedHeaders`` list: lower-case names of headers present, sorted, each once.

    The one ``host`` and every ``x-amz-*`` header present have to be among them. ``x-amz-content-sha256`` need not
    be: it is the last line of what is signed. A name that gateways fold into an ``x-amz-*`` one
    (``X_Amz_Copy_Source``) is never covered by a signature over the name it would become.

    Raises:
        Malformed: What ``refuse`` makes of the reason.
        UnsignedHeaders: ``headers_not_signed`` lists those that are not.
        DuplicateParameter: There are two hosts, of which another reader may take the other.
    """
    usual = len(text) <= _USUAL_LIST and len(fields) <= _USUAL_FIELDS
    names, fault, missing = (_judged if usual else _judged.__wrapped__)(text, tuple(fields))
    if fault is not None:
        raise refuse(fault)
    if len(fields.get("host", ())) > 1:
        raise DuplicateParameter(argument_name="host")
    if missing:
        raise UnsignedHeaders(headers_not_signed=list(missing))
    return names


@lru_cache(maxsize=256)
def _judged(text: str, present: tuple[str, ...]) -> _Judged:
    """Hold the list against the headers that are there; clients send the same few headers all day."""
    names = tuple(text.split(";"))
    if list(names) != sorted(set(names)):
        return _Judged(names, "the SignedHeaders list must be sorted and name each header once.")
    if not set(names) <= set(present):
        return _Judged(
            names, "the SignedHeaders list must hold lower-case names of headers that the request has."
        )
    wanted = {"host", *(name for name in present if name.startswith("x-amz-"))}
    missing = wanted - {*names, "x-amz-content-sha256"} | set(filter(is_alias, present))
    return _Judged(names, missing=tuple(sorted(missing)))


def is_alias(name: str) -> bool:
    """Say whether a gateway that folds punctuation would make an ``x-amz-*`` header of this one."""
    return _ALIAS.match(name) is not None and not name.startswith("x-amz-")


def conceal(text: str) -> str:
    """Blank session tokens and customers' encryption keys in a text that is shown to the client."""
    return _CONFIDENTIAL.sub(lambda match: f"{match[1] or match[2]}(concealed)", text)
