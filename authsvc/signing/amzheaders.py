"""Which headers a signature covers, and which it has to."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from authsvc.errors import DuplicateParameter, UnsignedHeaders

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from authsvc.errors import Malformed

_ALIAS = re.compile(r"x[^a-z0-9]amz[^a-z0-9]", re.ASCII)
_USUAL_LIST = 512
"""Characters of a list that is worth remembering."""
_CONFIDENTIAL = re.compile(
    r"(?<=\n)(x-amz-[a-z0-9-]*(?:-token|-customer-key):)[^\n]*|(X-Amz-Security-Token=)[^&\n]*", re.ASCII
)


def signed_names(
    text: str, fields: Mapping[str, object], refuse: Callable[[str], Malformed]
) -> tuple[str, ...]:
    """Split a ``SignedHeaders`` list: lower-case names of headers present, sorted, each once.

    Raises:
        Malformed: What ``refuse`` makes of the reason.
    """
    names = _sorted_names(text) if len(text) <= _USUAL_LIST else _sorted_names.__wrapped__(text)
    if names is None:
        raise refuse("the SignedHeaders list must be sorted and name each header once.")
    if not all(map(fields.__contains__, names)):
        raise refuse("the SignedHeaders list must hold lower-case names of headers that the request has.")
    return names


@lru_cache(maxsize=1024)
def _sorted_names(text: str) -> tuple[str, ...] | None:
    """Split the list, None if it is not sorted; a client signs the same few lists all day."""
    names = text.split(";")
    return tuple(names) if names == sorted(set(names)) else None


def require_signed(fields: Mapping[str, Sequence[str]], signed: Collection[str]) -> None:
    """Return if the one ``host`` and every ``x-amz-*`` header present are signed.

    ``x-amz-content-sha256`` need not be: it is the last line of what is signed. A name that gateways fold into
    an ``x-amz-*`` one (``X_Amz_Copy_Source``) is never covered by a signature over the name it would become.

    Raises:
        UnsignedHeaders: ``headers_not_signed`` lists the others.
        DuplicateParameter: There are two hosts, of which another reader may take the other.
    """
    if len(fields.get("host", ())) > 1:
        raise DuplicateParameter(argument_name="host")
    missing = [] if "host" in signed else ["host"]
    for name in fields:
        if name[0] != "x":
            continue
        if name.startswith("x-amz-"):
            if name not in signed and name != "x-amz-content-sha256":
                missing.append(name)
        elif is_alias(name):
            missing.append(name)
    if missing:
        raise UnsignedHeaders(headers_not_signed=sorted(missing))


def is_alias(name: str) -> bool:
    """Say whether a gateway that folds punctuation would make an ``x-amz-*`` header of this one."""
    return _ALIAS.match(name) is not None and not name.startswith("x-amz-")


def conceal(text: str) -> str:
    """Blank session tokens and customers' encryption keys in a text that is shown to the client."""
    return _CONFIDENTIAL.sub(lambda match: f"{match[1] or match[2]}(concealed)", text)
