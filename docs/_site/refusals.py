"""The tree of errors, and what each dialect calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authsvc import errors
from authsvc.errors import AuthError
from authsvc.faces.dialects import DIALECTS

if TYPE_CHECKING:
    from collections.abc import Iterator


def tree(kind: type[AuthError] = AuthError, depth: int = 0) -> Iterator[tuple[int, type[AuthError]]]:
    """Walk the errors below one in the order they are written in, with their depth."""
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield depth, child
            yield from tree(child, depth + 1)


def codes() -> set[str]:
    """Return every code that a dialect has for an error that can leave the service."""
    return {dialect.say(kind()).code for dialect in DIALECTS for _, kind in tree()}


def refusals() -> str:
    """Write the table: an error a row, a dialect a column."""
    head = "| error | meaning | " + " | ".join(dialect.name for dialect in DIALECTS) + " |"
    rows = [head, "|---" * (len(DIALECTS) + 2) + "|"]
    for depth, kind in tree():
        meaning = (kind.__doc__ or "").partition("\n")[0]
        cells = (
            f"{said.status}&nbsp;`{said.code}`" for said in (dialect.say(kind()) for dialect in DIALECTS)
        )
        rows.append(f"| {'&emsp;' * depth}`{kind.__name__}` | {meaning} | {' | '.join(cells)} |")
    return "\n".join(rows)


def said_by(code: str) -> str:
    """Say in which dialects, with which status and for which errors a code is used; others below those speak alike."""
    found: dict[tuple[str, int], list[str]] = {}
    for dialect in DIALECTS:
        for kind, said in dialect.table.items():
            if said.code == code:
                found.setdefault((dialect.name, said.status), []).append(f"`{kind.__name__}`")
    return "\n".join(
        f"*{name}, {status}:* {', '.join(kinds)}.<br>" for (name, status), kinds in found.items()
    )
